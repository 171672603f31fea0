"""The table of turns as text, for the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flywheel_pipeline.records import FlywheelTurn


def turn_lines(rows: Sequence[FlywheelTurn]) -> list[str]:
    """Return the turns as a table for people, and below it the reasons."""
    if not rows:
        return ["There has been no turn yet: `flywheel run` makes one."]
    head = ["turn", "candidate", "decision", "labels", "new modes", "on test cases", "predicted", "realised",
            "trace to fix", "paid"]  # fmt: skip
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    table = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [*table, *(line for row in rows for line in _why(row))]


def _cells(row: FlywheelTurn) -> list[str]:
    outcome = "rolled back" if row.rolled_back_at else "promoted" if row.promoted_at else row.decision
    gains = [
        show_gain(row.test_gain, row.test_low, row.test_high),
        show_gain(row.predicted_gain, row.predicted_low, row.predicted_high),
        show_gain(row.realised_gain, row.realised_low, row.realised_high),
    ]
    fixed = "-" if row.hours_to_fix is None else f"{row.hours_to_fix / 24:.1f} days"
    paid = "not known" if row.cost_usd is None else f"{row.cost_usd:.4f} USD"
    new = str(row.n_new_modes)
    return [str(row.turn), row.candidate_id or "-", outcome, f"{row.labels_added:+}", new, *gains, fixed, paid]


def show_gain(value: float | None, low: float | None, high: float | None) -> str:
    """Return a gain in percentage points with its interval; a dash where it is not known."""
    if value is None or low is None or high is None:
        return "-"
    return f"{100 * value:+.0f} ({100 * low:+.0f} to {100 * high:+.0f})"


def _why(row: FlywheelTurn) -> list[str]:
    found = [f"{row.decision}: {row.reason}"]
    found += [f"predicted: not known, {row.predicted_reason}"] if row.predicted_reason else []
    found += [f"realised: {row.realised_basis}"] if row.realised_basis else []
    found += [f"realised: not known, {row.realised_reason}"] if row.promoted_at and row.realised_reason else []
    new = json.loads(row.new_modes)
    found += [f"new modes: {', '.join(new[:10])}"] if new else []
    return [f"{'turn ' + str(row.turn) if i == 0 else '':7} {line}" for i, line in enumerate(found)]
