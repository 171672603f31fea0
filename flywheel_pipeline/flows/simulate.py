"""The gate of a home, and its own test cases and judges, to simulate what it would decide."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

from flywheel_pipeline.errors import FlywheelError, HomeError
from flywheel_pipeline.flows.evaluate import active_cases, standing_judges
from flywheel_pipeline.flows.improve import build_gate, gate_of
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.settings import GateSettings
from flywheel_pipeline.stats import JudgeError, Recall
from flywheel_pipeline.steps.evaluate import judge_errors
from flywheel_pipeline.steps.improve import Gate
from flywheel_pipeline.steps.improve.characteristic import BETTER, EQUAL, World, layout_of_home
from flywheel_pipeline.steps.improve.replay import Outcomes, read_outcomes
from flywheel_pipeline.steps.improve.worlds import Judges, Layout


@dataclass(frozen=True)
class GateAtHome:
    """A home's gate, its test cases (None where it has none), rows for its own judges, and what it is made of."""

    gate: Gate
    layout: Layout | None
    worlds: tuple[World, ...]
    described: str


def gate_at_home(home: Path | None) -> GateAtHome:
    """Return the gate of a home with its own number of cases, families, modes and judges.

    Where no home is named and none is at the usual place, it is the gate as it comes.

    Raises:
        HomeError: there is no such home.
    """
    try:
        bench = Workbench.of(home)
    except HomeError:
        if home is not None:
            raise
        return GateAtHome(
            build_gate(GateSettings()), None, (), "No flywheel home here: the gate with its default settings."
        )
    return _at_home(bench, gate_of(bench))


def _at_home(bench: Workbench, gate: Gate) -> GateAtHome:
    test = [c for c in active_cases(bench) if c.split == "test" and c.kind != "adversarial" and c.stage != "regression"]
    if not test:
        return GateAtHome(gate, None, (), "This home has no test cases yet.")
    layout = layout_of_home(test)
    own = [layout.mode.count(m) for m in sorted(set(layout.mode) - {-1})]
    described = f"{layout.n} test cases in {len(set(layout.family))} families; own cases of modes: {own}"
    judges = _judges(bench)
    if judges is None:
        return GateAtHome(gate, layout, (), f"{described}; no judge may decide yet")
    errors = Judges(judges.passes.rate.value, judges.fails.rate.value)
    worlds = tuple(
        World(f"{name}, this home's judges", candidate, judges=errors, known=judges.youden)
        for name, candidate in (("equal", EQUAL), ("+15", BETTER), ("+25", replace(BETTER, gain=0.25)))
    )
    return GateAtHome(gate, layout, worlds, f"{described}; judges {errors.passes:.2f}/{errors.fails:.2f}")


def _judges(bench: Workbench) -> JudgeError | None:
    """Return the errors of the trusted judges, pooled; None without one."""
    alignment = standing_judges(bench)
    trusted = [a for a in alignment if a.status == "trusted" and a.mode_id]
    found = [judge_errors(trusted)[a.evaluator] for a in trusted]
    if not found:
        return None
    passes, fails = (
        Recall(sum(r.n_right for r in side), sum(r.n for r in side))
        for side in ([e.passes for e in found], [e.fails for e in found])
    )
    return JudgeError(passes, fails)


def load_outcomes(path: Path) -> Outcomes:
    """Read a CSV file of outcomes (`read_outcomes`).

    Raises:
        FlywheelError: the file is no such table; the text says why.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return read_outcomes(list(csv.DictReader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FlywheelError(f"{path} cannot be read: {error}") from None
    except FlywheelError as error:
        raise FlywheelError(f"{path}: {error}") from None
