"""Choose representatives: facility location, greedily."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

import numpy as np


def quota(n_failures: int, maximum: int) -> int:
    """Return how many of `n_failures` of a mode to keep: 3 to `maximum`, growing with the logarithm."""
    return min(n_failures, maximum, max(3, round(4 + 2 * log2(max(n_failures, 1)))))


def facility_location(vectors: Any, n: int, chosen: Sequence[int] = ()) -> list[int]:
    """Choose `n` rows that represent all: the sum over rows of the likeness to the closest chosen one is large.

    Greedy, within 1 - 1/e of the best (Nemhauser, Wolsey & Fisher 1978); the first choice is the medoid.
    `vectors` has unit rows; rows in `chosen` count as taken already and are not returned.
    """
    similarity = np.asarray(vectors) @ np.asarray(vectors).T
    closest = np.max(similarity[list(chosen)], axis=0, initial=-1.0)
    picked: list[int] = []
    open_rows = [i for i in range(len(similarity)) if i not in set(chosen)]
    while open_rows and len(picked) < n:
        gains = np.maximum(similarity[open_rows], closest).sum(axis=1)
        best = open_rows[int(np.argmax(gains))]
        picked.append(best)
        open_rows.remove(best)
        closest = np.maximum(closest, similarity[best])
    return picked
