"""The gate on outcomes of real prompts: pairs of prompts, drawn again and again from the same cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.stats import paired_counts
from flywheel_pipeline.steps.improve.rule import (
    MODE,
    Gate,
    GuardCounts,
    harmed,
    is_better,
    is_guarded,
    is_safe,
    is_worse,
)

SIZES = (100, 200, 400)
EQUAL, LOSS = 0.005, 0.10
"""Difference up to which two prompts count as equal; loss of a mode that must not ship."""

VALUES = {"1": 1.0, "1.0": 1.0, "true": 1.0, "pass": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0, "fail": 0.0, "": np.nan}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of several prompts on the same cases: 1 passes, 0 fails, nan is not known."""

    modes: tuple[str, ...]
    mode: NDArray[np.intp]
    prompts: Mapping[str, Floats]

    def with_repaired(self, prompt: str, seed: int = 1) -> Outcomes:
        """Return the outcomes with one more prompt: `prompt` with half of its failures repaired, in every mode."""
        rng, repaired = np.random.default_rng(seed), self.prompts[prompt].copy()
        for m in range(len(self.modes)):
            failing = np.flatnonzero((self.mode == m) & (repaired == 0))
            repaired[rng.choice(failing, len(failing) // 2, replace=False)] = 1.0
        return replace(self, prompts={**self.prompts, f"{prompt}, half repaired": repaired})


def read_outcomes(rows: Sequence[Mapping[str, Any]]) -> Outcomes:
    """Read the rows of a table with the columns `case`, `mode`, and one per prompt: 1 or 0, empty if not known.

    Raises:
        FlywheelError: a column is missing, a case comes twice, or a value is neither; the text names the line.
    """
    names = [c for c in (rows[0] if rows else {}) if c not in ("case", "mode")]
    if not rows or not {"case", "mode"} <= set(rows[0]) or len(names) < 2:
        raise FlywheelError("The table needs the columns `case`, `mode` and one per prompt, at least two")
    seen: set[str] = set()
    columns: dict[str, list[float]] = {name: [] for name in names}
    for line, row in enumerate(rows, 2):
        if row["case"] in seen:
            raise FlywheelError(f"Line {line}: case {row['case']!r} comes twice")
        seen.add(row["case"])
        for name in names:
            value = VALUES.get(str(row[name] if row[name] is not None else "").strip().lower())
            if value is None:
                raise FlywheelError(f"Line {line}: {name} is {row[name]!r}; expected 1, 0 or nothing")
            columns[name].append(value)
    modes = tuple(sorted({str(r["mode"]) for r in rows}))
    mode = np.asarray([modes.index(str(r["mode"])) for r in rows])
    return Outcomes(modes, mode, {name: np.asarray(values) for name, values in columns.items()})


@dataclass(frozen=True)
class Replay:
    """What the gate does with a pair of prompts on `n` cases, in percent of the draws, and the truth of all cases."""

    before: str
    after: str
    n: int
    difference: float
    worst_mode: str
    worst_difference: float
    shipped: float
    rejected: float
    require: str = ""
    met: bool | None = None


def replay(gate: Gate, outcomes: Outcomes, draws: int, seed: int = 1) -> list[Replay]:
    """Return what the gate does with every ordered pair of prompts, and with each prompt and its half repaired self.

    The outcomes are taken for the truth: no judge errs, and no flips need labels. Modes with too few own cases
    ship by consent.
    """
    gate, rows = replace(gate, judges_alone=True), []
    names = list(outcomes.prompts)
    pairs = [(outcomes, a, b) for a in names for b in names if a != b]
    pairs += [(outcomes.with_repaired(a), a, f"{a}, half repaired") for a in names]
    for table, a, b in pairs:
        for n in (size for size in SIZES if size <= len(table.mode)):
            rows.append(_replayed(gate, table, (a, b), (n, draws), np.random.default_rng(seed)))
    return rows


def _replayed(
    gate: Gate, table: Outcomes, pair: tuple[str, str], size: tuple[int, int], rng: np.random.Generator
) -> Replay:
    n, draws = size
    drawn = np.argsort(rng.random((draws, len(table.mode))), axis=1)[:, :n]
    before, after = (table.prompts[name] for name in pair)
    shipped, rejected = decide_draws(gate, before[drawn], after[drawn], table.mode[drawn])
    change = [np.nanmean((after - before)[table.mode == m]) for m in range(len(table.modes))]
    worst = int(np.argmin(change))
    row = Replay(
        *pair, n, float(np.nanmean(after - before)), table.modes[worst], float(change[worst]),
        100 * float(shipped.mean()), 100 * float(rejected.mean()),
    )  # fmt: skip
    return _judged(row)


def _judged(row: Replay) -> Replay:
    """Return the row with what is required of such a pair."""
    if row.after.endswith(", half repaired"):
        return replace(row, require="ship > 90", met=row.shipped > 90) if row.n >= SIZES[-1] else row
    if row.worst_difference <= -LOSS:
        return replace(row, require="ship < 1", met=row.shipped < 1)
    if abs(row.difference) < EQUAL and row.worst_difference > -4 * EQUAL:
        return replace(row, require="reject < 5", met=row.rejected < 5)
    return row


def decide_draws(gate: Gate, before: Floats, after: Floats, mode: NDArray[np.intp]) -> tuple[Any, Any]:
    """Return (ship, reject) of many draws, each a row of cases with an outcome before and after and a mode."""
    known = ~np.isnan(before) & ~np.isnan(after)
    filled_after = np.where(np.isnan(after), 0.0, after)
    filled_before = np.where(np.isnan(before), np.where(np.isnan(after), 0.0, 1.0), before)
    d, single = filled_after - filled_before, np.arange(before.shape[1])
    everything = np.ones_like(known)
    guards = [_guard(d, single, everything & (mode == m)) for m in np.unique(mode)]
    shown = [_guard(d, single, known & (mode == m)) for m in np.unique(mode)]
    reject = is_worse(gate, paired_counts(d * known, single, known)) | np.any(harmed(gate, shown), axis=0)
    safe = np.all([is_safe(gate, g) | ~is_guarded(gate, g) for g in guards], axis=0)
    covered = known.mean(axis=1) >= gate.min_coverage
    return is_better(gate, paired_counts(d, single)) & safe & covered & ~reject, reject


def _guard(d: Any, families: Any, own: Any) -> GuardCounts:
    return GuardCounts(paired_counts(d * own, families, own), own.sum(axis=-1), MODE)
