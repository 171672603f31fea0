"""Choose representatives: facility location, greedily."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MANY = 2_000
"""Rows from which every k-th stands for the others, so that no larger similarity matrix is built."""


def facility_location(vectors: Any, n: int, chosen: Sequence[int] = ()) -> list[int]:
    """Choose `n` rows that represent all: the sum over rows of the similarity to the closest chosen one is large.

    Greedy, within 1 - 1/e of the best (Nemhauser, Wolsey & Fisher 1978); the first choice is the medoid.
    `vectors` has unit rows; rows in `chosen` count as taken already and are not returned. Of more than `MANY` rows,
    at least as many as are wanted are looked at, evenly.
    """
    vectors, taken = np.asarray(vectors), sorted(set(chosen))
    free = np.setdiff1d(np.arange(len(vectors)), taken)
    open_rows = free[:: max(1, len(free) // max(MANY, n))]
    similarity = vectors[open_rows] @ vectors[open_rows].T
    closest = np.max(vectors[taken] @ vectors[open_rows].T, axis=0, initial=-1.0)
    waiting = np.ones(len(open_rows), dtype=bool)
    picked: list[int] = []
    while waiting.any() and len(picked) < n:
        gains = np.maximum(similarity, closest).sum(axis=1)
        best = int(np.argmax(np.where(waiting, gains, -np.inf)))
        picked.append(int(open_rows[best]))
        waiting[best] = False
        closest = np.maximum(closest, similarity[best])
    return picked


def nearest_in_turn(vectors: Any, targets: Any, n: int) -> list[int]:
    """Choose up to `n` rows of `vectors`: the nearest to the first target, the nearest other to the second, …

    When every target has had one, they have their turn again. Both have unit rows.
    """
    vectors, targets = np.asarray(vectors), np.asarray(targets)
    free = np.ones(len(vectors), dtype=bool)
    picked: list[int] = []
    while len(targets) and free.any() and len(picked) < n:
        for target in targets[: n - len(picked)]:
            best = int(np.argmax(np.where(free, vectors @ target, -np.inf)))
            picked.append(best)
            free[best] = False
            if not free.any():
                break
    return picked
