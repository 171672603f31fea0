"""How much of what was to be evaluated has an outcome, and what that leaves open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.evaluate.report import MIN_COVERAGE, case_outcomes


@dataclass(frozen=True)
class Coverage:
    """Cases that passed, that failed, and that have no outcome: an error, or no verdict."""

    n_passed: int
    n_failed: int
    n_unknown: int

    @property
    def n(self) -> int:
        """All cases."""
        return self.n_passed + self.n_failed + self.n_unknown

    @property
    def share(self) -> float:
        """The share of cases with an outcome; 0 when there are no cases."""
        return (self.n_passed + self.n_failed) / self.n if self.n else 0.0

    @property
    def complete(self) -> bool:
        """Whether a rate over these cases may decide anything."""
        return self.share >= MIN_COVERAGE

    @property
    def bounds(self) -> tuple[float, float]:
        """The pass rate if every unknown case failed, and if every one passed; (0, 1) when there are no cases."""
        return (self.n_passed / self.n, (self.n_passed + self.n_unknown) / self.n) if self.n else (0.0, 1.0)

    @property
    def rate(self) -> Rate:
        """The pass rate of the cases with an outcome, with its 95 % interval."""
        return proportion(self.n_passed, self.n_passed + self.n_failed)

    def __str__(self) -> str:
        if not self.n_passed + self.n_failed:
            return f"nothing evaluated, of {self.n} cases" if self.n else "nothing evaluated"
        counts = f"{self.n_passed} passed, {self.n_failed} failed"
        if not self.n_unknown:
            return f"{counts}: {self.rate}"
        low, high = 100 * self.n_passed // self.n, -(-100 * (self.n_passed + self.n_unknown) // self.n)  # outwards
        stamp = "" if self.complete else f"; incomplete ({self.share:.0%} evaluated), decides nothing"
        return f"{counts}, {self.n_unknown} not evaluated: {low}% to {high}%; of the evaluated {self.rate}{stamp}"


def coverage_of(results: Sequence[EvalResult], evaluators: Collection[str]) -> Coverage:
    """Return how the cases that some row is about did by `evaluators` together.

    A case without a known outcome counts as unknown, also one whose answer is missing and which no judge has seen.
    Adversarial cases, which have a check of their own, are left out.
    """
    answered = {r.case_id for r in results if r.evaluator == "answered"}
    outcomes = {c: ok for c, ok in case_outcomes(results, evaluators).items() if c in answered}
    passed = sum(outcomes.values())
    return Coverage(passed, len(outcomes) - passed, len(answered) - len(outcomes))
