"""The rule of a canary: a share of traffic on another prompt, which may be looked at as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flywheel_pipeline.stats.sequential import Counts, always_valid_interval, evidence_of_harm

ALPHA = 0.05
MIN_SESSIONS = 30
"""Sessions of each arm before any decision: the approximation needs them."""
ROLL_BACK, GO_ON = "roll back", "go on"


@dataclass(frozen=True)
class CanaryReport:
    """What a look at a canary found; `difference`, `low` and `high` are canary - control, always valid at 95 %."""

    canary: Counts
    control: Counts
    difference: float
    low: float
    high: float
    e_value: float
    decision: str
    reason: str


def judge_canary(canary: Counts, control: Counts) -> CanaryReport:
    """Return whether harm is shown: sessions of the canary go wrong more often than those beside it.

    The chance of rolling back an equal prompt, over all looks together, is at most `ALPHA`.
    """
    e_value = evidence_of_harm(canary, control)
    low, high = always_valid_interval(canary, control)
    enough = min(canary.n, control.n) >= MIN_SESSIONS
    shown = enough and e_value >= 1 / ALPHA
    rates = f"{canary.n_bad} of {canary.n} sessions went wrong, {control.n_bad} of {control.n} beside it"
    if not enough:
        reason = f"too few sessions to decide ({rates}; {MIN_SESSIONS} of each are needed)"
    elif shown:
        reason = f"harm is shown: {rates}"
    else:
        reason = f"no harm is shown: {rates}; the difference is between {low:+.1%} and {high:+.1%}"
    return CanaryReport(
        canary, control, canary.rate - control.rate, low, high, e_value, ROLL_BACK if shown else GO_ON, reason
    )


def count_sessions(rows: Mapping[str, tuple[int, int]], version: str) -> Counts:
    """Return the counts of a version from {version: (sessions, sessions that went wrong)}."""
    return Counts(*rows.get(version, (0, 0)))
