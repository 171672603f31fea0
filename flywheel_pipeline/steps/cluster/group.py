"""Order failures by likeness: average linkage on cosine similarity, the number of groups by silhouette."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_GROUPS = 2


def group_texts(vectors: Any, max_groups: int) -> list[list[int]]:
    """Group rows of unit vectors by likeness; returns lists of row numbers, largest group first.

    The number of groups is the one with the best mean silhouette (Rousseeuw 1987) between 2 and
    `max_groups`; rows are ordered from the group's most central outwards. Fewer than four rows, or rows
    that are all alike, form one group.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist, squareform

    n = len(vectors)
    similarity = np.asarray(vectors) @ np.asarray(vectors).T
    if n < 4 or float(similarity.min()) > 0.999:
        return [_by_centrality(list(range(n)), similarity)] if n else []
    distances = np.maximum(pdist(_nonzero(np.asarray(vectors)), "cosine"), 0)
    tree, square = linkage(distances, "average"), squareform(distances)
    cuts = [fcluster(tree, k, "maxclust") for k in range(MIN_GROUPS, min(max_groups, n - 1) + 1)]
    best = max(cuts, key=lambda labels: _silhouette(square, labels))
    groups = [_by_centrality([int(i) for i in np.flatnonzero(best == g)], similarity) for g in np.unique(best)]
    return sorted(groups, key=lambda g: (-len(g), g[0]))


def _nonzero(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a text without any word a direction of its own, since cosine has none for it."""
    empty = np.flatnonzero(~vectors.any(axis=1))
    extra = np.zeros((len(vectors), len(empty)))
    extra[empty, np.arange(len(empty))] = 1.0
    return np.hstack([vectors, extra])


def _by_centrality(members: list[int], similarity: NDArray[np.float64]) -> list[int]:
    return sorted(members, key=lambda i: (-float(similarity[i, members].sum()), i))


def _silhouette(square: NDArray[np.float64], labels: NDArray[np.int32]) -> float:
    from sklearn.metrics import silhouette_score

    found = len(np.unique(labels))
    return float(silhouette_score(square, labels, metric="precomputed")) if 1 < found < len(labels) else -1.0
