"""Compare two versions on the same cases: what each evaluator says of both, with intervals, and what happened to them.

No version looks better by having fewer outcomes: a difference is on the cases that are known on both sides, beside the
coverage of both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.records import JudgeAlignment
from flywheel_pipeline.stats import PERFECT, PairedChange, Youden, change_of, corrected_rate, paired_counts
from flywheel_pipeline.steps.evaluate.alignment import COMPOSITE, judge_errors
from flywheel_pipeline.steps.evaluate.case_change import JUDGE, OUTCOMES, CaseChange, Judged, worst_first
from flywheel_pipeline.steps.evaluate.coverage import Coverage
from flywheel_pipeline.steps.evaluate.evaluators import answered, resisted
from flywheel_pipeline.steps.evaluate.report import GoldenRate, deciding

COUNTS, UNMEASURED = "counts", "not measured"

Ints = NDArray[np.int_]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class EvaluatorChange:
    """What one evaluator says of both versions; `evaluator` is empty for all together that count.

    `status` is `counts`, or why its verdicts are shown and not counted. `change` is on the cases that are known on both
    sides (None without any), clustered by family and, if it counts, corrected for the judge's known errors.
    """

    evaluator: str
    status: str
    before: Coverage
    after: Coverage
    change: PairedChange | None

    @property
    def fixed(self) -> float:
        """Cases that fail before and pass after; with repeats, the sum of the gains of cases."""
        return self.change.fixed if self.change else 0.0

    @property
    def broken(self) -> float:
        """Cases that pass before and fail after, likewise."""
        return self.change.broken if self.change else 0.0

    @property
    def complete(self) -> bool:
        """Whether both rates, and so the difference, may decide anything."""
        return self.before.complete and self.after.complete


@dataclass(frozen=True)
class VersionComparison:
    """Two versions on the same cases.

    `overall` is None while no judge may decide: that the app answered is all that would be compared. `rates` are the
    corrected pass rates of the golden set before and after. `left_out` is {split: number of cases} that only one
    version was evaluated on.
    """

    overall: EvaluatorChange | None
    evaluators: tuple[EvaluatorChange, ...]
    cases: tuple[CaseChange, ...]
    rates: tuple[GoldenRate, GoldenRate] | None
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def counting(self) -> frozenset[str]:
        """The evaluators whose verdicts count."""
        return frozenset(e.evaluator for e in self.evaluators if e.status == COUNTS)

    def counts(self, evaluator: str = "") -> dict[str, int]:
        """Return {outcome: number of cases}, all outcomes, worst first."""
        found = Counter(c.outcome(evaluator) for c in self.cases if c.concerns(evaluator))
        return {o: found[o] for o in OUTCOMES}


def compare_versions(cases: Sequence[CaseChange], alignment: Sequence[JudgeAlignment]) -> VersionComparison:
    """Compare two versions on all `cases`, whether or not they have an outcome.

    A version with verdicts on no case of a split but critical ones was not to be evaluated on it (a candidate is
    evaluated on dev, and the best one on test; a baseline beside it on test; both on critical cases): of such a split,
    only the cases that both versions have verdicts on are compared. Elsewhere a missing verdict is a case that is not
    evaluated.
    """
    compared, left_out = _same_splits(cases)
    counting, errors = deciding(alignment), judge_errors(alignment)
    arrays = _Arrays.of(compared)
    names = {a.evaluator for a in alignment if a.mode_id} | {e for j in arrays.distinct for e in j.seen}
    statuses = {e: _status(e, alignment, counting) for e in names}
    known = {e: errors[e].youden for e in names if e in errors and statuses[e] == COUNTS}
    changes = [_change(e, arrays, statuses[e], known.get(e, PERFECT)) for e in names]
    shown = sorted((c for c in changes if c.before.n), key=_lowest_first)
    together = errors[COMPOSITE].youden if COMPOSITE in errors else PERFECT
    overall = _change("", arrays, COUNTS, together) if counting != {answered.NAME} else None
    return VersionComparison(
        overall, tuple(shown), tuple(worst_first(compared)),
        (_rate(overall.before, alignment), _rate(overall.after, alignment)) if overall else None, left_out,
    )  # fmt: skip


def _same_splits(cases: Sequence[CaseChange]) -> tuple[list[CaseChange], dict[str, int]]:
    """Return the cases to compare, and {split: number of the others}."""
    by_split: dict[str, list[CaseChange]] = {}
    for c in cases:
        by_split.setdefault(c.split, []).append(c)
    kept = [c for own in by_split.values() for c in _asked(own)]
    left = Counter(c.split for c in cases)
    left.subtract(c.split for c in kept)
    return kept, {split: n for split, n in sorted(left.items()) if n}


def _asked(cases: Sequence[CaseChange]) -> Sequence[CaseChange]:
    """Return the cases of a split that both versions were to be evaluated on.

    That is all of them if both versions have a verdict on one that is not critical; else those on which both have one.
    """
    sides = zip(*((c.before.seen, c.after.seen) for c in cases if not c.critical), strict=True)
    was_asked = [any(side) for side in sides]
    return cases if was_asked and all(was_asked) else [c for c in cases if c.before.seen and c.after.seen]


def _lowest_first(change: EvaluatorChange) -> tuple[bool, float, str]:
    return change.status != COUNTS, change.after.rate.value, change.evaluator


def _status(evaluator: str, alignment: Sequence[JudgeAlignment], counting: Collection[str]) -> str:
    measured = next((a for a in alignment if a.evaluator == evaluator), None)
    if evaluator in counting or evaluator == resisted.NAME:
        return COUNTS
    return measured.status if measured else UNMEASURED


@dataclass(frozen=True)
class _Arrays:
    """The cases as arrays: `before` and `after` number the few `distinct` verdicts, `families` the families."""

    distinct: Sequence[Judged]
    before: Ints
    after: Ints
    families: Ints
    ordinary: Bools

    @classmethod
    def of(cls, cases: Sequence[CaseChange]) -> _Arrays:
        distinct = list({id(j): j for c in cases for j in (c.before, c.after)}.values())
        number = {id(j): n for n, j in enumerate(distinct)}
        families: dict[str, int] = {}
        return cls(
            distinct,
            np.array([number[id(c.before)] for c in cases], int),
            np.array([number[id(c.after)] for c in cases], int),
            np.array([families.setdefault(c.family or c.case_id, len(families)) for c in cases], int),
            np.array([c.kind != "adversarial" for c in cases], bool),
        )

    def concerned(self, evaluator: str) -> Bools:
        """Return which cases an evaluator judges (`CaseChange.concerns`); all that count judge the ordinary ones."""
        if not evaluator:
            return self.ordinary
        gave = np.array([evaluator in j.seen for j in self.distinct], bool)
        seen: Bools = gave[self.before] | gave[self.after]
        return seen | self.ordinary if evaluator.startswith(JUDGE) else seen

    def scores(self, evaluator: str) -> tuple[Floats, Floats]:
        """Return the scores before and after, NaN where they are not known."""
        known = [j.by(evaluator) for j in self.distinct]
        score = np.array([np.nan if x is None else x for x in known], float)
        return score[self.before], score[self.after]


def _change(evaluator: str, cases: _Arrays, status: str, judge: Youden) -> EvaluatorChange:
    own = cases.concerned(evaluator)
    before, after = (side[own] for side in cases.scores(evaluator))
    difference, families = after - before, cases.families[own]
    both = ~np.isnan(difference)
    d = difference[both]
    counts = paired_counts(d, families[both])
    change = change_of(counts, len(d), float(np.maximum(d, 0).sum()), float(np.maximum(-d, 0).sum()), judge)
    return EvaluatorChange(evaluator, status, _coverage(before), _coverage(after), change if len(d) else None)


def _coverage(scores: Floats) -> Coverage:
    """Return how many cases pass with all their answers, do not, and are not known."""
    passed, known = int((scores == 1).sum()), int((~np.isnan(scores)).sum())
    return Coverage(passed, known - passed, len(scores) - known)


def _rate(coverage: Coverage, alignment: Sequence[JudgeAlignment]) -> GoldenRate:
    n, error = coverage.n_passed + coverage.n_failed, judge_errors(alignment).get(COMPOSITE)
    corrected = corrected_rate(coverage.n_passed, n, error) if error and n else None
    return GoldenRate(coverage.rate, corrected, coverage.n_unknown)
