"""A failure rate before and after a change, as an imperfect judge sees it, corrected for its errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.stats.judges import JudgeError, Recall
from flywheel_pipeline.stats.rates import Rate

Floats = NDArray[np.float64]

DRAWS = 20_000
"""Draws of a posterior, for quantiles as far out as .05 / 20."""

SMALLEST_J = 0.02
"""Youden's J below which a draw of the judge's errors tells nothing apart; such draws are left out."""


@dataclass(frozen=True)
class Change:
    """Failure rates before and after with intervals, and after - before with `low` and `high` of the same level."""

    before: Rate
    after: Rate
    difference: float
    low: float
    high: float


def effective_counts(outcomes: Sequence[bool], weights: Sequence[float], clusters: Sequence[Hashable]) -> Recall:
    """Return a weighted sample as (true, n) of a simple one of the same precision.

    `weights` are 1 / inclusion probability; outcomes of one cluster, such as a conversation, go together. n is Kish's
    (Σw)²/Σw², divided by the ratio of the linearised variance with clusters to that without, where that is above 1.
    Sources: Kish 1965, sections 5.4 and 11.7; Särndal, Swensson & Wretman 1992, section 5.7.
    """
    if not outcomes:
        return Recall(0.0, 0.0)
    y, w = np.asarray(outcomes, dtype=float), np.asarray(weights, dtype=float)
    share = float((w * y).sum() / w.sum())
    scores = w * (y - share)
    sums: dict[Hashable, float] = defaultdict(float)
    for cluster, score in zip(clusters, scores, strict=True):
        sums[cluster] += float(score)
    alone = float((scores**2).sum())
    together = sum(s * s for s in sums.values())
    n = float(w.sum()) ** 2 / float((w**2).sum()) / max(1.0, together / alone if alone > 0 else 1.0)
    return Recall(share * n, n)


def corrected_change(before: Recall, after: Recall, judge: JudgeError, level: float = 0.95, seed: int = 0) -> Change:
    """Return the true failure rates where a judge with known errors fails `n_right` of `n` answers, and the change.

    A judge fails θ·TNR + (1 - θ)(1 - TPR) of answers of which θ are failures, so that θ is (observed - (1 - TPR)) / J
    with J = TPR + TNR - 1, and a change of θ is that of what is observed, divided by J (Rogan & Gladen 1978). It is
    taken to err alike before and after: then an error in TPR cancels out of the change. All rates are drawn from
    their posteriors under Jeffreys' prior, 20,000 times, seeded; the intervals, of `level`, are quantiles of the
    draws. `benchmarks.production` prints their coverage.
    """
    rng = np.random.default_rng(seed)
    tpr, tnr = _draw(judge.passes, rng), _draw(judge.fails, rng)
    seen = _draw(before, rng), _draw(after, rng)
    useful = tpr + tnr - 1 > SMALLEST_J
    if not useful.any():
        unknown = Rate(0.0, 0.0, 1.0, 0)
        return Change(unknown, unknown, 0.0, -1.0, 1.0)
    j = (tpr + tnr - 1)[useful]
    first, second = ((s[useful] - (1 - tpr[useful])) / j for s in seen)
    tail = (1 - level) / 2
    value, low, high = _summary(second - first, tail, -1.0)
    rates = [Rate(*_summary(x, tail, 0.0), round(arm.n)) for x, arm in ((first, before), (second, after))]
    return Change(rates[0], rates[1], value, low, high)


def _draw(counts: Recall, rng: np.random.Generator) -> Floats:
    return rng.beta(counts.n_right + 0.5, counts.n - counts.n_right + 0.5, DRAWS)


def _summary(draws: Floats, tail: float, least: float) -> tuple[float, float, float]:
    """Return median and interval of draws, within `least` and 1."""
    middle, low, high = (float(q) for q in np.clip(np.quantile(draws, [0.5, tail, 1 - tail]), least, 1.0))
    return middle, low, high
