"""What the gate decides where the truth is known: thousands of runs by the rule that decides on a candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.stats import PERFECT, Counts, Youden, paired_counts
from flywheel_pipeline.steps.improve.flips import BATCH, LIMIT
from flywheel_pipeline.steps.improve.rule import (
    ALL,
    GROUP,
    MODE,
    WHOLE,
    Gate,
    GuardCounts,
    harmed,
    is_better,
    is_guarded,
    is_safe,
    is_worse,
)
from flywheel_pipeline.steps.improve.worlds import Draw, Layout

Bools = NDArray[np.bool_]
ROUNDS = tuple(range(BATCH, LIMIT + 1, BATCH))
"""Flipped cases that are labelled when the gate decides again."""


@dataclass(frozen=True)
class Verdicts:
    """Per run: whether the gate ships, and whether it rejects; modes with too few own cases ship by consent."""

    ship: Bools
    reject: Bools


def decide_runs(gate: Gate, layout: Layout, drawn: Draw, judge: Youden = PERFECT, look: int = 1) -> Verdicts:
    """Return the gate's verdicts on all runs of `drawn`: `gate.decide`, over arrays.

    Unless `gate.judges_alone`, the expert labels the flipped cases of a promising candidate, 20 at a time and 80 at
    most, and the gate decides after each time.
    """
    known = ~drawn.unknown_after
    d = (drawn.seen[1] & known).astype(float) - drawn.seen[0]
    overall = paired_counts(d, layout.family)
    shown = [_known_only(layout, d, known), *_guards(layout, d, judge, known)]
    reject = is_worse(gate, shown[0].counts) | np.any(harmed(gate, shown[1:]), axis=0)
    possible = ~reject & (known.mean(axis=-1) >= gate.min_coverage)
    if gate.judges_alone:
        better = possible & is_better(gate, overall, look)
        return Verdicts(_where(better, lambda some: _all_safe(gate, _guards(layout, d[some], judge))), reject)
    asked = possible & (overall.p_better >= gate.min_probability_promising)
    return Verdicts(_where(asked, lambda some: _ships_by_labels(gate, layout, drawn.of(some), look)), reject)


def _where(wanted: Bools, decide: Callable[[NDArray[np.intp]], Bools]) -> Bools:
    """Return `decide` of the runs that are `wanted`, False for the others: most need no guard to be looked at."""
    result = np.zeros_like(wanted)
    some = np.flatnonzero(wanted)
    if len(some):
        result[some] = decide(some)
    return result


def _ships_by_labels(gate: Gate, layout: Layout, drawn: Draw, look: int) -> Bools:
    ship = np.zeros(len(drawn.unknown_after), bool)
    for size in ROUNDS:
        left = np.flatnonzero(~ship)
        labelled = _labelled(drawn.of(left), size)
        better = is_better(gate, _overall_by_labels(layout, drawn.of(left), labelled).counts, look)
        some = left[better]
        if len(some):
            ship[some] = _all_safe(gate, _guards_by_labels(layout, drawn.of(some), labelled[better]))
    return ship


def _known_only(layout: Layout, d: Any, known: Bools) -> GuardCounts:
    return GuardCounts(paired_counts(d * known, layout.family, known), known.sum(axis=-1))


def _parts(layout: Layout) -> list[tuple[Bools, Bools, str]]:
    """Return (cases, those that can change by it, kind) of every guard.

    A guard per judge on all cases, per mode on its own, and one of the happy paths.
    """
    mode, who = np.asarray(layout.mode), np.asarray(layout.judge)
    everything = np.ones(layout.n, bool)
    return [
        *((everything, who == j, ALL) for j in sorted(set(layout.judge))),
        *((mode == m, everything, MODE) for m in sorted(set(layout.mode) - {-1})),
        (mode < 0, everything, GROUP),
    ]


def _guards(layout: Layout, d: Any, judge: Youden, known: Any = None) -> list[GuardCounts]:
    seen = np.ones(layout.n, bool) if known is None else known
    return [
        GuardCounts(paired_counts(d * (mask & who & seen), layout.family, mask & seen), mask.sum(), kind, judge)
        for mask, who, kind in _parts(layout)
    ]


def _all_safe(gate: Gate, guards: Sequence[GuardCounts]) -> Bools:
    return np.asarray(np.all([is_safe(gate, g) | ~is_guarded(gate, g) for g in guards], axis=0))


def _flips(drawn: Draw) -> Bools:
    return np.asarray((drawn.seen[0] != drawn.seen[1]) & ~drawn.unknown_after)


def _labelled(drawn: Draw, size: int) -> Bools:
    """Return which flipped cases are labelled after `size` of them, in one random order of the cases."""
    flips = _flips(drawn)
    order = np.random.default_rng(0).permutation(flips.shape[-1])
    place = np.empty(flips.shape, int)
    place[:, order] = np.cumsum(flips[:, order], axis=-1)
    return flips & (place <= size)


def _by_expert(drawn: Draw, labelled: Bools) -> Any:
    """Return after - before with the expert's verdicts on labelled cases, the judges' on the others."""
    before, after = (np.where(labelled, truth, seen) for truth, seen in zip(drawn.truth, drawn.seen, strict=True))
    return (after & ~drawn.unknown_after).astype(float) - before


def _overall_by_labels(layout: Layout, drawn: Draw, labelled: Bools) -> GuardCounts:
    everything = np.ones(layout.n, bool)
    flips = (_flips(drawn), labelled)
    return _thinned(layout, (everything, everything), _by_expert(drawn, labelled), flips, WHOLE)


def _guards_by_labels(layout: Layout, drawn: Draw, labelled: Bools) -> list[GuardCounts]:
    """Return the guards' counts; of one judge, only the expert's passes correct its verdicts (`gate.checked`)."""
    by_expert, flips = _by_expert(drawn, labelled), (_flips(drawn), labelled)
    before, after = (seen | (labelled & truth) for truth, seen in zip(drawn.truth, drawn.seen, strict=True))
    by_judge = (after & ~drawn.unknown_after).astype(float) - before
    return [
        _thinned(layout, (mask, who), by_judge if kind == ALL else by_expert, flips, kind)
        for mask, who, kind in _parts(layout)
    ]


def _thinned(layout: Layout, cases: tuple[Bools, Bools], d: Any, labels: tuple[Bools, Bools], kind: str) -> GuardCounts:
    """Return the counts of a part in which labelled flips stand for all flips of it (`gate._thinned`)."""
    mask, who = cases
    flips, labelled = labels[0] & mask & who, labels[1] & mask & who
    kept = mask & ~(flips & ~labelled)
    counts = paired_counts(d * (kept & who), layout.family, kept)
    n_flips = flips.sum(axis=-1)
    share = np.where(n_flips > 0, labelled.sum(axis=-1) / np.maximum(n_flips, 1), 1.0)
    n = counts.n / np.maximum(kept.sum(axis=-1), 1) * mask.sum() * share
    return GuardCounts(Counts(counts.fixed, counts.broken, n), mask.sum(), kind)
