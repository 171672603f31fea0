"""What an improver is shown of a prompt's failures: its failure modes with cases of the train split."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flywheel_pipeline.records import EvalResult, FailureMode, GoldenCase
from flywheel_pipeline.steps.improve.propose import ModeEvidence
from flywheel_pipeline.steps.improve.trials import Trial, Trials

MAX_CRITIQUE = 1_000
"""Characters of an evaluator's explanation that are shown."""


@dataclass(frozen=True)
class Failures:
    """The failure modes of a taxonomy, and how many of them an improver is shown at most."""

    modes: Sequence[FailureMode]
    max_modes: int

    def of(self, trial: Trial, trials: Trials) -> list[ModeEvidence]:
        """Return the modes that still fail under a prompt, in the order of their ranks.

        That is on the train split, on which it is evaluated if need be; of production, that a mode fails may show on
        dev too. No case but those of the train split is in it.

        Raises:
            SearchEnded: the budget does not suffice to evaluate the prompt on the train split.
        """
        cases = [*trials.train, *(trials.dev if trial is trials.base else [])]
        return self.among(trial, trials.rows(trial.version, cases), trials)

    def among(
        self, trial: Trial, rows: Sequence[EvalResult], trials: Trials, only: Collection[str] | None = None
    ) -> list[ModeEvidence]:
        """Return the modes that fail among these rows of a prompt, with their train cases, or `only` some of them."""
        read = trials.bench.judgement
        failing = [r for r in rows if r.label == "fail"]
        ids = {read.guarded(r.evaluator) for r in failing}
        found = sorted((m for m in self.modes if m.mode_id in ids), key=lambda m: m.rank)[: self.max_modes]
        answers = {a.case_id: a.output or "" for a in trials.bench.answers(trial.version.version)}
        train = [c for c in trials.train if only is None or c.case_id in only]
        return [
            self._shown(m, [r for r in failing if read.guarded(r.evaluator) == m.mode_id], (answers, train), trials)
            for m in found
        ]

    def _shown(
        self,
        mode: FailureMode,
        failing: Sequence[EvalResult],
        known: tuple[dict[str, str], Sequence[GoldenCase]],
        trials: Trials,
    ) -> ModeEvidence:
        """Return what is shown of one mode: one case of each family first, of these the ones that fail now."""
        answers, train = known
        critiques = {r.case_id: r.explanation[:MAX_CRITIQUE] for r in failing}
        own = [c for c in train if c.mode_id == mode.mode_id and c.kind == "failure"]
        others = [c for c in train if c.case_id in critiques and c not in own]
        cases = _one_per_family(sorted([*own, *others], key=lambda c: c.case_id not in critiques))
        shown = {c.case_id for c in cases} & critiques.keys()
        for case in shown:
            trials.shown.setdefault(case, set()).update(filter(None, (critiques[case], answers.get(case))))
        return ModeEvidence(
            mode.name, mode.definition, mode.n_failures, tuple(c.criteria for c in own if c.criteria), cases,
            mode.mode_id, _only(answers, shown), _only(critiques, shown),
        )  # fmt: skip


def _one_per_family(cases: Sequence[GoldenCase]) -> tuple[GoldenCase, ...]:
    """Return cases with the first of each family before the others, which say little more."""
    first = {c.family: c.case_id for c in reversed(cases)}
    return tuple(sorted(cases, key=lambda c: first[c.family] != c.case_id))


def _only(values: dict[str, str], ids: Collection[str]) -> dict[str, str]:
    return {c: values[c] for c in sorted(ids) if values.get(c)}
