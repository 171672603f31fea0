"""Inclusion probabilities: proportional to risk, above a uniform floor, with a minimum for every stratum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_ROUNDS = 200


def inclusion_probabilities(risk: Floats, size: int, uniform_share: float, stands_for: Floats | None = None) -> Floats:
    """Return the probability of every trace to be in a sample of `size`; they sum to `size`.

    `risk` has shape (N,) and values of at least 1. Probabilities are proportional to it (Särndal, Swensson & Wretman
    1992, section 3.6.2), at most 1, and at least `uniform_share` of what an even sample would give, so that unknown
    kinds of failure stay reachable and no weight exceeds N / (uniform_share · size). The floor is a minimum and not a
    part of the sample that is set aside: where risk alone keeps to it, it costs nothing.

    `stands_for`, shape (N,), is how many traces of the population each one here stands for (default 1): those like
    it, and those that did not come into the frame (ibid., section 9.2).
    """
    n = len(risk)
    if size >= n:
        return np.ones(n)
    each = np.ones(n) if stands_for is None else stands_for
    return _filled(risk * each, uniform_share * size * each / each.sum(), size)


def _filled(weight: Floats, floor: Floats, size: float) -> Floats:
    """Return probabilities in proportion to `weight` that sum to `size`, each from its `floor` to 1 (by bisection)."""
    low, high = 0.0, size / float(weight.min())
    for _ in range(MAX_ROUNDS):
        middle = (low + high) / 2
        if np.clip(middle * weight, floor, 1).sum() < size:
            low = middle
        else:
            high = middle
    made = np.minimum(np.clip(high * weight, floor, 1), 1.0)
    inside = (made > floor) & (made < 1)
    if inside.any():  # the last digits
        made[inside] *= (size - made[~inside].sum()) / made[inside].sum()
    return np.asarray(made)


def raise_to_minimum(probability: Floats, strata: Sequence[Sequence[str]], least: Sequence[int]) -> Floats:
    """Return probabilities of the same sum that leave no stratum below the expected traces that its column asks.

    `strata` holds columns of N labels each, `least` a number for each; every value of a column is a stratum. One that
    is below is scaled up, all others down, in turns until nothing moves (iterative proportional fitting; Deming &
    Stephan 1940). A stratum with fewer traces than that is taken whole, and where the minima together exceed the
    sample, each is lowered to an equal share of it. The floor under the others' probabilities falls in the same
    proportion.
    """
    total = float(probability.sum())
    made = probability.copy()
    for _ in range(MAX_ROUNDS):
        before = made.copy()
        for column, wanted in zip(strata, least, strict=True):
            _raise_column(made, np.asarray(column), wanted, total)
        if np.abs(made - before).max(initial=0.0) < 1e-9:
            break
    return made


def _raise_column(probability: Floats, labels: NDArray[np.str_], least: int, total: float) -> None:
    """Do it for the strata of one column, in place."""
    values, place = np.unique(labels, return_inverse=True)
    goal = np.minimum(min(least, total / len(values)), np.bincount(place))
    have = np.bincount(place, weights=probability)
    short = have < goal - 1e-12
    if not short.any():
        return
    for value in np.flatnonzero(short):
        own = place == value
        probability[own] = _scaled(probability[own], float(goal[value]))
    rich = ~short[place]
    spare = have[~short] - goal[~short]
    missing = float((goal - have)[short].sum())
    factor = np.ones(len(values))
    factor[~short] = 1 - missing * spare / spare.sum() / have[~short] if spare.sum() > 0 else 1.0
    probability[rich] *= factor[place[rich]]


def _scaled(probability: Floats, goal: float) -> Floats:
    """Return probabilities in the same proportions, at most 1 each, that sum to `goal`."""
    if goal >= len(probability):
        return np.ones(len(probability))
    return _filled(np.maximum(probability, 1e-12), np.zeros(len(probability)), goal)
