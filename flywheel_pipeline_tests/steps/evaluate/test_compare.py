"""Two versions on the same cases: rates with n, coverage and intervals, and a paired difference."""

from __future__ import annotations

import pytest

from flywheel_pipeline.stats import paired_change
from flywheel_pipeline.steps.evaluate.case_change import CaseChange
from flywheel_pipeline.steps.evaluate.compare import compare_versions
from flywheel_pipeline.steps.evaluate.quality import ERROR, quality_of_change
from flywheel_pipeline.steps.evaluate.report import golden_rate
from flywheel_pipeline_tests.builders import an_alignment, an_eval_result
from flywheel_pipeline_tests.steps.evaluate.comparing import (
    MADE_UP,
    RUDE,
    TRUSTED,
    a_change,
    judged,
    some_changes,
    verdicts,
)


def test_errors_are_bounds_beside_the_rate() -> None:
    found = compare_versions(some_changes(pp=80, pf=10, **{"p-": 10}), TRUSTED)
    assert found.overall is not None
    assert str(found.overall.after).startswith("80 passed, 10 failed, 10 not evaluated: 80% to 90%")
    assert not found.overall.complete
    assert found.counts()["not evaluated"] == 10


def test_the_difference_is_on_cases_known_on_both_sides_with_its_interval() -> None:
    found = compare_versions(some_changes(pp=50, fp=8, pf=2, ff=30, pu=3), TRUSTED)
    assert found.overall is not None and found.overall.change is not None
    expected = paired_change([1] * 50 + [0] * 8 + [1] * 2 + [0] * 30, [1] * 50 + [1] * 8 + [0] * 2 + [0] * 30)
    change = found.overall.change
    assert (change.n, change.fixed, change.broken) == (90, 8, 2)
    assert (change.difference, change.low, change.high) == pytest.approx(
        (expected.difference, expected.low, expected.high)
    )
    by_judge = next(e for e in found.evaluators if e.evaluator == RUDE)
    assert by_judge.change is not None
    assert by_judge.change.high - by_judge.change.low > change.high - change.low  # the judge's errors are in it


def test_cases_of_one_family_count_less() -> None:
    single = some_changes(pp=30, fp=10)
    family = [CaseChange(c.case_id, c.before, c.after, family="f" if c.outcome() == "fixed" else "") for c in single]
    widths = []
    for cases in (single, family):
        overall = compare_versions(cases, TRUSTED).overall
        assert overall is not None and overall.change is not None
        widths.append(overall.change.high - overall.change.low)
    assert widths[1] > 1.3 * widths[0]


def test_advisory_judges_stand_below_those_that_count() -> None:
    rows = [*verdicts("p"), *verdicts("f", MADE_UP)[1:]]
    from flywheel_pipeline.steps.evaluate.case_change import judge_case

    same = judge_case(rows, TRUSTED)
    found = compare_versions([CaseChange("g-1", same, same)], TRUSTED)
    assert [(e.evaluator, e.status) for e in found.evaluators] == [
        ("answered", "counts"), (RUDE, "counts"), (MADE_UP, "advisory"),
    ]  # fmt: skip
    assert found.counting == {"answered", RUDE}


def test_a_split_that_one_version_was_not_asked_is_left_out_and_a_missing_case_of_another_is_not() -> None:
    cases = [
        a_change("a", "p", None, split="train"),
        a_change("b", "p", "p", split="test"),
        a_change("c", "p", None, split="test"),
    ]
    found = compare_versions(cases, TRUSTED)
    assert found.left_out == {"train": 1}
    assert found.counts()["not evaluated"] == 1
    assert {c.case_id for c in found.cases} == {"b", "c"}


def test_of_a_split_on_which_a_version_was_asked_its_critical_cases_only_these_are_compared() -> None:
    asked = [a_change(f"a{n}", "p", "f" if n == 0 else None, split="dev", critical=n == 0) for n in range(5)]
    found = compare_versions([*asked, *some_changes(pp=3)], TRUSTED)
    assert found.left_out == {"dev": 4}
    assert (found.counts()["broken"], found.counts()["not evaluated"]) == (1, 0)


def test_a_version_with_verdicts_on_less_than_half_of_a_split_has_not_passed_the_rest() -> None:
    found = compare_versions([*some_changes(pp=40), *(a_change(f"x{n}", "p", None) for n in range(60))], TRUSTED)
    assert found.left_out == {} and found.counts()["not evaluated"] == 60
    assert quality_of_change(found, ()).code == ERROR


def test_a_version_does_not_look_better_by_missing_a_quarter_of_its_outcomes() -> None:
    lost = [a_change(f"lost-{n}", "p", None) for n in range(25)]
    found = compare_versions([*some_changes(pp=35, fp=12, ff=28), *lost], TRUSTED)
    assert found.left_out == {}
    assert found.overall is not None and found.overall.after.bounds == (0.47, 0.72)
    assert not found.overall.complete


def test_without_a_judge_that_may_decide_there_is_no_overall_rate() -> None:
    found = compare_versions(some_changes(pp=3), [an_alignment(evaluator=RUDE, status="unusable")])
    assert (found.overall, found.rates) == (None, None)
    assert [e.status for e in found.evaluators if e.evaluator == RUDE] == ["unusable"]


def test_the_corrected_rate_is_that_of_the_summary() -> None:
    alignment = [*TRUSTED, an_alignment(evaluator="judges:all", mode_id=None, evaluator_version="")]
    changes = some_changes(pp=3, ff=1)
    rows = [
        an_eval_result(**{**vars(r), "case_id": c.case_id}) for c in changes for r in verdicts(c.case_id[0])
    ]  # fmt: skip
    found = compare_versions(changes, alignment)
    assert found.rates is not None
    assert found.rates[0] == golden_rate(rows, alignment)


def test_nothing_evaluated_under_both_versions_leaves_nothing_to_compare() -> None:
    assert compare_versions([a_change("a", "p", None)], TRUSTED).cases == ()


def test_an_app_that_failed_is_unknown_to_every_judge_and_no_pass() -> None:
    failed = CaseChange("g-2", judged("p"), judged("-", "answered"))
    found = compare_versions([*some_changes(pp=1), failed], TRUSTED)
    rude = next(e for e in found.evaluators if e.evaluator == RUDE)
    assert (rude.after.n_passed, rude.after.n_unknown) == (1, 1)
