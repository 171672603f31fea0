"""A judge as a measuring instrument: whether it may vote, and rates corrected for its known errors."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from flywheel_pipeline.stats.paired import Youden
from flywheel_pipeline.stats.rates import Z95, Rate, wilson


@dataclass(frozen=True)
class Recall:
    """How many answers of one kind were labelled, and how many of them the judge recognised; effective counts, too."""

    n_right: float
    n: float

    @property
    def rate(self) -> Rate:
        """The share recognised, with its Wilson interval."""
        value = self.n_right / self.n if self.n else 0.0
        return Rate(value, *wilson(self.n_right, self.n), round(self.n))

    @property
    def p_guess(self) -> float:
        """The exact probability of recognising so many when every verdict is right with probability ½."""
        from scipy.special import betainc

        return float(betainc(self.n_right, self.n - self.n_right + 1, 0.5)) if self.n_right else 1.0


@dataclass(frozen=True)
class JudgeError:
    """What is known of a judge: `passes` and `fails` of the expert that it recognised (TPR and TNR)."""

    passes: Recall
    fails: Recall

    @property
    def youden(self) -> Youden:
        """TPR + TNR - 1 with its variance, from Beta(right + ½, wrong + ½) for each."""
        (a, u), (b, v) = (_beta(r.n_right + 0.5, r.n - r.n_right + 0.5) for r in (self.passes, self.fails))
        return Youden(a + b - 1, u + v)

    @property
    def youden_low(self) -> float:
        """Lower 95 % bound of J by combining the two Wilson intervals (Newcombe 1998, method 10)."""
        a, b = self.passes.rate, self.fails.rate
        return a.value + b.value - 1 - sqrt((a.value - a.low) ** 2 + (b.value - b.low) ** 2)

    @property
    def youden_high(self) -> float:
        """Upper 95 % bound of J (Newcombe 1998, method 10)."""
        a, b = self.passes.rate, self.fails.rate
        return a.value + b.value - 1 + sqrt((a.high - a.value) ** 2 + (b.high - b.value) ** 2)

    def may_decide(self, min_youden: float, max_p_guess: float) -> bool:
        """Return whether J is at least `min_youden` (lower bound) and both recalls are shown to be above ½."""
        guess = max(self.passes.p_guess, self.fails.p_guess)
        return guess <= max_p_guess and self.youden_low >= min_youden


def _beta(a: float, b: float) -> tuple[float, float]:
    return a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))


def corrected_rate(n_pass: float, n: float, judge: JudgeError) -> Rate | None:
    """Return the true pass rate where a judge with known errors passes `n_pass` of `n` answers; None if J <= 0.

    Rogan-Gladen with the interval of Lang & Reiczigel 2014 (Preventive Veterinary Medicine 113, equations 2 to 5):
    all three rates are shrunk as in Agresti & Coull. It assumes that the judge errs on these answers as it did on the
    labelled ones. Counts may be effective ones; `Rate.n` is the number of answers judged.
    """
    z2 = Z95**2
    big_n, m1, m0 = n + z2, judge.passes.n + 2, judge.fails.n + 2
    p, q1, q0 = (n_pass + z2 / 2) / big_n, (judge.passes.n_right + 1) / m1, (judge.fails.n_right + 1) / m0
    j = q1 + q0 - 1
    if j <= 0:
        return None
    theta = (p + q0 - 1) / j
    shift = 2 * z2 * (theta * q1 * (1 - q1) / m1 - (1 - theta) * q0 * (1 - q0) / m0)
    variance = p * (1 - p) / big_n + (1 - theta) ** 2 * q0 * (1 - q0) / m0 + theta**2 * q1 * (1 - q1) / m1
    half = Z95 * sqrt(variance) / j
    low, high = (min(1.0, max(0.0, theta + shift + sign * half)) for sign in (-1, 1))
    return Rate(_rogan_gladen(n_pass / n if n else 0.0, judge, theta), low, high, round(n))


def _rogan_gladen(observed: float, judge: JudgeError, shrunk: float) -> float:
    """Return the plain estimate, or the shrunk one where J is not positive; between 0 and 1."""
    tpr, tnr = judge.passes.rate.value, judge.fails.rate.value
    estimate = (observed + tnr - 1) / (tpr + tnr - 1) if tpr + tnr > 1 else shrunk
    return min(1.0, max(0.0, estimate))
