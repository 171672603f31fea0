"""The gate's rule as functions of counts: shown better, shown safe, shown worse.

Counts may be arrays over many simulated runs, so that `simulate` measures the very rule that decides on a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.stats import PERFECT, Counts, Youden, mcnemar_mid_p

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Gate:
    """The thresholds. Probabilities are posterior, margins are differences of pass rates.

    `consent` names the failure modes that a person lets ship although too few own cases guard them; `judges_alone` is
    the consent to ship without the expert's labels of the flipped cases. What the settings decide has its defaults
    there; the other thresholds are part of the rule.
    """

    min_probability_better: float
    """On the first look at the test split; later looks need more (`bound_at`)."""
    margin: float
    max_probability_worse: float
    """A loss of `margin`, by a judge on all cases or on the own cases of a mode, must be less probable than this."""
    min_cases_per_mode: int
    min_coverage: float
    max_growth: float
    max_prompt_characters: int
    """A prompt may be `max_growth` times as long as its base, or this long; an answer likewise, from a floor on."""
    consent: tuple[str, ...]
    judges_alone: bool
    max_probability_harm: float = 0.02
    """Reject when the candidate is better with at most this probability, or a guard's Holm p value is below it."""
    cases_for_margin: int = 15
    coarse_margin: float = 0.30
    max_probability_coarse: float = 0.05
    """With `min_cases_per_mode` to `cases_for_margin` own cases only a loss of `coarse_margin` can be excluded."""
    max_probability_group: float = 0.05
    """The same for happy paths and for regression cases, which are no mode of failure."""
    min_probability_promising: float = 0.75
    """From which the expert is asked to label the flipped cases, if they could show that the candidate is better."""

    def bound_at(self, look: int) -> float:
        """Return the probability of being better that the `look`-th look (from 1) at the same test cases needs.

        The chances of error, 2(1 - p)/(k(k+1)), sum to 2(1 - p) over all looks: an alpha-spending sequence, as
        adaptive reuse of a holdout needs (Blum & Hardt 2015).
        """
        return 1 - 2 * (1 - self.min_probability_better) / (look * (look + 1))


def show_probability(p: float) -> str:
    """Return a probability with three digits, without claiming that it is 0 or 1."""
    return f"{p:.3f}" if 0.0005 <= p < 0.9995 else "below 0.001" if p < 0.5 else "above 0.999"


WHOLE, ALL, MODE, GROUP = "all evaluators", "all cases", "own cases", "group"
"""What is compared: all that decide together; one judge on all cases; the own cases of a failure mode; happy paths or
regression cases."""


@dataclass(frozen=True)
class GuardCounts:
    """What one guard counted: of which kind of cases, how many there are, and the judge's J."""

    counts: Counts
    n_cases: Any
    kind: str = WHOLE
    judge: Youden = PERFECT


def is_better(gate: Gate, overall: Counts, look: int = 1) -> Bools:
    """Return whether the candidate is shown better on this look."""
    return np.asarray(overall.p_better >= gate.bound_at(look))


def is_guarded(gate: Gate, guard: GuardCounts) -> Bools:
    """Return whether the guard has enough cases to exclude any loss."""
    return np.asarray(np.asarray(guard.n_cases) >= gate.min_cases_per_mode)


def excluded_loss(gate: Gate, guard: GuardCounts) -> tuple[Any, Any]:
    """Return the loss that the guard has to exclude, and the probability of it that is still allowed."""
    coarse = np.isin(guard.kind, (MODE, GROUP)) & (np.asarray(guard.n_cases) < gate.cases_for_margin)
    allowed = gate.max_probability_group if guard.kind == GROUP else gate.max_probability_worse
    return (
        np.where(coarse, gate.coarse_margin, gate.margin),
        np.where(coarse, gate.max_probability_coarse, allowed),
    )


def is_safe(gate: Gate, guard: GuardCounts) -> Bools:
    """Return whether the loss that the guard has to exclude is excluded (non-inferiority).

    A candidate ships only if every guard says so: the intersection-union test, which needs no correction for the
    number of guards (Berger 1982).
    """
    margin, allowed = excluded_loss(gate, guard)
    return np.asarray(guard.counts.p_worse_than(margin, guard.judge) <= allowed)


def harmed(gate: Gate, guards: Sequence[GuardCounts]) -> list[Bools]:
    """Return for every guard whether it shows harm: mid-p of McNemar's test with Holm's correction."""
    if not guards:
        return []
    p = np.stack([_harm_p(gate, g) for g in guards])
    order = np.argsort(p, axis=0, kind="stable")
    level = gate.max_probability_harm / (len(guards) - np.arange(len(guards)))
    ranked = np.take_along_axis(p, order, axis=0) < level.reshape(-1, *[1] * (p.ndim - 1))
    rejected = np.empty_like(ranked)
    np.put_along_axis(rejected, order, np.logical_and.accumulate(ranked, axis=0), axis=0)
    return list(rejected)


def _harm_p(gate: Gate, guard: GuardCounts) -> Any:
    counted = (guard.counts.broken > guard.counts.fixed) & is_guarded(gate, guard)
    return np.where(counted, mcnemar_mid_p(guard.counts.fixed, guard.counts.broken), 1.0)


def is_worse(gate: Gate, overall: Counts) -> Bools:
    """Return whether the candidate is shown worse over all cases."""
    return np.asarray(overall.p_better <= gate.max_probability_harm)


LARGEST = 2_000
"""Cases up to which `cases_needed` looks for enough."""


def cases_needed(gate: Gate, guard: GuardCounts) -> int | None:
    """Return how many cases would show the guard safe if it went on as it did; None if `LARGEST` would not.

    One guard at a time (no arrays). Looks at every number up to a hundred or so, then in steps of 3 %.
    """
    n = int(guard.n_cases)
    sizes = np.unique(np.geomspace(max(n + 1, gate.min_cases_per_mode), LARGEST, 200).astype(int))
    if not n:
        return None
    counts = Counts(*(np.asarray(x) * sizes / n for x in (guard.counts.fixed, guard.counts.broken, guard.counts.n)))
    enough = sizes[is_safe(gate, GuardCounts(counts, sizes, guard.kind, guard.judge))]
    return int(enough[0]) if len(enough) else None
