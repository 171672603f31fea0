"""What the page of comparisons is answered: filters, windows, one case, and fresh tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.compare import approve_failure
from flywheel_pipeline.web.evaluate.service import ComparisonService, Filter, NotThereError
from flywheel_pipeline_tests.builders import an_answer, an_eval_result
from flywheel_pipeline_tests.flows.evaluated import BASE, NEW, RUDE, evaluated_home, judge_version
from flywheel_pipeline_tests.homes import a_home
from flywheel_pipeline_tests.web.browsing import EVIL

COVERS = ("web/evaluate/views.py",)


ALL = Filter()


def ids(service: ComparisonService, wanted: Filter = ALL, start: int = 0, n: int = 10) -> list[str]:
    return [row[0] for row in service.cases("", "", wanted, start, n)["rows"]]


def test_production_and_the_candidate_are_compared_by_default(tmp_path: Path) -> None:
    service = ComparisonService(evaluated_home(tmp_path / "home", "pp", "pf").bench)
    found = service.overview()
    assert (found["before"], found["after"], found["n_cases"]) == (BASE, NEW, 2)
    assert found["versions"] == [(BASE, f"{BASE} (production)"), (NEW, f"{NEW} (candidate, hold)")]
    assert found["counts"]["broken"] == 1
    assert found["quality"].startswith("quality failed")
    assert ("judge:rude", "Rude") in found["evaluators"] and found["modes"] == [("rude", "Rude")]


def test_other_versions_are_named_by_the_address(tmp_path: Path) -> None:
    service = ComparisonService(evaluated_home(tmp_path / "home", "pf").bench)
    assert service.overview(NEW, BASE)["counts"]["fixed"] == 1
    with pytest.raises(HomeError, match="No evaluated version is 'nope'"):
        service.overview("nope", "")


def test_nothing_evaluated_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="Nothing is evaluated yet"):
        ComparisonService(a_home(tmp_path / "home").bench).overview()


def test_filters_leave_cases_and_count_the_outcomes_that_are_left(tmp_path: Path) -> None:
    service = ComparisonService(evaluated_home(tmp_path / "home", "pp", "pf", "fp", "p-").bench)
    assert ids(service) == ["g-1", "g-3", "g-2", "g-0"]
    assert ids(service, Filter(outcome="broken")) == ["g-1"]
    assert ids(service, Filter(evaluator=RUDE)) == ["g-1", "g-3", "g-2", "g-0"]
    assert ids(service, Filter(evaluator="answered")) == ["g-0", "g-1", "g-2", "g-3"]
    assert ids(service, Filter(mode="other")) == []
    assert ids(service, Filter(text="question G-2")) == ["g-2"]
    counts = service.cases("", "", Filter(text="g-1", outcome="fixed"), 0, 10)["counts"]
    assert (counts["broken"], counts["fixed"]) == (1, 0)


def test_a_window_is_a_part_of_the_list(tmp_path: Path) -> None:
    service = ComparisonService(evaluated_home(tmp_path / "home", *["pp"] * 12).bench)
    found = service.cases("", "", Filter(), 10, 5)
    assert (found["n"], found["start"], [row[0] for row in found["rows"]]) == (12, 10, ["g-8", "g-9"])
    assert service.cases("", "", Filter(), 99, 5)["rows"] == []
    assert service.cases("", "", Filter(), 0, 5, "g-8")["place"] == 10
    assert service.cases("", "", Filter(), 0, 5, "g-99")["place"] is None


def test_a_row_says_who_fails_the_case_and_whether_that_is_approved(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pf")
    service = ComparisonService(place.bench)
    assert service.cases("", "", Filter(), 0, 1)["rows"] == [["g-0", "broken", "Rude", "Question g-0?", False]]
    approve_failure(place.bench, "g-0", "a new price list", "candidate")
    assert service.cases("", "", Filter(), 0, 1)["rows"][0][4] is True
    assert "Approved failure: a new price list" in service.case("", "", "g-0")["html"]


def test_a_new_run_is_seen_without_a_restart(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pf")
    service = ComparisonService(place.bench)
    assert service.overview()["counts"]["broken"] == 1
    rows = [
        an_eval_result(case_id="g-0", prompt_version=NEW, evaluator=RUDE, evaluator_version=judge_version(place)),
        an_eval_result(case_id="g-0", prompt_version=NEW, evaluator="answered", evaluator_version="1"),
    ]
    place.lake.write("eval_results", rows, part=NEW)
    assert service.overview()["counts"]["still passes"] == 1
    assert ids(service, Filter(outcome="broken")) == []


def test_a_case_is_shown_whole_and_every_text_is_escaped(tmp_path: Path) -> None:
    service = ComparisonService(evaluated_home(tmp_path / "home", "pf", text=EVIL).bench)
    found = service.case("", "", "g-0")
    assert (found["trace_id"], found["to_label"]) == ("t-g-0", True)
    assert "<script" not in found["html"] and "<img" not in found["html"]
    assert "&lt;script&gt;" in found["html"]
    for shown in ("<del>", "<ins> gladly</ins>", "Documents (1)", "refunds", "Because it is so.", "broken"):
        assert shown in found["html"], shown
    with pytest.raises(NotThereError):
        service.case("", "", "g-9")


def test_long_answers_are_cut_and_say_so(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp")
    answer = an_answer(case_id="g-0", prompt_version=NEW, output="word " * 10_000)
    place.lake.write("answers", [answer], part=NEW)
    assert "more characters)" in ComparisonService(place.bench).case("", "", "g-0")["html"]


def test_while_no_judge_may_decide_the_page_says_so_and_shows_their_verdicts(tmp_path: Path) -> None:
    service = ComparisonService(evaluated_home(tmp_path / "home", "pf", status="advisory").bench)
    found = service.overview()
    assert "No judge may decide yet" in found["html"]
    assert found["counts"]["not evaluated"] == 1
    assert ids(service, Filter(evaluator=RUDE, outcome="broken")) == ["g-0"]
