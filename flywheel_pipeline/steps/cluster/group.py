"""Group notes by similarity: average linkage, cut where groups come back when the failures are resampled.

On public comments on errors in summaries, which we did not write (see the chapter), average linkage that leaves
outliers unassigned agreed with people's categories far better than k-means, and its groups came back in resamples far
more often (adjusted Rand index .4 to .7 against .1 to .3). On 41 comments on a leasing assistant neither was clearly
better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.steps.cluster.features import Floats, Views

FEWEST, MANY = 5, 30
"""Groups that are wanted at least, where there are so many failures."""

RESAMPLES, PART = 20, 0.8
"""Resamples, and the part of the failures that each of them draws without replacement. Of the cuts that are at most one
standard error less stable than the best, the one with the most groups is taken: merging two groups is one key for a
reviewer, seeing that one group is two takes reading it."""

STABLE, CLEARLY = 0.75, 0.1
"""The informed view is used where its groups are stable in absolute terms (0.75: Hennig 2007, "Cluster-wise assessment
of cluster stability") and by so much more than those of the plain view."""

HALF = 0.5
"""A note that lies with its group in fewer than this part of the resamples belongs to no group."""

FEW, COHESION = 8, 0.3
"""Below so many different notes resamples mean nothing: notes then belong together from this mean cosine on."""

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """Groups of notes, as row numbers.

    Attributes:
        groups: the largest first; the note of most failures first, the others from the most central outwards.
        confidence: for every note, in 0 to 1, how often it lies with its group in resamples, times `stability`; 0 for
            a note in no group.
        stability: mean adjusted Rand index between the groups and those of the resamples; the mean cosine within the
            groups where there are too few notes to resample.
        again: for every note the first note of the group that one resample puts it into, -1 for no group; None for a
            note that was not drawn.
    """

    groups: list[list[int]]
    confidence: Floats
    stability: float
    again: list[int | None]


def group_notes(views: Views, counts: Sequence[int], most: int, seed: int = 0) -> Grouping:
    """Group notes, of which `counts` says how many failures each of them describes.

    A note is in one group or, if it is an outlier, in none. There are at most `most` groups, or as many as there are
    notes in the very same words of enough failures, if these are more.
    """
    from threadpoolctl import threadpool_limits

    sizes = np.asarray(counts, dtype=np.int64)
    if len(sizes) < FEW:
        return _few(views.plain, sizes)
    with threadpool_limits(1):  # see `features.view_texts`
        plain = _grouped(views.plain, sizes, most, seed)
        informed = _grouped(views.informed, sizes, most, seed)
    better = informed.stability >= STABLE and informed.stability > plain.stability + CLEARLY
    return informed if better else plain


def centroids(groups: Sequence[Sequence[int]], vectors: Any) -> Floats:
    """Return the centroid of every group as a unit row; zeros for a group of rows without words."""
    rows = np.asarray(vectors, dtype=np.float64)
    means = np.array([rows[list(g)].mean(axis=0) for g in groups]).reshape(len(groups), rows.shape[1])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit: Floats = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0)
    return unit


def cohesion(vectors: Floats) -> float:
    """Return the mean cosine between different rows; 1 for a single one."""
    n = len(vectors)
    return float((np.square(vectors.sum(axis=0)).sum() - np.square(vectors).sum()) / (n * (n - 1))) if n > 1 else 1.0


def _few(vectors: Floats, sizes: Labels) -> Grouping:
    from scipy.cluster.hierarchy import fcluster

    n, confidence = len(sizes), np.zeros(len(sizes))
    if n < 2:
        labels = np.zeros(n, dtype=np.int64)
    else:
        labels = fcluster(_linkage(vectors), 1 - COHESION, "distance").astype(np.int64)
    found = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    groups = [g for g in found if sizes[g].sum() > 1]
    for g in groups:
        confidence[g] = np.clip(cohesion(vectors[g]), 0.0, 1.0)
    stability = float(np.mean([cohesion(vectors[g]) for g in groups])) if groups else 0.0
    ordered = _by_size([_by_centrality(g, vectors, sizes) for g in groups], sizes)
    return Grouping(ordered, confidence, stability, [None] * n)


def _grouped(vectors: Floats, sizes: Labels, most: int, seed: int) -> Grouping:
    note_of = np.repeat(np.arange(len(sizes)), sizes)  # one row per failure, so that sizes weigh in the linkage
    rows, n = vectors[note_of], len(note_of)
    least = 3 if n >= 2 * MANY else 2
    tree = _linkage(rows)
    cuts = _cuts(tree, len(sizes), least, max(most, int((sizes >= least).sum())))
    if not cuts:
        return Grouping([], np.zeros(len(sizes)), 0.0, [None] * len(sizes))
    rng = np.random.default_rng(seed)
    drawn = [np.sort(rng.permutation(n)[: int(PART * n)]) for _ in range(RESAMPLES)]
    trees = [_linkage(rows[d]) for d in drawn]
    tried = [_try(_cut(tree, k, least), k, least, list(zip(drawn, trees, strict=True))) for k in cuts]
    enough = [t for t in tried if t.n_groups >= FEWEST] if n >= MANY else []
    best = max(enough or tried, key=lambda t: t.stability)
    as_stable = [t for t in enough or tried if t.stability >= best.stability - best.error]
    return _as_grouping(max(as_stable, key=lambda t: t.n_groups), note_of, vectors, sizes)


@dataclass(frozen=True)
class _Tried:
    """One cut of the tree: a label per failure (0 for none), how often each came back, and the last resample.

    `stability` is a mean over resamples, `error` its standard error.
    """

    labels: Labels
    stayed: Floats
    stability: float
    error: float
    again: Labels

    @property
    def n_groups(self) -> int:
        """How many groups are left without the failures that lie with their group in too few resamples."""
        return int((np.bincount(self.labels[(self.stayed >= HALF) & (self.labels > 0)]) > 1).sum())


def _try(labels: Labels, k: int, least: int, resamples: Sequence[tuple[Labels, Any]]) -> _Tried:
    from sklearn.metrics import adjusted_rand_score

    hits, draws, scores = np.zeros(len(labels)), np.zeros(len(labels)), []
    again = np.full(len(labels), -2)
    within = int(labels.max()) + round(PART * (k - int(labels.max())))  # all large clusters, a part of the small ones
    for drawn, tree in resamples:
        found = _cut(tree, within, least)
        scores.append(float(adjusted_rand_score(labels[drawn], found)))
        named = _in_terms_of(labels[drawn], found)
        hits[drawn] += named == labels[drawn]
        draws[drawn] += 1
        again[:] = -2
        again[drawn] = named
    mean, error = max(0.0, float(np.mean(scores))), float(np.std(scores, ddof=1)) / len(scores) ** 0.5
    return _Tried(labels, hits / np.maximum(draws, 1), mean, error, again)


def _as_grouping(tried: _Tried, note_of: Labels, vectors: Floats, sizes: Labels) -> Grouping:
    first = np.searchsorted(note_of, np.arange(len(sizes)))  # failures in the same words have the same label
    stayed = np.bincount(note_of, weights=tried.stayed) / sizes
    labels = np.where(stayed >= HALF, tried.labels[first], 0)
    found = [np.flatnonzero(labels == g) for g in range(1, labels.max() + 1)]
    kept = [g for g in found if sizes[g].sum() > 1]
    groups = _by_size([_by_centrality(g, vectors, sizes) for g in kept], sizes)
    lead = {int(tried.labels[first[g[0]]]): g[0] for g in groups}
    inside = np.isin(np.arange(len(sizes)), [i for g in groups for i in g])
    again = [None if a == -2 else lead.get(int(a), -1) for a in tried.again[first]]
    return Grouping(groups, np.where(inside, stayed * tried.stability, 0.0), tried.stability, again)


def _linkage(rows: Floats) -> Any:
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(np.round(1 - rows @ rows.T, 9), 0, None)  # rounded: rows of the same words have distance 0
    np.fill_diagonal(distances, 0)
    return linkage(squareform(distances, checks=False), "average")


def _cut(tree: Any, k: int, least: int) -> Labels:
    """Return the labels 1, 2, … of at most `k` clusters; failures in clusters of fewer than `least` have 0."""
    from scipy.cluster.hierarchy import fcluster

    labels = fcluster(tree, k, "maxclust").astype(np.int64)
    size = np.bincount(labels)
    large = np.flatnonzero(size >= least)
    number = np.zeros(len(size), dtype=np.int64)
    number[large] = np.arange(1, len(large) + 1)
    found: Labels = number[labels]
    return found


def _cuts(tree: Any, n_notes: int, least: int, most: int) -> list[int]:
    """Return the cuts to try: for every number of groups that is wanted, the highest cut that has so many."""
    highest: dict[int, int] = {}
    for k in range(1, min(n_notes, 4 * most) + 1):
        highest.setdefault(int(_cut(tree, k, least).max()), k)
    several = {n: k for n, k in highest.items() if 2 <= n <= most}
    enough = [k for n, k in several.items() if n >= FEWEST] if len(tree) + 1 >= MANY else []
    return enough or list(several.values()) or [k for n, k in highest.items() if n == 1]


def _in_terms_of(labels: Labels, found: Labels) -> Labels:
    """Return `found` by the numbers of the groups of `labels` that they overlap most (Kuhn 1955), -1 for no group."""
    from scipy.optimize import linear_sum_assignment

    shared = np.zeros((labels.max() + 1, found.max() + 1))
    np.add.at(shared, (labels, found), 1)
    shared[0, :], shared[:, 0] = 0, 0
    name = np.full(found.max() + 1, -1)
    name[0] = 0
    for own, other in zip(*linear_sum_assignment(shared, maximize=True), strict=True):
        if shared[own, other]:
            name[other] = own
    return name[found]


def _by_centrality(members: Labels, vectors: Floats, sizes: Labels) -> list[int]:
    """Return the note of most failures, then the others from the most central outwards."""
    weights = np.array([sizes[i] for i in members])
    central = np.round(vectors[members] @ (weights @ vectors[members]), 9)
    order = [int(members[k]) for k in np.lexsort((members, -central))]
    first = max(order, key=lambda i: (sizes[i], -order.index(i)))
    return [first, *(i for i in order if i != first)]


def _by_size(groups: Sequence[list[int]], sizes: Labels) -> list[list[int]]:
    return sorted(groups, key=lambda g: (-sizes[g].sum(), g[0]))
