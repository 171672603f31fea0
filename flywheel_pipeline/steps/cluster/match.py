"""Recognise known modes in new groups of failures, so that an id is only minted for what is new."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_SHARED, MIN_SIMILAR = 0.5, 0.8
"""The least Jaccard index of the failures, or else cosine of the centroids, at which a group is a known mode."""

Floats = NDArray[np.float64]


def match_groups(
    groups: Sequence[AbstractSet[str]],
    known: Sequence[AbstractSet[str]],
    similarity: Any,
) -> dict[int, int]:
    """Return {number of the group: number of the known mode that it is}; each mode is matched once.

    `groups` and `known` are sets of trace ids, `similarity` the cosines of their centroids (groups x known).
    Groups that share failures with a mode are matched first, by the assignment with the largest sum of Jaccard
    indices (Kuhn 1955, the Hungarian method); what is left, by the largest sum of cosines.
    """
    shared = np.array([[_jaccard(g, k) for k in known] for g in groups]).reshape(len(groups), len(known))
    matched = _assignment(shared, MIN_SHARED)
    close = np.array(similarity, dtype=np.float64).reshape(shared.shape)
    close[list(matched), :] = 0.0
    close[:, list(matched.values())] = 0.0
    return {**matched, **_assignment(close, MIN_SIMILAR)}


def _jaccard(a: AbstractSet[str], b: AbstractSet[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 0.0


def _assignment(scores: Floats, least: float) -> dict[int, int]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.where(scores >= least, scores, 0.0), maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if scores[r, c] >= least}
