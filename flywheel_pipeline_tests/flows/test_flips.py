"""Flipped cases for the expert: which are asked about, how their labels are read, and how far the expert is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.flips import Waiting, flip_labels, flips_to_label, flips_waiting
from flywheel_pipeline.steps.improve.flips import FlipLabel
from flywheel_pipeline_tests.builders import a_prompt
from flywheel_pipeline_tests.flows.comparing import BASE, BETTER, a_home_with_flips, answer_anew, label_all
from flywheel_pipeline_tests.homes import Place

LABEL = "http://127.0.0.1:4318/label/"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home_with_flips(tmp_path / "home")


def a_label(**changes: Any) -> dict[str, Any]:
    label = {"base": BASE.version, "candidate": "c1", "case_id": "g-1", "before": "fail", "after": "pass"}
    return {**label, "answers": "a1", **changes}


def test_the_gate_asks_about_twenty_flipped_cases_with_both_answers(place: Place) -> None:
    flips = flips_to_label(place.bench)
    assert len(flips) == len({f.case.case_id for f in flips}) == 20
    assert {f.batch for f in flips} == {f"flips-{BETTER.version}-1"}
    for f in flips:
        number = int(f.case.case_id[2:])
        assert number % 3 and f.pair.before.output == f"Made up answer to question {number}."
        assert f.pair.after.output == f"Right answer to question {number}."


def test_the_candidates_answer_is_the_first_in_about_half_of_the_cases_and_always_the_same_ones(place: Place) -> None:
    first, again = ([f.is_candidate_first for f in flips_to_label(place.bench)] for _ in range(2))
    assert first == again
    assert 4 < sum(first) < 16


def test_nothing_is_asked_of_a_candidate_against_an_earlier_production_prompt(place: Place) -> None:
    place.lake.write("production_prompt", [a_prompt("Another prompt.")])
    assert flips_to_label(place.bench) == [] and flips_waiting(place.bench) is None


def test_how_far_the_expert_is(place: Place) -> None:
    flips = flips_to_label(place.bench)
    assert flips_waiting(place.bench) == Waiting(BETTER.version, 20, 0, LABEL)
    label_all(place, flips[:7])
    assert flips_waiting(place.bench) == Waiting(BETTER.version, 20, 7, LABEL)
    answer_anew(place, BETTER.version, {flips[0].case.case_id})
    assert flips_waiting(place.bench) == Waiting(BETTER.version, 20, 6, LABEL)


def test_labels_are_by_candidate_and_the_last_counts_and_a_deferred_one_takes_it_back(place: Place) -> None:
    place.append(FLIP_LABELS_FILE, [
        a_label(), a_label(case_id="g-2", after="fail"), a_label(candidate="c2"), a_label(after="fail"),
        a_label(case_id="g-3"), a_label(case_id="g-3", before="defer", after="defer"),
    ])  # fmt: skip
    assert flip_labels(place.bench, BASE.version) == {
        "c1": {"g-1": FlipLabel(False, False, "a1"), "g-2": FlipLabel(False, False, "a1")},
        "c2": {"g-1": FlipLabel(False, True, "a1")},
    }


def test_labels_of_answers_under_another_production_prompt_do_not_count(place: Place) -> None:
    place.append(FLIP_LABELS_FILE, [a_label(base="older")])
    assert flip_labels(place.bench, BASE.version) == {}


@pytest.mark.parametrize(
    "change", [{"after": "unsure"}, {"before": None}, {"case_id": 3}, {"candidate": None}, {"answers": None}]
)
def test_a_label_that_is_not_understood_is_an_error_with_its_line(place: Place, change: dict[str, Any]) -> None:
    place.append(FLIP_LABELS_FILE, [a_label(), a_label(**change)])
    with pytest.raises(CorruptFileError, match=r"flip_labels.jsonl, line 2"):
        flip_labels(place.bench, BASE.version)
