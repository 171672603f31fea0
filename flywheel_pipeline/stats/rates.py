"""Rates and their intervals: simple, weighted, and the difference of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

Z95 = 1.959963984540054
"""The two-sided 95 % quantile of the normal distribution."""


MAX_EFFECT = 1.5
"""How many times its Kish size a weighted sample may count for."""


ROUNDING = 1e-9
"""What a bound that is 0 or 1 may differ from it by arithmetic."""


def percent(share: float) -> str:
    """Return a share in whole percent; 0% and 100% only where it is that, else with as many digits as it takes."""
    exact = min(share, 1 - share) < ROUNDING
    for digits in range(4):
        text = f"{share:.{digits}%}"
        if exact or float(text[:-1]) not in (0, 100):
            return text
    return "<0.001%" if share < 0.5 else ">99.999%"


@dataclass(frozen=True)
class Rate:
    """A rate between 0 and 1 with its 95 % interval and the number of observations behind it."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if not self.n:
            return "not known (n=0)"
        return f"{percent(self.value)} ({percent(self.low)} to {percent(self.high)}, n={self.n})"


def wilson(successes: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of `successes` of `n` (either may be an effective size); 95 % by default.

    `z` is the normal quantile of another level. (0, 1) when n is 0. Source: Wilson 1927; Brown, Cai & DasGupta 2001,
    section 3.1.1.
    """
    if n <= 0:
        return 0.0, 1.0
    p, z2 = successes / n, z**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def proportion(successes: int, n: int) -> Rate:
    """Return successes / n with its Wilson interval; value 0 and interval (0, 1) when n is 0."""
    return Rate(successes / n if n else 0.0, *wilson(successes, n), n)


def weighted_rate(outcomes: Sequence[bool], weights: Sequence[float], z: float = Z95) -> Rate:
    """Return the Hajek estimate of a population rate from a sample with unequal inclusion probabilities.

    `weights` are 1 / inclusion probability; `z` is the normal quantile of the interval, Wilson's on the effective size
    θ(1-θ)/v, v the linearised variance n/(n-1) Σ(w(y-θ))² / (Σw)², capped at 1.5 times Kish's size (Σw)²/Σw²: where
    outcomes of large weights are rare, v is too small more often than not. (Simulated designs of 30 to 100 of 150 to
    1,400 traces: 90-96 % covered without the cap, 94-99 % with it.) With no spread in the outcomes (all equal) it is
    Kish's size. Source: Särndal, Swensson & Wretman 1992, section 5.7; Kish 1965, section 11.7.
    """
    n = len(outcomes)
    if n == 0:
        return Rate(0.0, 0.0, 1.0, 0)
    y, w = np.asarray(outcomes, dtype=float), np.asarray(weights, dtype=float)
    theta = float((w * y).sum() / w.sum())
    variance = n / max(n - 1, 1) * float(((w * (y - theta)) ** 2).sum()) / float(w.sum()) ** 2
    kish = float(w.sum()) ** 2 / float((w**2).sum())
    n_eff = min(theta * (1 - theta) / variance, MAX_EFFECT * kish) if variance > 0 else kish
    return Rate(theta, *wilson(theta * n_eff, n_eff, z), n)


def rate_difference(after: Rate, before: Rate) -> tuple[float, float, float]:
    """Return after - before of two independent rates, with its 95 % interval.

    The interval is put together from those of the two rates (MOVER), so that it holds for weighted rates, too; for
    proportions it is Newcombe's. Source: Newcombe 1998, method 10; Zou & Donner 2008.
    """
    d = after.value - before.value
    low = d - sqrt((after.value - after.low) ** 2 + (before.high - before.value) ** 2)
    high = d + sqrt((after.high - after.value) ** 2 + (before.value - before.low) ** 2)
    return d, low, high


def unseen_share_bound(counts: Sequence[int]) -> float:
    """Return the upper 95 % bound on the share of failures that belong to modes not seen yet.

    `counts` holds the failures per seen mode. Good-Turing: f1/n, with Esty's standard error (Esty 1983);
    3/n when no mode was seen just once; 1 when nothing was seen.
    """
    n, once = sum(counts), sum(c == 1 for c in counts)
    if n == 0:
        return 1.0
    if once == 0:
        return min(1.0, 3 / n)
    twice = sum(c == 2 for c in counts)
    return min(1.0, once / n + 1.645 * sqrt(once * (1 - once / n) + 2 * twice) / n)
