"""Inclusion probabilities: proportional to risk, over a uniform floor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def inclusion_probabilities(risk: Floats, size: int, uniform_share: float, kept: Floats | None = None) -> Floats:
    """Return the probability of every trace to be in a sample of `size`; they sum to `size`.

    `risk` has shape (N,) and values of at least 1. A share `uniform_share` of the sample is spread
    evenly, so that unknown kinds of failure stay reachable and no weight exceeds N / (uniform_share ·
    size); the rest is proportional to risk, with traces whose probability would exceed 1 taken for
    certain and the others scaled up (Särndal, Swensson & Wretman 1992, section 3.6.2).

    `kept` is the probability with which each trace came into the frame in the first place (default 1). It is
    the result times `kept` that then follows risk, and 1 over it that is the weight (ibid., section 9.2).
    """
    n = len(risk)
    if size >= n:
        return np.ones(n)
    stands_for = np.ones(n) if kept is None else 1 / kept
    even, by_risk = _proportional(stands_for, size), _proportional(risk * stands_for, size)
    return np.asarray(uniform_share * even + (1 - uniform_share) * by_risk)


def _proportional(risk: Floats, size: int) -> Floats:
    probability = np.zeros(len(risk))
    certain = np.zeros(len(risk), dtype=bool)
    while True:
        rest = ~certain
        probability[rest] = risk[rest] * (size - certain.sum()) / risk[rest].sum()
        over = rest & (probability >= 1)
        if not over.any():
            return probability
        certain |= over
        probability[certain] = 1.0
