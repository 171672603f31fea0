"""How good a ranking of documents is: the measures of trec_eval, per query and over queries.

Definitions are trec_eval's (Buckley & Voorhees 2005, chapter 3): a document of relevance 0 or less is not relevant, and
a cut at k that is longer than the ranking is filled with documents that are not. nDCG has linear gains (Järvelin &
Kekäläinen 2002): Σ relevance / log2(rank + 1), divided by that of the best ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

Relevance = Mapping[str, float]
"""{document id: how relevant it is}."""


def distinct(ranking: Sequence[str]) -> list[str]:
    """Return a ranking without the repetitions of a document after its first place; trec_eval refuses such rankings."""
    return list(dict.fromkeys(ranking))


def relevant(relevance: Relevance) -> set[str]:
    """Return the ids of the documents that are relevant."""
    return {d for d, r in relevance.items() if r > 0}


def precision(ranking: Sequence[str], relevance: Relevance, k: int | None = None) -> float:
    """Return the share of relevant documents among the first k; among all where `k` is None."""
    size = len(ranking) if k is None else k
    return _hits(ranking, relevance, k) / size if size else 0.0


def recall(ranking: Sequence[str], relevance: Relevance, k: int | None = None) -> float:
    """Return the share of the relevant documents that are among the first k."""
    return _hits(ranking, relevance, k) / _needed(relevance)


def hit_rate(ranking: Sequence[str], relevance: Relevance, k: int | None = None) -> float:
    """Return 1 if a relevant document is among the first k, else 0 (trec_eval's `success`)."""
    _needed(relevance)
    return float(_hits(ranking, relevance, k) > 0)


def reciprocal_rank(ranking: Sequence[str], relevance: Relevance, k: int | None = None) -> float:
    """Return 1 / the rank of the first relevant document, 0 if there is none among the first k."""
    _needed(relevance)
    good = relevant(relevance)
    return next((1 / n for n, d in enumerate(ranking[:k], 1) if d in good), 0.0)


def ndcg(ranking: Sequence[str], relevance: Relevance, k: int | None = None) -> float:
    """Return the normalised discounted cumulative gain of the first k."""
    _needed(relevance)
    gains = {d: r for d, r in relevance.items() if r > 0}
    best = sorted(gains.values(), reverse=True)[:k]
    return _dcg([gains.get(d, 0.0) for d in ranking[:k]]) / _dcg(best)


METRICS = {
    "precision": precision, "recall": recall, "hit_rate": hit_rate, "mrr": reciprocal_rank, "ndcg": ndcg,
}  # fmt: skip


@dataclass(frozen=True)
class QueryMean:
    """The mean of a measure over queries; `excluded` queries have no relevant document, and no measure therefore."""

    value: float | None
    n: int
    excluded: int


def mean_over_queries(
    metric: str, rankings: Sequence[tuple[Sequence[str], Relevance]], k: int | None = None
) -> QueryMean:
    """Return the mean of a measure of `METRICS` over queries, each with the same weight; None without any."""
    values = [METRICS[metric](distinct(ranking), rel, k) for ranking, rel in rankings if relevant(rel)]
    return QueryMean(sum(values) / len(values) if values else None, len(values), len(rankings) - len(values))


def _hits(ranking: Sequence[str], relevance: Relevance, k: int | None) -> int:
    good = relevant(relevance)
    return sum(d in good for d in ranking[:k])


def _needed(relevance: Relevance) -> int:
    n = len(relevant(relevance))
    if not n:
        raise ValueError("a query without relevant documents has no such measure")
    return n


def _dcg(gains: Sequence[float]) -> float:
    return sum(g / log2(n + 1) for n, g in enumerate(gains, 1))
