"""`flywheel gate`: what it asks of the expert, its decision, and what it would decide where the truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_pipeline.commands.options import HOME, echo, say

if TYPE_CHECKING:
    from flywheel_pipeline.flows.simulate import GateAtHome
    from flywheel_pipeline.steps.improve.characteristic import Figure, World
    from flywheel_pipeline.steps.improve.replay import Replay

MARKS = {True: "met", False: "NOT MET", None: ""}
RUNS = click.option("--runs", type=click.IntRange(30, 20_000), default=900, show_default=True, help="Runs per figure.")


@click.group()
def gate() -> None:
    """May a prompt ship? What it waits for, its decision, and what it decides where the truth is known."""


@gate.command()
@HOME
def labels(home: Path | None) -> None:
    """Print which labels the gate waits for, and where to give them."""
    from flywheel_pipeline.flows.flips import flips_waiting
    from flywheel_pipeline.flows.workbench import Workbench

    waiting = flips_waiting(Workbench.of(home))
    if waiting is None:
        say("The gate asks for no labels of flipped cases.")
        return
    say(f"{waiting.n_labelled} of {waiting.n_asked} flipped cases of {waiting.candidate} are labelled; {waiting}")
    if waiting.n_labelled < waiting.n_asked:
        say("Then `flywheel gate decide` lets the gate decide again; under `flywheel dev` a sensor does it.")


@gate.command()
@HOME
def decide(home: Path | None) -> None:
    """Decide again on the last candidate, with the labels given since: no app and no model is called."""
    from flywheel_pipeline.commands.dagster_runs import decide_home
    from flywheel_pipeline.commands.summary import decision_lines

    for line in decision_lines(decide_home(home)):
        say(line)


@gate.command()
@HOME
@click.option("--run", type=click.IntRange(1), default=1, show_default=True, help="Another number asks once more.")
def noise(home: Path | None, run: int) -> None:
    """Evaluate the production prompt against itself: how many cases flip although nothing has changed (A/A)."""
    from flywheel_pipeline.flows.noise import measure_noise
    from flywheel_pipeline.flows.workbench import Workbench

    for line in measure_noise(Workbench.of(home), run).lines():
        say(line)


@gate.command()
@HOME
@RUNS
def simulate(home: Path | None, runs: int) -> None:
    """Print how often the gate ships and rejects candidates of known truth: its operating characteristic."""
    from flywheel_pipeline.flows.simulate import gate_at_home

    for line in characteristic(gate_at_home(home), runs):
        echo(line)


@gate.command()
@HOME
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@RUNS
def replay(home: Path | None, files: tuple[Path, ...], runs: int) -> None:
    """Print what the gate does with real prompts; FILES are CSV with `case`, `mode` and a column per prompt."""
    from flywheel_pipeline.flows.simulate import gate_at_home, load_outcomes
    from flywheel_pipeline.steps.improve.replay import replay as replayed

    rule = gate_at_home(home).gate
    for path in files:
        for line in replay_lines(path, replayed(rule, load_outcomes(path), runs)):
            echo(line)


def characteristic(at_home: GateAtHome, runs: int) -> Iterable[str]:
    """Yield the lines of the table, each when it is measured."""
    from flywheel_pipeline.steps.improve.characteristic import SIZES, WORLDS, measure, measure_world

    yield at_home.described
    columns = [*(["here"] if at_home.layout else []), *(f"n={n}" for n in SIZES)]
    yield f"{'% shipped (rejected)':44}" + "".join(f"{c:>15}" for c in columns) + "  required"
    for world in WORLDS:
        yield _row(world, measure_world(at_home.gate, world, runs, at_home.layout))
    for world in at_home.worlds if at_home.layout else ():
        yield _row(world, [measure(at_home.gate, world, at_home.layout, runs)] if at_home.layout else [])
    yield (
        f"Monte Carlo error: at most {50 / runs**0.5:.1f} points, {50 / (runs / 3) ** 0.5:.1f} in rows with looks or "
        "families. Modes with too few own cases ship by consent here."
    )


def _row(world: World, figures: Sequence[Figure]) -> str:
    cells = "".join(f"{f'{f.shipped:.1f} ({f.rejected:.1f})':>15}" for f in figures)
    met = [f.met for f in figures if f.met is not None]
    return f"{world.truth:44}{cells}  {world.require}: {MARKS[all(met)]}" if met else f"{world.truth:44}{cells}"


def replay_lines(path: Path, rows: Sequence[Replay]) -> Iterable[str]:
    """Yield the lines of a file's table."""
    width = max((len(f"{r.before} -> {r.after}") for r in rows), default=0)
    yield f"{path.name}: % of draws of n cases" if rows else f"{path.name}: fewer than 100 cases, nothing to draw from"
    yield f"{'pair':{width}}     n   gain  worst mode             ship   hold  reject"
    for r in rows:
        pair, worst = f"{r.before} -> {r.after}", f"{r.worst_mode[:14]} {r.worst_difference:+.1%}"
        required = f"  {r.require}: {MARKS[r.met]}" if r.require else ""
        figures = f"{r.shipped:6.1f} {100 - r.shipped - r.rejected:6.1f} {r.rejected:7.1f}"
        yield f"{pair:{width}}  {r.n:4} {r.difference:+6.1%}  {worst:21}{figures}{required}"
