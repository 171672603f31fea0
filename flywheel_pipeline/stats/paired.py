"""Two versions compared on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np

from flywheel_pipeline.stats.rates import Z95


def mcnemar_mid_p(fixed: int, broken: int) -> float:
    """Return the two-sided mid-p value of McNemar's test on `fixed` and `broken` discordant pairs.

    1 when there are none. Source: Fagerland, Lydersen & Laake 2013, section 2.
    """
    n, k = fixed + broken, min(fixed, broken)
    if n == 0:
        return 1.0
    pmf: list[float] = [comb(n, i) / 2**n for i in range(k + 1)]
    return min(1.0, 2 * sum(pmf) - pmf[k])


@dataclass(frozen=True)
class PairedChange:
    """A candidate against a baseline on the same cases: the posterior of the difference of pass rates."""

    n: int
    fixed: int
    broken: int
    difference: float
    low: float
    high: float
    p_better: float
    mid_p: float
    draws: tuple[float, ...] = ()

    def p_worse_than(self, margin: float) -> float:
        """Return the posterior probability that the true difference is below -`margin`."""
        return sum(d < -margin for d in self.draws) / len(self.draws) if self.draws else 1.0


def paired_change(before: Sequence[bool], after: Sequence[bool], seed: int = 0) -> PairedChange:
    """Compare pass/fail `before` and `after` on the same cases.

    (fixed, broken, unchanged) ~ Dirichlet(fixed + ½, broken + ½, unchanged + 1), 20,000 seeded draws;
    `low` and `high` are the 95 % credible interval of the difference.

    Raises:
        ValueError: the two differ in length.
    """
    fixed = sum(a and not b for b, a in zip(before, after, strict=True))
    broken = sum(b and not a for b, a in zip(before, after, strict=True))
    n = len(before)
    shares = np.random.default_rng(seed).dirichlet([fixed + 0.5, broken + 0.5, n - fixed - broken + 1], 20_000)
    draws = shares[:, 0] - shares[:, 1]
    low, high = (float(q) for q in np.quantile(draws, [0.025, 0.975]))
    difference = (fixed - broken) / n if n else 0.0
    p_better = float(np.mean(draws > 0))
    return PairedChange(n, fixed, broken, difference, low, high, p_better, mcnemar_mid_p(fixed, broken), tuple(draws))


def smallest_detectable_change(n: int, discordant: float) -> float:
    """Return the smallest difference of pass rates that `n` paired cases find with 80 % power at 5 %.

    `discordant` is the expected share of cases that change either way, above 0. Solves Connor 1987,
    formula 3, for the difference by bisection; 1 when `n` cases can not find any.
    """

    def needed(d: float) -> float:
        return (Z95 * sqrt(discordant) + 0.8416 * sqrt(max(discordant - d * d, 0))) ** 2 / (d * d)

    low, high = 1e-6, discordant
    if needed(high) > n:
        return 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(middle) > n else (low, middle)
    return high
