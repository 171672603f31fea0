"""How severe a mode is, by what people set for it or for its failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flywheel_pipeline.steps.cluster.modes import Mode

WEIGHTS = {"low": 1 / 3, "medium": 1.0, "high": 3.0}
"""The scale 1-3-9 of quality function deployment, with medium as the unit."""
WORDS = {
    **{w: "low" for w in ("low", "minor", "trivial", "cosmetic")},
    **{w: "medium" for w in ("medium", "moderate", "normal")},
    **{w: "high" for w in ("high", "major", "severe", "critical", "blocker")},
}


@dataclass(frozen=True)
class Severity:
    """A level (None if not set), its weight, and a text that says where it is from."""

    level: str | None
    weight: float
    text: str


def severity_of(mode: Mode, labels: Mapping[str, str]) -> Severity:
    """Return a mode's severity: a person's rating of the mode, else the mean weight of its failures that were rated.

    `labels` is {trace: severity as the label has it}; words that are no known level do not count.
    """
    if mode.severity:
        return Severity(mode.severity, WEIGHTS[mode.severity], f"severity {mode.severity}")
    words = [WORDS.get(labels.get(x.trace_id, "").strip().lower()) for x in mode.members]
    rated = [WEIGHTS[w] for w in words if w]
    if not rated:
        return Severity(None, 1.0, "severity not set")
    mean = sum(rated) / len(rated)
    level = "high" if mean >= 3**0.5 else "low" if mean < 3**-0.5 else "medium"
    return Severity(level, mean, f"severity {level} (set for {len(rated)} of its {len(words)} failures)")
