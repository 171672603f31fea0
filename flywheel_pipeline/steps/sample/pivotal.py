"""The local pivotal method: a sample with exactly the given probabilities that is spread over a space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
_SURE = 1e-9


def local_pivotal(probabilities: Floats, points: Floats, seed: int, cells: Sequence[Sequence[str]] = ()) -> list[int]:
    """Draw indices with the given inclusion probabilities, well spread over `points`.

    `probabilities` has shape (N,), `points` (N, d), rows of unit length. Two close units compete in every
    step, so that both are seldom chosen; expected counts are exact (LPM2 of Grafström, Lundström &
    Schelin 2012, section 3). Time and memory O(N²), and O(N² d) once.

    `cells` are partitions of the units, as N labels each, the finest first: units compete within a cell before they
    compete with others, so that of every cell of the coarsest partition the number that is drawn is its expected one,
    rounded up or down (as in Deville & Tillé 1998, "Unequal probability sampling without replacement through a
    splitting method", section 4).
    """
    p = probabilities.astype(float).copy()
    rng = np.random.default_rng(seed)
    unit = np.asarray(points, dtype=np.float32)
    closeness = unit @ unit.T
    for labels in [*cells, ["all"] * len(p)]:
        undecided = np.flatnonzero((p > _SURE) & (p < 1 - _SURE))
        names = np.asarray(labels)[undecided]
        for name in np.unique(names):
            _compete(p, undecided[names == name], closeness, rng)
    for last in np.flatnonzero((p > _SURE) & (p < 1 - _SURE)):
        p[last] = float(rng.random() < p[last])
    return [int(i) for i in np.flatnonzero(p > 0.5)]


def _compete(p: Floats, undecided: Indices, closeness: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Let neighbours among `undecided` compete, in place, until at most one of them is left."""
    left = undecided.copy()
    n = len(left)
    while n > 1:
        a = int(rng.integers(n))
        b = _nearest(a, left[:n], closeness, rng)
        i, j = int(left[a]), int(left[b])
        p[i], p[j] = _duel(p[i], p[j], float(rng.random()))
        for place, k in sorted(((a, i), (b, j)), reverse=True):
            if not _SURE < p[k] < 1 - _SURE:
                n -= 1
                left[place] = left[n]


def _nearest(a: int, left: Indices, closeness: NDArray[np.float32], rng: np.random.Generator) -> int:
    near = closeness[left[a], left].copy()
    near[a] = -np.inf
    best = np.flatnonzero(near >= near.max() - 1e-6)
    return int(best[int(rng.integers(len(best)))])


def _duel(p: float, q: float, u: float) -> tuple[float, float]:
    """Let two units compete: one of them is decided, the other takes what is left of their sum."""
    total = p + q
    if total < 1:
        return (0.0, total) if u < q / total else (total, 0.0)
    return (1.0, total - 1) if u < (1 - q) / (2 - total) else (total - 1, 1.0)
