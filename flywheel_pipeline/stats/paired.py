"""Compare two versions on the same cases: counts, posterior, tests, families and power.

Every function takes arrays as well as numbers, so that a simulation of thousands of gates calls the same code as one
decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.stats.rates import Z95

Floats = NDArray[np.float64]

GRID = 64
"""Points of the quadrature over the share of cases that change; the error is below 0.001 (tested against draws)."""

SMALLEST_J = 0.05
"""Youden's J that a correction assumes at least, so that it never divides by zero."""

_NODES = ((-2.856970, 0.011257), (-1.355626, 0.222076), (0.0, 0.533333), (1.355626, 0.222076), (2.856970, 0.011257))
"""Gauss-Hermite nodes and weights for a standard normal variable (Abramowitz & Stegun 1964, table 25.10)."""


def mcnemar_mid_p(fixed: Any, broken: Any) -> Any:
    """Return the two-sided mid-p value of McNemar's test on `fixed` and `broken` discordant pairs.

    1 when there are none. Effective (non-integer) counts use the incomplete beta function that the binomial
    distribution interpolates. Source: Fagerland, Lydersen & Laake 2013, section 2.
    """
    from scipy.special import betainc

    n, k = np.asarray(fixed, float) + broken, np.minimum(fixed, np.asarray(broken, float))
    at_most = betainc(np.maximum(n - k, 1e-12), k + 1, 0.5)
    below = np.where(k > 0, betainc(n - k + 1, np.maximum(k, 1e-12), 0.5), 0.0)
    p = np.where(n > 0, np.minimum(1.0, at_most + below), 1.0)
    return float(p) if p.ndim == 0 else p


def probability_below(fixed: Any, broken: Any, n: Any, margin: Any = 0.0) -> Floats:
    """Return the posterior probability that the true difference of pass rates is below -`margin`.

    (fixed, broken, unchanged) ~ Dirichlet(fixed + ½, broken + ½, unchanged + 1): the share s of cases that change is
    Beta(fixed + broken + 1, unchanged + 1) and, independently, the share of fixed ones among them is
    Beta(fixed + ½, broken + ½). The second is integrated exactly, the first on a grid. Arguments broadcast.
    """
    shape = np.broadcast_shapes(*(np.shape(x) for x in (fixed, broken, n, margin)))
    columns = [np.broadcast_to(np.asarray(x, float), shape).ravel() for x in (fixed, broken, n, margin)]
    distinct, place = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    return _integrate(distinct)[place.ravel()].reshape(shape)


def _integrate(rows: Floats) -> Floats:
    from scipy.special import betainc

    fixed, broken, n, margin = (column[:, None] for column in rows.T)
    a, b, rest = fixed + 0.5, broken + 0.5, np.maximum(n - fixed - broken, 0) + 1
    mean = (a + b) / (a + b + rest)
    spread = 8 * np.sqrt(mean * (1 - mean) / (a + b + rest + 1))
    low, high = np.maximum(0, mean - spread), np.minimum(1, mean + spread)
    s = low + (high - low) * (np.arange(GRID) + 0.5) / GRID
    log_density = (a + b - 1) * np.log(s) + (rest - 1) * np.log1p(-s)
    weights = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    inside = betainc(a, b, np.clip((1 - margin / s) / 2, 0, 1))
    result: Floats = (weights * inside).sum(axis=1) / weights.sum(axis=1)
    return result


@dataclass(frozen=True)
class Youden:
    """Youden's J of a judge (TPR + TNR - 1): how much of a true difference it shows, and the variance of that."""

    value: float = 1.0
    variance: float = 0.0

    def shrink(self, margin: Any) -> list[tuple[Any, float]]:
        """Return (the margin as the judge would show it, weight) over the distribution of J."""
        if not self.variance:
            return [(margin * max(self.value, SMALLEST_J), 1.0)]
        spread = sqrt(self.variance)
        return [(margin * min(max(self.value + x * spread, SMALLEST_J), 1.0), w) for x, w in _NODES]

    def correct(self, difference: float, variance: float) -> tuple[float, float]:
        """Return a difference and its variance corrected for the judge's errors.

        D/J with variance var(D)/J² + D² var(J)/J⁴ by the delta method; the judge is assumed to err alike on both
        versions. Source: Rogan & Gladen 1978.
        """
        j = max(self.value, SMALLEST_J)
        return difference / j, variance / j**2 + difference**2 * self.variance / j**4


PERFECT = Youden()


@dataclass(frozen=True)
class Counts:
    """Fixed and broken cases and all cases, as effective numbers; three arrays (or numbers) of one shape."""

    fixed: Floats
    broken: Floats
    n: Floats

    def p_worse_than(self, margin: Any = 0.0, judge: Youden = PERFECT) -> Floats:
        """Return the probability that the true difference is below -`margin`, averaged over what J may be."""
        parts = [w * probability_below(self.fixed, self.broken, self.n, m) for m, w in judge.shrink(margin)]
        return np.asarray(sum(parts), float)

    @property
    def p_better(self) -> Floats:
        """The probability that the true difference is above 0; a judge's errors do not change its sign."""
        return 1 - probability_below(self.fixed, self.broken, self.n)


def paired_counts(difference: Any, families: Any, own: Any = None) -> Counts:
    """Return the effective counts of `difference` = after - before over cases, the last axis.

    `difference` is in [-1, 1]: the difference of per-case means over repeats, each of which counts by its size.
    `families` numbers the family of every case (0 to the number of families - 1); `own`, a mask over cases, restricts
    the counts to a part. Where the cases of a family change together, counts and n are scaled by SE²/SE²_cluster, at
    most 1. Source: Miller 2024 (arXiv 2411.00640), sections 2.2 and 3.
    """
    d = np.asarray(difference, float)
    kept = np.ones(d.shape[-1]) if own is None else np.asarray(own, float)
    n = kept.sum(axis=-1)
    mean = (d * kept).sum(axis=-1) / np.maximum(n, 1)
    residual = (d - mean[..., None]) * kept
    simple = (residual**2).sum(axis=-1)
    clustered = _sum_by_family(residual, families, kept)
    scale = np.where(clustered > simple, simple / np.maximum(clustered, 1e-12), 1.0)
    fixed, broken = (np.maximum(sign * d, 0) @ kept if kept.ndim == 1 else (np.maximum(sign * d, 0) * kept).sum(-1)
                     for sign in (1, -1))  # fmt: skip
    return Counts(fixed * scale, broken * scale, n * scale)


def _sum_by_family(residual: Floats, families: Any, kept: Floats) -> Floats:
    """Return the sum of squared family totals, times G/(G-1) for G families with a case that is kept."""
    ids = np.asarray(families, int)
    if len(np.unique(ids)) == len(ids):
        result: Floats = (residual**2).sum(axis=-1)
        return result
    order = np.argsort(ids, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(ids[order]) != 0])
    present = (np.add.reduceat(kept[..., order], starts, axis=-1) > 0).sum(axis=-1)
    totals = np.add.reduceat(residual[..., order], starts, axis=-1)
    clustered: Floats = (totals**2).sum(axis=-1) * present / np.maximum(present - 1, 1)
    return clustered


@dataclass(frozen=True)
class PairedChange:
    """A candidate against a baseline on the same cases: what was counted, and the posterior of the difference.

    `difference`, `low` and `high` (a 95 % interval) are corrected for the judge's errors; `counts` are effective.
    """

    n: int
    fixed: float
    broken: float
    difference: float
    low: float
    high: float
    p_better: float
    mid_p: float
    counts: Counts

    def p_worse_than(self, margin: float, judge: Youden = PERFECT) -> float:
        """Return the posterior probability that the true difference is below -`margin`."""
        return float(self.counts.p_worse_than(margin, judge))


def paired_change(
    before: Sequence[float], after: Sequence[float], families: Sequence[str] = (), judge: Youden = PERFECT
) -> PairedChange:
    """Compare pass rates `before` and `after` of the same cases: 0 or 1, or the mean over repeats.

    `families` names the family of every case (default: each its own). Deterministic: the posterior of
    `probability_below` is integrated, not drawn.

    Raises:
        ValueError: the sequences differ in length.
    """
    difference = [float(a) - float(b) for b, a in zip(before, after, strict=True)]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(families))}
    ids = [numbers[f] for f, _ in zip(families, difference, strict=True)] if families else range(len(difference))
    counts = paired_counts(np.asarray(difference), np.asarray(list(ids), int))
    return change_of(
        counts, len(difference), sum(max(d, 0) for d in difference), sum(max(-d, 0) for d in difference), judge
    )


def change_of(counts: Counts, n: int, fixed: float, broken: float, judge: Youden = PERFECT) -> PairedChange:
    """Return the change that effective `counts` show; `n`, `fixed` and `broken` are as they were counted."""
    mean = float((counts.fixed - counts.broken) / counts.n) if counts.n else 0.0
    lower, upper = _quantiles(counts)
    low, high = _corrected_end(-1, mean - lower, mean, judge), _corrected_end(1, upper - mean, mean, judge)
    return PairedChange(
        n, fixed, broken, max(-1.0, min(1.0, judge.correct(mean, 0.0)[0])), low, high,
        float(counts.p_better), float(mcnemar_mid_p(counts.fixed, counts.broken)), counts,
    )  # fmt: skip


def _quantiles(counts: Counts) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of the difference, interpolated on a grid around its mean."""
    total = float(counts.n) + 2
    mean = float(counts.fixed - counts.broken) / total
    spread = sqrt(max((float(counts.fixed + counts.broken) + 1) / total - mean**2, 0) / (total + 1))
    grid = np.clip(mean + spread * np.linspace(-5, 5, 161), -1, 1)
    below = probability_below(counts.fixed, counts.broken, counts.n, -grid)
    low, high = (float(np.interp(q, below, grid)) for q in (0.025, 0.975))
    return low, high


def _corrected_end(side: int, reach: float, mean: float, judge: Youden) -> float:
    """Return the lower (-1) or upper (1) end of the interval; `reach` from the mean counts as standard errors of D.

    Where all cases change alike, the posterior's quantile can lie on the wrong side of what was observed: the end is
    then what was observed, as in the modified Jeffreys interval (Brown, Cai & DasGupta 2001, section 4.1).
    """
    centre, variance = judge.correct(mean, (max(reach, 0.0) / Z95) ** 2)
    return max(-1.0, min(1.0, centre + side * Z95 * sqrt(variance)))


def smallest_detectable_change(n: float, discordant: float, level: float = 0.975) -> float:
    """Return the smallest difference of pass rates that `n` paired cases show with 80 % power.

    `discordant` is the expected share of cases that change either way, above 0; `level` the probability of being
    better that must be reached (0.975 is the two-sided 5 %). Solves Connor 1987, formula 3, for the difference by
    bisection; 1 when `n` cases cannot show any.
    """
    z = NormalDist().inv_cdf(level)

    def needed(d: float) -> float:
        return (z * sqrt(discordant) + 0.8416 * sqrt(max(discordant - d * d, 0))) ** 2 / (d * d)

    low, high = 1e-6, discordant
    if needed(high) > n:
        return 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(middle) > n else (low, middle)
    return high
