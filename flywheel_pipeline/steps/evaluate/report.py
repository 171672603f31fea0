"""What the rows of `eval_results` say: which cases pass, and the pass rate of every evaluator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.records import EvalResult, JudgeAlignment
from flywheel_pipeline.stats import Rate, corrected_rate, proportion
from flywheel_pipeline.steps.evaluate.alignment import COMPOSITE, judge_errors
from flywheel_pipeline.steps.evaluate.evaluators import answered

MIN_COVERAGE = 0.95
"""Share of cases with an outcome below which a rate is incomplete and decides nothing."""


@dataclass(frozen=True)
class ModePassRate:
    """How one evaluator judged all answers: the rate over those it decided, and how many it did not."""

    evaluator: str
    rate: Rate
    n_undecided: int


@dataclass(frozen=True)
class GoldenRate:
    """The pass rate of the golden set: as judged, and corrected for the known errors of the judges together.

    `corrected` is None where the judges together tell nothing apart. `n_unknown` cases have no known outcome.
    """

    judged: Rate
    corrected: Rate | None
    n_unknown: int

    @property
    def share(self) -> float:
        """The share of cases with a known outcome; 0 when there are no cases."""
        n = self.judged.n + self.n_unknown
        return self.judged.n / n if n else 0.0

    def __str__(self) -> str:
        unknown = f", {self.n_unknown} unknown" if self.n_unknown else ""
        stamp = "" if self.share >= MIN_COVERAGE else f"; incomplete ({self.share:.0%} evaluated), decides nothing"
        judged = f"{self.judged.value:.0%}"
        if not self.corrected:
            return f"{judged} of the golden set as judged (n={self.judged.n}{unknown}); not correctable{stamp}"
        shown = f"{self.corrected.value:.0%} ({self.corrected.low:.0%} to {self.corrected.high:.0%}"
        return f"{shown}, n={self.judged.n}{unknown}) of the golden set; as judged {judged}{stamp}"


def deciding(alignment: Iterable[JudgeAlignment]) -> set[str]:
    """Return the evaluators that may decide: code checks, and the judges that agree with the expert."""
    return {answered.NAME} | {a.evaluator for a in alignment if a.status == "trusted" and a.mode_id}


def without_stale(results: Iterable[EvalResult], alignment: Iterable[JudgeAlignment]) -> list[EvalResult]:
    """Return the rows but those of judges that have changed since they were measured: their errors are not known."""
    versions = {a.evaluator: a.evaluator_version for a in alignment}
    return [r for r in results if versions.get(r.evaluator, r.evaluator_version) == r.evaluator_version]


def case_scores(results: Sequence[EvalResult], evaluators: Collection[str]) -> dict[str, float]:
    """Return {case_id: share of its answers that pass} by the given evaluators.

    An answer fails when one evaluator fails it and passes when all pass it. Where none fails it and one is unsure,
    broke or gave no verdict, it is not known, and so is the outcome of its case, which is left out.
    """
    answers: dict[str, dict[int, dict[str, str | None]]] = defaultdict(lambda: defaultdict(dict))
    for r in results:
        if r.evaluator in evaluators:
            labels = answers[r.case_id][r.repeat]
            labels[r.evaluator] = "fail" if "fail" in (labels.get(r.evaluator), r.label) else r.label
    passes = {c: [_passes(labels, evaluators) for labels in repeats.values()] for c, repeats in answers.items()}
    return _means(passes)


def _passes(labels: Mapping[str, str | None], evaluators: Collection[str]) -> bool | None:
    if "fail" in labels.values():
        return False
    return True if all(labels.get(e) == "pass" for e in evaluators) else None


def _means(passes: Mapping[str, Sequence[bool | None]]) -> dict[str, float]:
    known = {c: [p for p in found if p is not None] for c, found in passes.items()}
    return {c: sum(found) / len(found) for c, found in known.items() if found and len(found) == len(passes[c])}


def case_outcomes(results: Sequence[EvalResult], evaluators: Collection[str]) -> dict[str, bool]:
    """Return {case_id: whether all its answers pass} by the given evaluators, for cases whose outcome is known."""
    return {c: score == 1 for c, score in case_scores(results, evaluators).items()}


def golden_rate(results: Sequence[EvalResult], alignment: Sequence[JudgeAlignment]) -> GoldenRate | None:
    """Return the share of cases that pass by all that may decide; None while no judge may.

    Without a judge, "the app answered" would be all that is left to pass: a number that says nothing. A case fails
    when one of several judges is wrong, so that a perfect app under seven judges with a TPR of .9 looks like 48 %.
    All judges together are therefore measured as one against the expert, and the rate is corrected for their errors
    (`stats.corrected_rate`), which are taken to be on these answers what they were on the labelled ones.
    """
    evaluators = deciding(alignment)
    if evaluators == {answered.NAME}:
        return None
    cases = {r.case_id for r in results if r.evaluator in evaluators}
    outcomes = case_outcomes(results, evaluators)
    judged = proportion(sum(outcomes.values()), len(outcomes))
    error = judge_errors(alignment).get(COMPOSITE)
    corrected = corrected_rate(sum(outcomes.values()), len(outcomes), error) if error and outcomes else None
    return GoldenRate(judged, corrected, len(cases) - len(outcomes))


def mode_scores(results: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
    """Return {case_id: share of its answers that pass} by one evaluator, for the cases that it decided."""
    return case_scores([r for r in results if r.evaluator == evaluator], (evaluator,))


def pass_rates(results: Sequence[EvalResult]) -> list[ModePassRate]:
    """Return the pass rate of every evaluator, lowest first."""
    rates = []
    for evaluator in sorted({r.evaluator for r in results}):
        decided = case_outcomes(results, (evaluator,))
        total = len({r.case_id for r in results if r.evaluator == evaluator})
        rates.append(ModePassRate(evaluator, proportion(sum(decided.values()), len(decided)), total - len(decided)))
    return sorted(rates, key=lambda r: (r.rate.value, r.evaluator))
