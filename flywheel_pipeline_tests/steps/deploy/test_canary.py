"""The rule of a canary: harm that is shown ends it, and nothing else does."""

from __future__ import annotations

from flywheel_pipeline.stats.sequential import Counts
from flywheel_pipeline.steps.deploy import GO_ON, ROLL_BACK, count_sessions, judge_canary


def test_clear_harm_rolls_back_and_says_how_many_sessions_went_wrong() -> None:
    report = judge_canary(Counts(200, 80), Counts(800, 80))
    assert report.decision == ROLL_BACK and report.low > 0
    assert "80 of 200 sessions went wrong, 80 of 800 beside it" in report.reason


def test_few_sessions_decide_nothing_however_bad_they_are() -> None:
    report = judge_canary(Counts(10, 10), Counts(500, 5))
    assert report.decision == GO_ON and "too few sessions" in report.reason


def test_a_better_or_an_equal_canary_goes_on() -> None:
    for bad in (20, 60):
        report = judge_canary(Counts(600, bad), Counts(600, 60))
        assert report.decision == GO_ON and "no harm is shown" in report.reason


def test_a_version_without_sessions_counts_as_none() -> None:
    assert count_sessions({"a": (3, 1)}, "a") == Counts(3, 1)
    assert count_sessions({}, "a") == Counts(0, 0)
