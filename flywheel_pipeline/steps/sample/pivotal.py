"""The local pivotal method: a sample with exactly the given probabilities that is spread over a space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.steps.sample.balance import round_in_strata

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
_SURE = 1e-9


def local_pivotal(
    probabilities: Floats, points: Floats, seed: int, strata: Sequence[Sequence[str]] = (), least: int = 0
) -> list[int]:
    """Draw indices with the given inclusion probabilities, well spread over `points`.

    `probabilities` has shape (N,), `points` (N, d), rows of unit length. Two close units compete in every
    step, so that both are seldom chosen; expected counts are exact (LPM2 of Grafström, Lundström &
    Schelin 2012, section 3). Time and memory O(N²), and O(N² d) once.

    `strata` are columns of N labels each, the most important first. Units compete within the strata, crossed with each
    other, before they compete with others (as in Deville & Tillé 1998, "Unequal probability sampling without
    replacement through a splitting method", section 4), so that from every stratum of one column comes the expected
    number, rounded up or down. With more columns, `round_in_strata` decides what is left, with its promises.
    """
    p = probabilities.astype(float).copy()
    rng = np.random.default_rng(seed)
    unit = np.asarray(points, dtype=np.float32)
    closeness = unit @ unit.T
    for labels in _levels(strata, len(p)):
        undecided = _undecided(p)
        names = np.asarray(labels)[undecided]
        for name in np.unique(names):
            _compete(p, undecided[names == name], closeness, rng)
    if len(strata) > 1:
        p = round_in_strata(p, closeness, strata, least, int(rng.integers(2**32)))
    for last in _undecided(p):
        p[last] = float(rng.random() < p[last])
    return [int(i) for i in np.flatnonzero(p > 0.5)]


def _levels(strata: Sequence[Sequence[str]], n: int) -> list[list[str]]:
    """Return within what units compete, one level after the other."""
    crossed = ["\n".join(parts) for parts in zip(*strata, strict=True)]
    return [*([crossed] if strata else []), *([["all"] * n] if len(strata) < 2 else [])]


def _undecided(p: Floats) -> Indices:
    return np.flatnonzero((p > _SURE) & (p < 1 - _SURE))


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
