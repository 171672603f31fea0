"""Round probabilities to a sample that takes enough of every stratum, of however many columns.

The flight of the cube method (Deville & Tillé 2004, "Efficient balanced sampling: the cube method", section 3): the
probabilities move by random steps of mean zero until all are 0 or 1, so that each is exact. A step goes along a
direction in which no sum that stands at a bound of its own changes, and as far as a probability reaches 0 or 1, or one
more sum a bound. Where no such direction is left, the bound of a further column is given up (ibid., section 4, landing
by suppression of variables). For two columns that is never needed: sums over two partitions are totally unimodular,
so that only whole samples are corners of what the bounds allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
_SURE = 1e-9
EXACT = 2
"""Columns whose strata are rounded to their expected number; for further columns only the minimum is guaranteed."""
MAX_SUMS = 120
"""The most strata that are balanced, in whole columns in their order; the others are right on average."""
SPARE = 1
"""Traces beyond the minimum that a stratum of a further column gets, so that a bound can be dropped."""


@dataclass(frozen=True)
class _Sums:
    """The sums to preserve: the total first, then the strata of each column; `holds` has shape (sums, units)."""

    holds: Floats
    low: Floats
    high: Floats
    further: Flags

    def at_bound(self, p: Floats) -> Flags:
        """Return which sums stand at a bound."""
        now = self.holds @ p
        return (now <= self.low + _SURE) | (now >= self.high - _SURE)


def round_in_strata(
    probabilities: Floats, closeness: NDArray[np.float32], strata: Sequence[Sequence[str]], least: int, seed: int
) -> Floats:
    """Return 0 or 1 for each unit, 1 with exactly its probability.

    The total, and the number from every stratum of the first two columns, is the expected one, rounded up or down. From
    every stratum of further columns come at least `least`, where `least` + `SPARE` or more are expected: nearly always
    (all but 9 of 3,000 simulated draws with three to five columns of rare strata). `probabilities` have shape (N,),
    `closeness` (N, N), `strata` are columns of N labels each. Close units compete in every step, so that the sample is
    spread (Grafström & Tillé 2013, "Doubly balanced spatial sampling with spreading and restitution of auxiliary
    totals", section 3).
    """
    p, rng = probabilities.astype(float).copy(), np.random.default_rng(seed)
    sums = _sums(p, strata, least)
    kept = np.ones(len(sums.low), dtype=bool)
    while (left := np.flatnonzero((p > _SURE) & (p < 1 - _SURE))).size:
        active = np.flatnonzero(kept & sums.at_bound(p))
        near = _nearest(int(left[int(rng.integers(left.size))]), left, closeness, len(active) + 1)
        n, rows = _window(sums.holds[np.ix_(active, near)])
        way = _direction(sums.holds[np.ix_(active[rows], near[:n])])
        if way is None or not _step(p, near[:n], way, sums, kept, float(rng.random())):
            kept[_least_needed(active[rows], sums, p)] = False
    return np.round(p)


def _sums(p: Floats, strata: Sequence[Sequence[str]], least: int) -> _Sums:
    holds, further = [np.ones(len(p))], [False]
    for place, labels in enumerate(strata):
        values, own = np.unique(np.asarray(labels), return_inverse=True)
        if len(holds) + len(values) > MAX_SUMS:
            continue
        holds += [(own == k).astype(float) for k in range(len(values))]
        further += [place >= EXACT] * len(values)
    table, is_further = np.array(holds), np.array(further)
    expected = table @ p
    low, high = np.floor(expected + _SURE), np.ceil(expected - _SURE)
    return _Sums(
        table,
        np.where(is_further, np.minimum(low, least + SPARE), low),
        np.where(is_further, np.inf, high),
        is_further,
    )


def _nearest(unit: int, left: Indices, closeness: NDArray[np.float32], n: int) -> Indices:
    """Return up to `n` of the units that are left, the closest to `unit` first, beginning with itself."""
    near = closeness[unit, left].astype(float)
    near[left == unit] = np.inf
    return left[np.argsort(-near, kind="stable")[:n]]


def _window(holds: Floats) -> tuple[int, Indices]:
    """Return how many of the first units are more than the sums they are part of, else all; and these sums."""
    touched = np.logical_or.accumulate(holds > 0, axis=1)
    enough = np.flatnonzero(np.arange(1, holds.shape[1] + 1) > touched.sum(axis=0))
    n = int(enough[0]) + 1 if enough.size else holds.shape[1]
    return n, np.flatnonzero(touched[:, n - 1])


def _direction(holds: Floats) -> Floats | None:
    """Return a direction that changes none of the sums, None where there is none."""
    n_sums, n_units = holds.shape
    if not n_sums:
        return np.ones(n_units)
    _, size, ways = np.linalg.svd(holds)
    if n_units <= n_sums and size[-1] > _SURE:
        return None
    way: Floats = ways[-1]
    way[np.abs(way) < _SURE] = 0.0
    return way


def _step(p: Floats, units: Indices, way: Floats, sums: _Sums, kept: Flags, chance: float) -> bool:
    """Go forth or back at random, on average nowhere, in place; return whether there was any room."""
    there, back = (_room(p, units, w, sums, kept) for w in (way, -way))
    if there + back < _SURE:
        return False
    p[units] += way * (there if chance < back / (there + back) else -back)
    return True


def _room(p: Floats, units: Indices, way: Floats, sums: _Sums, kept: Flags) -> float:
    """Return how far it is to the first bound."""
    change, now = sums.holds[:, units] @ way, sums.holds @ p
    moved, own = kept & (np.abs(change) > _SURE), way != 0
    bounds = np.where(change > 0, sums.high, sums.low)[moved]
    ends = (way[own] > 0).astype(float)
    rooms = np.concatenate([(bounds - now[moved]) / change[moved], (ends - p[units][own]) / way[own]])
    return max(0.0, float(rooms.min()))


def _least_needed(rows: Indices, sums: _Sums, p: Floats) -> int:
    """Return the sum whose bound is given up: of a further column, where most is decided already."""
    decided = sums.holds[rows] @ (p > 1 - _SURE)
    return int(rows[np.argmax(decided + len(p) * sums.further[rows])])
