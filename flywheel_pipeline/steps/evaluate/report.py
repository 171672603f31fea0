"""What the rows of `eval_results` say: which cases pass, and the pass rate of every evaluator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.records import EvalResult, JudgeAlignment
from flywheel_pipeline.stats import Rate, corrected_rate, proportion
from flywheel_pipeline.steps.evaluate.alignment import COMPOSITE, NOT_APPLICABLE, decides, judge_errors
from flywheel_pipeline.steps.evaluate.evaluators import answered
from flywheel_pipeline.steps.evaluate.evaluators.configured import PREFIX

MIN_COVERAGE = 0.95
"""Share of cases with an outcome below which a rate is incomplete and decides nothing."""


@dataclass(frozen=True)
class ModePassRate:
    """How one evaluator judged the answers it applies to: the rate over those it decided, and how many it did not."""

    evaluator: str
    rate: Rate
    n_undecided: int


@dataclass(frozen=True)
class GoldenRate:
    """The pass rate of the golden set: as judged, and corrected for the known errors of the judges together.

    `corrected` is None where the judges together tell nothing apart, or disagree with the expert. `n_unknown` cases
    have no known outcome.
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
    """Return the evaluators that may decide: `answered`, requirements, and those that agree with the expert."""
    return {answered.NAME} | {a.evaluator for a in alignment if decides(a)}


def evaluator_names(alignment: Iterable[JudgeAlignment], modes: Mapping[str, str]) -> dict[str, str]:
    """Return what people are shown of every evaluator in `alignment`; `modes` is {mode_id: name}.

    A judge goes by the name of its mode; another evaluator of a mode by that and its own.
    """
    found = {COMPOSITE: "all that decide together"}
    for a in alignment:
        mode, own = modes.get(a.mode_id or "", a.mode_id or ""), a.evaluator.removeprefix(PREFIX)
        if a.evaluator.startswith(PREFIX):
            found[a.evaluator] = f"{mode} ({own})" if mode else own
        elif a.evaluator != COMPOSITE:
            found[a.evaluator] = modes.get(a.mode_id or "", a.evaluator)
    return found


def requirements(alignment: Iterable[JudgeAlignment]) -> set[str]:
    """Return the evaluators that decide because they are what was agreed."""
    return {a.evaluator for a in alignment if a.status == "requirement"}


def without_stale(results: Iterable[EvalResult], alignment: Iterable[JudgeAlignment]) -> list[EvalResult]:
    """Return the rows but those of judges that have changed since they were measured: their errors are not known."""
    versions = {a.evaluator: a.evaluator_version for a in alignment}
    return [r for r in results if versions.get(r.evaluator, r.evaluator_version) == r.evaluator_version]


def case_scores(results: Sequence[EvalResult], evaluators: Collection[str]) -> dict[str, float]:
    """Return {case_id: share of its answers that pass} by the given evaluators.

    An answer fails when one evaluator fails it and passes when all pass it that apply to it. Where none fails it and
    one is unsure, broke or gave no verdict, it is not known, and so is the outcome of its case, which is left out.
    """
    answers: dict[str, dict[int, dict[str, str | None]]] = defaultdict(lambda: defaultdict(dict))
    for r in results:
        if r.evaluator in evaluators:
            labels = answers[r.case_id][r.repeat]
            label = NOT_APPLICABLE if does_not_apply(r) else r.label
            labels[r.evaluator] = "fail" if "fail" in (labels.get(r.evaluator), label) else label
    passes = {c: [_passes(labels, evaluators) for labels in repeats.values()] for c, repeats in answers.items()}
    return _means(passes)


def _passes(labels: Mapping[str, str | None], evaluators: Collection[str]) -> bool | None:
    if "fail" in labels.values():
        return False
    given = [labels.get(e) for e in evaluators]
    return True if "pass" in given and set(given) <= {"pass", NOT_APPLICABLE} else None


def does_not_apply(row: EvalResult) -> bool:
    """Return whether a row of `evaluators.yaml` says that it does not apply to its case: no judgement, and no error."""
    return row.evaluator.startswith(PREFIX) and row.label is None and row.error is None


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
    (`stats.corrected_rate`), which are taken to be on these answers what they were on the labelled ones. Where they
    disagree with the expert, most failures are of kinds that none of them looks for, and how many those are changes
    with the prompt: then nothing is corrected.
    """
    evaluators = deciding(alignment)
    if evaluators == {answered.NAME}:
        return None
    cases = {r.case_id for r in results if r.evaluator in evaluators}
    outcomes = case_outcomes(results, evaluators)
    judged = proportion(sum(outcomes.values()), len(outcomes))
    agrees = not any(a.evaluator == COMPOSITE and a.status == "unusable" for a in alignment)
    error = judge_errors(alignment).get(COMPOSITE) if agrees else None
    corrected = corrected_rate(sum(outcomes.values()), len(outcomes), error) if error and outcomes else None
    return GoldenRate(judged, corrected, len(cases) - len(outcomes))


@dataclass(frozen=True)
class ModeDisagreement:
    """A case that one evaluator of a failure mode passes and another fails; `labels` are (evaluator, label)."""

    case_id: str
    mode: str
    repeat: int
    labels: tuple[tuple[str, str], ...]


def find_disagreements(
    results: Sequence[EvalResult], alignment: Sequence[JudgeAlignment], modes: Mapping[str, str]
) -> list[ModeDisagreement]:
    """Return the answers that evaluators of one mode pass and fail; `modes` is {mode_id: name}.

    One of them is wrong, or the definition of the mode is read in two ways. An abstention disagrees with nobody.
    """
    mode_of = {a.evaluator: a.mode_id for a in alignment if a.mode_id}
    found: dict[tuple[str, int, str], dict[str, str]] = defaultdict(dict)
    for r in results:
        if (mode := mode_of.get(r.evaluator)) and r.label in ("pass", "fail"):
            found[r.case_id, r.repeat, mode][r.evaluator] = r.label
    return [
        ModeDisagreement(case, modes.get(mode, mode), repeat, tuple(sorted(labels.items())))
        for (case, repeat, mode), labels in sorted(found.items())
        if len(set(labels.values())) > 1
    ]


def mode_scores(results: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
    """Return {case_id: share of its answers that pass} by one evaluator, for the cases that it decided."""
    return case_scores([r for r in results if r.evaluator == evaluator], (evaluator,))


def pass_rates(results: Sequence[EvalResult]) -> list[ModePassRate]:
    """Return the pass rate of every evaluator, lowest first."""
    rates = []
    for evaluator in sorted({r.evaluator for r in results}):
        decided = case_outcomes(results, (evaluator,))
        total = len({r.case_id for r in results if r.evaluator == evaluator and not does_not_apply(r)})
        rates.append(ModePassRate(evaluator, proportion(sum(decided.values()), len(decided)), total - len(decided)))
    return sorted(rates, key=lambda r: (r.rate.value, r.evaluator))
