"""The local pivotal method: a sample with exactly the given probabilities that is spread over a space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SURE = 1e-9


def local_pivotal(probabilities: Floats, points: Floats, seed: int) -> list[int]:
    """Draw indices with the given inclusion probabilities, well spread over `points`.

    `probabilities` has shape (N,), `points` (N, d), rows of unit length. Two close units compete in every
    step, so that both are seldom chosen; expected counts are exact (LPM2 of Grafström, Lundström &
    Schelin 2012, section 3). Time O(N² d), memory O(N d).
    """
    p = probabilities.astype(float).copy()
    rng = np.random.default_rng(seed)
    undecided = [int(i) for i in np.flatnonzero((p > _SURE) & (p < 1 - _SURE))]
    while len(undecided) > 1:
        i = undecided[int(rng.integers(len(undecided)))]
        j = _nearest(i, np.asarray(undecided), points, rng)
        p[i], p[j] = _duel(p[i], p[j], float(rng.random()))
        undecided = [k for k in undecided if k not in (i, j) or _SURE < p[k] < 1 - _SURE]
    if undecided:
        p[undecided[0]] = float(rng.random() < p[undecided[0]])
    return [int(i) for i in np.flatnonzero(p > 0.5)]


def _nearest(i: int, others: NDArray[np.int64], points: Floats, rng: np.random.Generator) -> int:
    closeness = points[others] @ points[i]
    closeness[others == i] = -np.inf
    best = np.flatnonzero(closeness >= closeness.max() - 1e-12)
    return int(others[best[int(rng.integers(len(best)))]])


def _duel(p: float, q: float, u: float) -> tuple[float, float]:
    """Let two units compete: one of them is decided, the other takes what is left of their sum."""
    total = p + q
    if total < 1:
        return (0.0, total) if u < q / total else (total, 0.0)
    return (1.0, total - 1) if u < (1 - q) / (2 - total) else (total - 1, 1.0)
