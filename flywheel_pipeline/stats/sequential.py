"""Compare two rates while they are counted: a test that stays valid however often it is looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

SCALE = 0.1
"""The standard deviation of the mixture over true differences: tuned to effects of about ten points."""


@dataclass(frozen=True)
class Counts:
    """Sessions of one arm, and how many of them went wrong."""

    n: int
    n_bad: int

    @property
    def rate(self) -> float:
        """The share that went wrong."""
        return self.n_bad / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """The variance of `rate`, from the rate shrunk by one success and one failure (Agresti & Coull 1998)."""
        shrunk = (self.n_bad + 1) / (self.n + 2)
        return shrunk * (1 - shrunk) / self.n if self.n else math.inf


def evidence_of_harm(canary: Counts, control: Counts, scale: float = SCALE) -> float:
    """Return the e-value against "the canary's rate is not higher": harm is shown from 1/alpha on.

    A mixture sequential probability ratio test of the difference of two rates with a half-normal mixture over positive
    differences; by Ville's inequality the chance that it ever reaches 1/alpha is at most alpha where there is no
    difference, whenever and however often it is looked at. The normal approximation needs some tens of sessions an arm.
    0 where an arm has no session. Source: Robbins 1970; Johari, Koomen, Pekelis & Walsh 2017 ("Peeking at A/B tests").
    """
    if not canary.n or not control.n:
        return 0.0
    difference, v = canary.rate - control.rate, canary.variance + control.variance
    total = v + scale**2
    exponent = difference**2 * scale**2 / (2 * v * total)
    positive = math.erfc(-difference * scale / math.sqrt(2 * v * total)) / 2
    if not positive:
        return 0.0
    log_e = 0.5 * math.log(v / total) + exponent + math.log(2 * positive)
    return math.exp(min(log_e, 700.0))


def always_valid_interval(
    canary: Counts, control: Counts, alpha: float = 0.05, scale: float = SCALE
) -> tuple[float, float]:
    """Return a confidence sequence of the difference canary - control: it holds at all looks together.

    The normal mixture boundary; (-1, 1) where an arm has no session. Source: Robbins 1970; Howard, Ramdas, McAuliffe &
    Sekhon 2021, section 3.
    """
    if not canary.n or not control.n:
        return -1.0, 1.0
    difference, v = canary.rate - control.rate, canary.variance + control.variance
    total = v + scale**2
    reach = math.sqrt(v * total / scale**2 * (2 * math.log(1 / alpha) + math.log(total / v)))
    return max(-1.0, difference - reach), min(1.0, difference + reach)
