"""What a candidate would gain in production: the gains of the golden set's parts, weighted by their shares of traffic.

The golden set has as many cases of a rare failure mode as of a frequent one, so that its gain says little of what users
would notice. With the modes m and what passes (happy paths, h), the gain in traffic is Σ share_m · d_m + share_h · d_h,
where d is a part's difference of pass rates. Traffic that no test case stands for counts as unknown within its share.
The interval takes both factors for independent and normal (Goodman 1960: var(xy) = x² var y + y² var x + var x var y).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from flywheel_pipeline.stats import Z95, PairedChange, Rate
from flywheel_pipeline.steps.improve.gate import GuardReport
from flywheel_pipeline.steps.improve.rule import GROUP, MODE

MOST_LEFT_OUT = 0.05
"""Share of traffic of which the golden set shows nothing, from which on the gain in traffic is not known."""


@dataclass(frozen=True)
class Traffic:
    """Shares of production traffic: {name of a failure mode: its share}, and the share that passes."""

    modes: Mapping[str, Rate]
    passing: Rate


@dataclass(frozen=True)
class TrafficGain:
    """The change of production's pass rate with its 95 % interval, or the `problem` for which it is not known."""

    difference: float = 0.0
    low: float = 0.0
    high: float = 0.0
    problem: str = ""

    def evidence(self) -> dict[str, Any]:
        """Return it as plain values, for the table."""
        if self.problem:
            return {"problem": self.problem}
        return {"difference": round(self.difference, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def describe_gain(gain: Mapping[str, Any]) -> str:
    """Return a stored gain (`TrafficGain.evidence`) in words."""
    if "problem" in gain:
        return f"gain in traffic: cannot tell ({gain['problem']})"
    return f"gain in traffic: {gain['difference']:+.0%} ({gain['low']:+.0%} to {gain['high']:+.0%})"


def gain_in_traffic(guards: Sequence[GuardReport], traffic: Traffic | None, happy: str) -> TrafficGain:
    """Return what the candidate would gain in traffic; `happy` is the name of the guard of happy paths."""
    if traffic is None:
        return TrafficGain(problem="the labels are not of our sample, so the modes' shares of traffic are not known")
    parts = [(name, share, _change(guards, name, MODE)) for name, share in traffic.modes.items()]
    parts.append((happy, traffic.passing, _change(guards, happy, GROUP)))
    unseen = {name: share.value for name, share, change in parts if change is None}
    left_out = sum(unseen.values()) + max(0.0, 1 - sum(share.value for _, share, _ in parts))
    if left_out > MOST_LEFT_OUT:
        named = f", such as {max(unseen, key=lambda name: unseen[name])}" if unseen else ""
        why = f"no test case that may decide stands for {left_out:.0%} of traffic{named}"
        return TrafficGain(problem=why)
    total, variance = 0.0, (left_out / 2) ** 2
    for _, share, change in parts:
        if change is not None:
            d, var_d = change.difference, _variance(change.low, change.high)
            var_share = _variance(share.low, share.high)
            total += share.value * d
            variance += share.value**2 * var_d + d**2 * var_share + var_d * var_share
    half = Z95 * sqrt(variance)
    return TrafficGain(total, max(-1.0, total - half), min(1.0, total + half))


def _change(guards: Sequence[GuardReport], name: str, kind: str) -> PairedChange | None:
    """Return the change of a part, by the evaluator that sees least gain where several judge it; None without cases."""
    mine = [g for g in guards if g.kind == kind and (g.name == name or g.name.startswith(f"{name} by "))]
    of = [g.change for g in mine if g.change.n]
    return min(of, key=lambda change: change.difference, default=None)


def _variance(low: float, high: float) -> float:
    """Return the variance of what has this 95 % interval."""
    return ((high - low) / (2 * Z95)) ** 2
