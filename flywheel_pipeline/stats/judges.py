"""Rates from labels and judges together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flywheel_pipeline.stats.rates import Rate


@dataclass(frozen=True)
class Cell:
    """A part of a population, by the design's stratum and a judge's verdict: how many there are, and what people said
    of those they labelled, which must be a random sample of the cell."""

    n: int
    n_labelled: int
    n_true: int


def post_stratified_rate(cells: Sequence[Cell], seed: int = 0) -> Rate:
    """Return a population's rate from labels in cells of known size: tighter than labels alone where a judge helps.

    In every cell the rate of what is not labelled is drawn from Beta(n_true + ½, n_labelled - n_true + ½); the rate
    of the population is the mean over 4,000 seeded draws, the interval their 2.5 and 97.5 percentiles (which covered
    91 to 97 % in simulations). Value 0 and interval (0, 1) where nobody is in any
    cell. Source: Jeffreys' prior (Brown, Cai & DasGupta 2001, section 4.3) in
    post-stratification of a finite population (Little 1993, section 2).

    Raises:
        ValueError: a cell has more labels than members, or more that are true than labels.
    """
    if any(not 0 <= c.n_true <= c.n_labelled <= c.n for c in cells):
        raise ValueError("a cell needs 0 <= n_true <= n_labelled <= n")
    total = sum(c.n for c in cells)
    if not total:
        return Rate(0.0, 0.0, 1.0, 0)
    rng = np.random.default_rng(seed)
    known = np.zeros(4_000)
    for c in cells:
        drawn = rng.beta(c.n_true + 0.5, c.n_labelled - c.n_true + 0.5, len(known))
        known += c.n_true + (c.n - c.n_labelled) * drawn
    low, high = (float(q) for q in np.quantile(known / total, [0.025, 0.975]))
    return Rate(float(known.mean()) / total, low, high, sum(c.n_labelled for c in cells))
