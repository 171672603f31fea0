"""Passed, failed, or not known: what an evaluation or a comparison means for whoever started it.

Failed is only what is shown: a threshold that is missed even if all that is unknown passed, or a pass that fell.
Passed is only what holds even if all that is unknown failed. Everything between is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flywheel_pipeline.steps.evaluate.case_change import BROKEN, FLAKY, UNKNOWN, CaseChange
from flywheel_pipeline.steps.evaluate.compare import VersionComparison
from flywheel_pipeline.steps.evaluate.coverage import Coverage
from flywheel_pipeline.steps.evaluate.known import KnownFailure, approvals
from flywheel_pipeline.steps.evaluate.report import MIN_COVERAGE

PASSED, ERROR, FAILED = 0, 1, 100
"""Exit codes."""
NAMED = 5
ROUNDING = 1e-9
UNDECIDED = "no judge may decide yet: the table `judge_alignment` says how many passes and fails to label"


@dataclass(frozen=True)
class Quality:
    """An exit code and the reason for it."""

    code: int
    reason: str

    def __str__(self) -> str:
        word = {PASSED: "passed", FAILED: "quality failed", ERROR: "error"}[self.code]
        return f"{word}: {self.reason}" if self.reason else word


def quality_of_rate(coverage: Coverage | None, fail_under: float | None) -> Quality:
    """Return whether a pass rate reaches a threshold; None is a home in which no judge may decide yet."""
    if coverage is not None and not coverage.n:
        return Quality(ERROR, "nothing evaluated")
    if fail_under is None:
        return Quality(PASSED, "")
    if coverage is None:
        return Quality(ERROR, UNDECIDED)
    low, high = coverage.bounds
    if low >= fail_under - ROUNDING:
        return Quality(PASSED, f"at least {low:.1%} pass, {fail_under:.1%} required")
    if high < fail_under - ROUNDING:
        return Quality(FAILED, f"at most {high:.1%} pass, {fail_under:.1%} required")
    unknown = f"{coverage.n_unknown} not evaluated"
    return Quality(ERROR, f"{low:.1%} to {high:.1%} pass, {fail_under:.1%} required: {unknown}")


def unless_unjudged(quality: Quality, fail_under: float | None, unjudged: str) -> Quality:
    """Return an error where a threshold counts as reached although failure modes are judged by no evaluator.

    `unjudged` says which; an answer that shows such a failure counts as a pass in the rate.
    """
    if quality.code != PASSED or fail_under is None or not unjudged:
        return quality
    return Quality(ERROR, f"{quality.reason}; but {unjudged}")


def quality_of_change(
    found: VersionComparison, approved: Sequence[KnownFailure], fail_under: float | None = None
) -> Quality:
    """Return whether the version after may follow the one before: no pass fell that nobody approved.

    A case that failed already may not fail by one more evaluator either. A pass that has no outcome any more, one of
    which some repeats fail, and a coverage below 95 %, are errors. `fail_under` is the share of cases that
    must pass under the version after.
    """
    if not found.cases:
        return Quality(ERROR, "nothing evaluated: no split was evaluated under both versions")
    broken, lost, flaky = (fallen(found, approved, outcome) for outcome in (BROKEN, UNKNOWN, FLAKY))
    checks = [quality_of_rate(found.overall.after if found.overall else None, fail_under)]
    if broken:
        checks.append(Quality(FAILED, f"passed before and not now: {_named(broken)}"))
    if lost:
        checks.append(Quality(ERROR, f"passed before and not evaluated now: {_named(lost)}"))
    if flaky:
        checks.append(Quality(ERROR, f"passed every time before and not every time now: {_named(flaky)}"))
    if not found.overall:
        checks.append(Quality(ERROR, UNDECIDED))
    elif not found.overall.complete:
        share = min(found.overall.before.share, found.overall.after.share)
        checks.append(Quality(ERROR, f"incomplete: {share:.0%} of the cases evaluated, {MIN_COVERAGE:.0%} needed"))
    code = max((c.code for c in checks), default=PASSED)
    reasons = [c.reason for c in checks if c.code == code and c.reason]
    return Quality(code, "; ".join(dict.fromkeys(reasons)) or "no pass fell")


def fallen(found: VersionComparison, approved: Sequence[KnownFailure], outcome: str) -> list[CaseChange]:
    """Return the cases that passed before and have an outcome now, by all or by one evaluator that counts.

    What a person approved is left out; that a case failed before for another reason hides no new one. A case without
    an outcome (`UNKNOWN`) is one that passed by all.
    """
    may_fail = approvals(approved)
    return [
        c for c in found.cases
        if (c.before.score == 1 and c.outcome() == outcome and not _is_approved(c, found.counting, may_fail))
        or (outcome != UNKNOWN and new_reasons(c, found.counting, approved, outcome))
    ]  # fmt: skip


def new_reasons(
    case: CaseChange, counting: Collection[str], approved: Sequence[KnownFailure], outcome: str = BROKEN
) -> list[str]:
    """Return the evaluators that passed all answers before and fail them (`BROKEN`) or some of them (`FLAKY`) now."""
    may_fail = approvals(approved)
    return [
        e for e in sorted(counting)
        if case.before.by(e) == 1 and case.outcome(e) == outcome and (case.case_id, e) not in may_fail
    ]  # fmt: skip


def _is_approved(case: CaseChange, counting: Collection[str], may_fail: Collection[tuple[str, str]]) -> bool:
    culprits = case.culprits(counting)
    return bool(culprits) and all((case.case_id, e) in may_fail for e in culprits)


def _named(cases: Sequence[CaseChange]) -> str:
    more = f" and {len(cases) - NAMED} more" if len(cases) > NAMED else ""
    noun = "case" if len(cases) == 1 else "cases"
    return f"{len(cases):,} {noun} ({', '.join(c.case_id for c in cases[:NAMED])}{more})"
