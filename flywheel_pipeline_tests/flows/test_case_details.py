"""A compared case in full, and cases found by a text."""

from __future__ import annotations

from pathlib import Path

from flywheel_pipeline.flows.case_details import find_cases, is_to_label, read_details
from flywheel_pipeline.flows.compare import compare
from flywheel_pipeline_tests.builders import an_answer
from flywheel_pipeline_tests.flows.evaluated import BASE, NEW, RUDE, evaluated_home


def test_a_case_has_both_answers_and_all_verdicts(tmp_path: Path) -> None:
    bench = evaluated_home(tmp_path / "home", "pp", "pf").bench
    found = read_details(bench, compare(bench, BASE, NEW), ["g-1", "nope"])
    assert list(found) == ["g-1"]
    details = found["g-1"]
    assert (details.before.output, details.after.output) == (
        "We refund within 30 days.", "We gladly refund within 14 days.",
    )  # fmt: skip
    assert [(r.evaluator, r.label) for r in details.after.verdicts] == [("answered", "pass"), (RUDE, "fail")]


def test_without_an_answer_the_reason_stands_in_its_place(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "p-")
    failed = an_answer(case_id="g-0", prompt_version=NEW, output=None, error="timed out")
    place.lake.write("answers", [failed], part=NEW)
    found = read_details(place.bench, compare(place.bench, BASE, NEW), ["g-0"])["g-0"]
    assert found.after.output == "No answer: timed out"


def test_cases_are_found_by_question_answer_and_id_and_a_pattern_is_a_text(tmp_path: Path) -> None:
    bench = evaluated_home(tmp_path / "home", "pp", "pf").bench
    compared = compare(bench, BASE, NEW)
    assert find_cases(bench, compared, "QUESTION g-1") == {"g-1"}
    assert find_cases(bench, compared, "gladly") == {"g-0", "g-1"}
    assert find_cases(bench, compared, "g-0") == {"g-0"}
    assert find_cases(bench, compared, "%") == set()


def test_a_trace_is_to_label_if_it_is_in_a_batch(tmp_path: Path) -> None:
    bench = evaluated_home(tmp_path / "home", "pp").bench
    assert (is_to_label(bench, "t-g-0"), is_to_label(bench, "t-9"), is_to_label(bench, "")) == (True, False, False)
