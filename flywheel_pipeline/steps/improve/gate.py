"""The gate: ship, hold or reject a candidate, from its outcomes on test cases that chose nothing.

A higher score alone is not enough: among equal candidates the best of several looks better by luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.stats import PairedChange, paired_change, smallest_detectable_change

Outcomes = Mapping[str, bool]
"""{case_id: passes}."""


@dataclass(frozen=True)
class Gate:
    """The thresholds; probabilities are posterior, margins are differences of pass rates."""

    min_probability_better: float = 0.95
    margin: float = 0.03
    max_probability_worse: float = 0.05
    mode_margin: float = 0.10
    max_probability_mode_worse: float = 0.20
    min_cases_per_mode: int = 10
    max_prompt_growth: float = 1.5
    min_prompt_limit: int = 6_000
    """A prompt up to this many characters is never too long, however short its base."""


@dataclass(frozen=True)
class ModeChange:
    """What changed by one evaluator."""

    evaluator: str
    change: PairedChange


@dataclass(frozen=True)
class GateReport:
    """The decision and the numbers it rests on."""

    decision: str
    reason: str
    overall: PairedChange
    modes: tuple[ModeChange, ...]
    n_unknown: int

    def evidence(self) -> dict[str, Any]:
        """Return the numbers as plain values, for the table."""
        rows = {m.evaluator: _numbers(m.change) for m in self.modes}
        return {"overall": _numbers(self.overall), "evaluators": rows, "n_unknown": self.n_unknown}


def decide(gate: Gate, before: Outcomes, after: Outcomes, modes: Mapping[str, tuple[Outcomes, Outcomes]]) -> GateReport:
    """Decide on a candidate from outcomes on the same test cases, overall and by evaluator.

    `reject` when it is probably not better, or probably worse, overall or by one evaluator with enough
    cases; `ship` when it is better beyond doubt and worse nowhere; `hold` when the cases are too few to
    tell. Cases whose outcome is known on one side only do not count and are reported.
    """
    overall, unknown = _change(before, after)
    changes = tuple(ModeChange(name, _change(b, a)[0]) for name, (b, a) in sorted(modes.items()))
    decision, reason = _verdict(gate, overall, changes)
    return GateReport(decision, reason, overall, changes, unknown)


def _change(before: Outcomes, after: Outcomes) -> tuple[PairedChange, int]:
    shared = sorted(set(before) & set(after))
    return paired_change([before[c] for c in shared], [after[c] for c in shared]), len(set(before) ^ set(after))


def _verdict(gate: Gate, overall: PairedChange, modes: Sequence[ModeChange]) -> tuple[str, str]:
    for mode in modes:
        worse = mode.change.p_worse_than(gate.mode_margin)
        regressed = mode.change.broken > mode.change.fixed and worse > gate.max_probability_mode_worse
        if mode.change.n >= gate.min_cases_per_mode and regressed:
            return (
                "reject",
                f"{mode.evaluator} gets worse: {mode.change.broken} broken, {mode.change.fixed} fixed",
            )
    told = f"{overall.fixed} fixed and {overall.broken} broken of {overall.n} test cases"
    worse = overall.p_worse_than(gate.margin)
    if overall.broken > overall.fixed or (overall.broken and worse > 1 - gate.min_probability_better):
        return "reject", f"not better: {told}"
    if overall.p_better >= gate.min_probability_better and worse <= gate.max_probability_worse:
        return "ship", f"better with probability {overall.p_better:.3f}: {told}"
    return "hold", f"too few cases to tell: {told}; {_needed(overall)}"


def _needed(overall: PairedChange) -> str:
    if not overall.n:
        return "label more traces"
    moved = max((overall.fixed + overall.broken) / overall.n, 0.1)
    return f"{overall.n} cases can show a change of {smallest_detectable_change(overall.n, moved):.0%} or more"


def _numbers(change: PairedChange) -> dict[str, float]:
    return {
        "n": change.n, "fixed": change.fixed, "broken": change.broken,
        "difference": round(change.difference, 4), "low": round(change.low, 4), "high": round(change.high, 4),
        "p_better": round(change.p_better, 4), "mid_p": round(change.mid_p, 4),
    }  # fmt: skip
