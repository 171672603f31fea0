"""What has no outcome is shown beside every rate, and too much of it decides nothing."""

from __future__ import annotations

import pytest

from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.steps.evaluate.coverage import Coverage, coverage_of
from flywheel_pipeline_tests.builders import an_eval_result


def test_errors_beside_a_rate_are_bounds_and_not_left_out() -> None:
    coverage = Coverage(80, 10, 10)
    assert coverage.bounds == (0.8, 0.9)
    assert not coverage.complete
    assert str(coverage).startswith("80 passed, 10 failed, 10 not evaluated: 80% to 90%; of the evaluated 89% (81% to ")
    assert str(coverage).endswith("incomplete (90% evaluated), decides nothing")


def test_a_rate_over_everything_says_so_by_saying_nothing_else() -> None:
    assert str(Coverage(8, 2, 0)).startswith("8 passed, 2 failed: 80% (")


@pytest.mark.parametrize(("unknown", "complete"), [(0, True), (5, True), (6, False), (100, False)])
def test_from_95_percent_on_a_rate_may_decide(unknown: int, complete: bool) -> None:
    assert Coverage(100 - unknown, 0, unknown).complete is complete


def test_no_cases_cover_nothing() -> None:
    assert (Coverage(0, 0, 0).share, Coverage(0, 0, 0).bounds, Coverage(0, 0, 0).complete) == (0.0, (0.0, 1.0), False)


def test_one_of_four_is_not_a_hundred_percent() -> None:
    assert Coverage(1, 0, 3).bounds == (0.25, 1.0)
    assert not Coverage(1, 0, 3).complete


def rows(case_id: str, **labels: str | None) -> list[EvalResult]:
    return [
        an_eval_result(case_id=case_id, evaluator=e.replace("_", ":"), label=label, answer_id=case_id)
        for e, label in labels.items()
    ]


def test_a_case_whose_answer_failed_is_not_evaluated() -> None:
    results = [
        *rows("g-1", answered="pass", judge_a="pass"),
        *rows("g-2", answered="pass", judge_a="fail"),
        *rows("g-3", answered="pass", judge_a=None),
        *rows("g-4", answered=None),
        *rows("g-5", resisted="pass"),
    ]
    assert coverage_of(results, {"answered", "judge:a"}) == Coverage(1, 1, 2)


def test_where_nothing_has_an_outcome_no_rate_is_shown() -> None:
    assert str(Coverage(0, 0, 5)) == "nothing evaluated, of 5 cases"
    assert str(Coverage(0, 0, 0)) == "nothing evaluated"


def test_bounds_are_rounded_outwards_so_that_an_unknown_case_is_never_a_pass() -> None:
    assert "1 not evaluated: 99% to 100%" in str(Coverage(399, 0, 1))
    assert "1 not evaluated: 0% to 1%" in str(Coverage(0, 399, 1))
