"""Exit codes: failed only what is shown, passed only what holds even if all that is unknown failed."""

from __future__ import annotations

import pytest

from flywheel_pipeline.steps.evaluate.compare import compare_versions
from flywheel_pipeline.steps.evaluate.coverage import Coverage
from flywheel_pipeline.steps.evaluate.known import KnownFailure
from flywheel_pipeline.steps.evaluate.quality import quality_of_change, quality_of_rate
from flywheel_pipeline_tests.builders import an_alignment
from flywheel_pipeline_tests.steps.evaluate.comparing import RUDE, TRUSTED, some_changes


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
