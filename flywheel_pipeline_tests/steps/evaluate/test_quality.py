"""Exit codes: failed only what is shown, passed only what holds even if all that is unknown failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flywheel_pipeline.steps.evaluate.case_change import CaseChange, judge_case
from flywheel_pipeline.steps.evaluate.compare import compare_versions
from flywheel_pipeline.steps.evaluate.coverage import Coverage
from flywheel_pipeline.steps.evaluate.known import KnownFailure
from flywheel_pipeline.steps.evaluate.quality import quality_of_change, quality_of_rate
from flywheel_pipeline_tests.builders import an_alignment
from flywheel_pipeline_tests.steps.evaluate.comparing import MADE_UP, RUDE, TRUSTED, a_change, some_changes, verdicts


@pytest.mark.parametrize(
    ("coverage", "code"),
    [
        (Coverage(19, 1, 0), 0),
        (Coverage(18, 2, 0), 0),
        (Coverage(17, 3, 0), 100),
        (Coverage(90, 5, 5), 0),
        (Coverage(88, 5, 7), 1),
        (Coverage(80, 11, 9), 100),
        (Coverage(0, 0, 0), 1),
    ],
)
def test_a_threshold_of_90_percent(coverage: Coverage, code: int) -> None:
    assert quality_of_rate(coverage, 0.9).code == code


def test_nothing_evaluated_is_an_error_with_or_without_a_threshold() -> None:
    assert [quality_of_rate(Coverage(0, 0, 0), t).reason for t in (None, 0.5)] == ["nothing evaluated"] * 2
    assert quality_of_change(compare_versions([], TRUSTED), []).code == 1


def test_a_threshold_cannot_be_met_while_no_judge_may_decide() -> None:
    assert quality_of_rate(None, 0.1).code == 1
    found = compare_versions(some_changes(pp=40), [an_alignment(evaluator=RUDE, status="advisory")])
    assert quality_of_change(found, []).code == 1


def test_a_pass_that_fell_fails_unless_a_person_approved_it() -> None:
    found = compare_versions(some_changes(pp=40, ff=5, fp=3, pf=1), TRUSTED)
    assert quality_of_change(found, []).code == 100
    assert "pf-0" in quality_of_change(found, []).reason
    approved = [KnownFailure("pf-0", RUDE, "waits for the new price list")]
    assert quality_of_change(found, approved).code == 0


def test_an_approval_for_another_evaluator_does_not_help() -> None:
    found = compare_versions(some_changes(pp=40, pf=1), TRUSTED)
    assert quality_of_change(found, [KnownFailure("pf-0", "answered", "x")]).code == 100


@pytest.mark.parametrize("after", ["-", "u"])
def test_a_pass_without_an_outcome_now_is_an_error_unless_approved(after: str) -> None:
    found = compare_versions(some_changes(pp=40, **{f"p{after}": 1}), TRUSTED)
    assert quality_of_change(found, []).code == 1
    assert quality_of_change(found, [KnownFailure(f"p{after}-0", RUDE, "x")]).code == 0


def test_a_case_that_never_had_an_outcome_is_no_pass_that_was_lost() -> None:
    assert quality_of_change(compare_versions(some_changes(pp=40, **{"--": 1}), TRUSTED), []).code == 0


def test_a_failure_that_is_shown_is_not_hidden_by_an_error() -> None:
    found = compare_versions(some_changes(pp=40, pf=1, **{"p-": 1}), TRUSTED)
    assert quality_of_change(found, []).code == 100


def test_too_little_evaluated_decides_nothing() -> None:
    found = compare_versions(some_changes(pp=40, **{"--": 5}), TRUSTED)
    assert quality_of_change(found, []).code == 1
    assert "incomplete: 89% of the cases evaluated" in quality_of_change(found, []).reason


def test_a_threshold_holds_for_the_version_after() -> None:
    found = compare_versions(some_changes(fp=9, ff=1), TRUSTED)
    assert [quality_of_change(found, [], t).code for t in (0.9, 0.91)] == [0, 100]


BOTH = tuple(replace(a, status="trusted") for a in TRUSTED)
"""Two judges that may decide."""


def by_two(before: str, after: str) -> CaseChange:
    """A case with the verdicts of two judges before and after, a letter each, as `rude`, `made-up`."""
    old, new = (judge_case([*verdicts(x[0], RUDE), *verdicts(x[1], MADE_UP)[1:]], BOTH) for x in (before, after))
    return CaseChange("g-1", old, new)


@pytest.mark.parametrize(("after", "code"), [("fp", 0), ("ff", 100), ("pp", 0), ("pf", 100)])
def test_a_case_that_failed_already_may_not_fail_for_a_new_reason(after: str, code: int) -> None:
    found = compare_versions([by_two("fp", after), *some_changes(pp=40)], BOTH[:1])
    assert quality_of_change(found, []).code == 0, "the second judge does not count"
    others = [by_two("pp", "pp") for _ in range(40)]
    found = compare_versions([by_two("fp", after), *others], BOTH)
    assert quality_of_change(found, []).code == code
    assert quality_of_change(found, [KnownFailure("g-1", RUDE, "x")]).code == code
    assert quality_of_change(found, [KnownFailure("g-1", MADE_UP, "x")]).code == 0


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("ppp", "ppf", 1),
        ("ppp", "pff", 1),
        ("ppp", "fff", 100),
        ("ppf", "pff", 0),
        ("ppf", "ppp", 0),
        ("fff", "ppf", 0),
    ],
)
def test_a_pass_of_which_some_repeats_fail_now_is_no_pass(before: str, after: str, code: int) -> None:
    found = compare_versions([a_change("g-1", before, after), *some_changes(pp=40)], TRUSTED)
    assert quality_of_change(found, []).code == code
    assert quality_of_change(found, [KnownFailure("g-1", RUDE, "x")]).code == 0
