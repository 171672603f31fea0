"""What the rows of `eval_results` say: which cases pass, and the pass rate of every evaluator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flywheel_pipeline.records import EvalResult, JudgeAlignment
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.evaluate.evaluators import answered


@dataclass(frozen=True)
class ModePassRate:
    """How one evaluator judged all answers: rate over those it decided, and how many it did not."""

    evaluator: str
    rate: Rate
    n_undecided: int


def deciding(alignment: Iterable[JudgeAlignment]) -> set[str]:
    """Return the evaluators that may decide: code checks, and the judges that agree with the expert."""
    return {answered.NAME} | {a.evaluator for a in alignment if a.status == "trusted"}


def case_outcomes(results: Sequence[EvalResult], evaluators: Collection[str]) -> dict[str, bool]:
    """Return {case_id: passes} by the given evaluators.

    A case fails when one of them fails it, and passes when all others pass it or are unsure. A case on
    which an evaluator broke (no label) and none failed is left out: its outcome is not known.
    """
    by_case: dict[str, list[str | None]] = defaultdict(list)
    for r in results:
        if r.evaluator in evaluators:
            by_case[r.case_id].append(r.label)
    return {c: "fail" not in labels for c, labels in by_case.items() if "fail" in labels or None not in labels}


def overall_rate(results: Sequence[EvalResult], alignment: Sequence[JudgeAlignment]) -> Rate | None:
    """Return the share of cases that pass by all that may decide; None while no judge may.

    Without a judge, "the app answered" would be all that is left to pass: a number that says nothing.
    """
    evaluators = deciding(alignment)
    if evaluators == {answered.NAME}:
        return None
    outcomes = case_outcomes(results, evaluators)
    return proportion(sum(outcomes.values()), len(outcomes))


def mode_outcomes(results: Sequence[EvalResult], evaluator: str) -> dict[str, bool]:
    """Return {case_id: passes} by one evaluator, for the cases that it decided."""
    return {r.case_id: r.label == "pass" for r in results if r.evaluator == evaluator and r.label in ("pass", "fail")}


def pass_rates(results: Sequence[EvalResult]) -> list[ModePassRate]:
    """Return the pass rate of every evaluator, lowest first."""
    rates = []
    for evaluator in sorted({r.evaluator for r in results}):
        decided = mode_outcomes(results, evaluator)
        total = sum(r.evaluator == evaluator for r in results)
        rates.append(ModePassRate(evaluator, proportion(sum(decided.values()), len(decided)), total - len(decided)))
    return sorted(rates, key=lambda r: (r.rate.value, r.evaluator))
