"""`flywheel plan`: which lever would fix each failure mode, and what each lever needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_pipeline.commands.options import HOME, say

if TYPE_CHECKING:
    from flywheel_pipeline.records import ImprovementPlan

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group(invoke_without_command=True)
@HOME
@click.pass_context
def plan(context: click.Context, home: Path | None) -> None:
    """Show which lever would fix each failure mode (prompt, retrieval, tool, fine-tuning), on which evidence."""
    if context.invoked_subcommand is None:
        from flywheel_pipeline.flows.plan import make_plan
        from flywheel_pipeline.flows.workbench import Workbench

        for line in plan_lines(make_plan(Workbench.of(home))):
            say(line)


def plan_lines(rows: Sequence[ImprovementPlan]) -> Iterator[str]:
    """Yield the plan in lines for a terminal."""
    if not rows:
        yield "There are no failure modes yet: label failures, then `flywheel run`."
    for row in rows:
        yield f"{row.rank}. {row.mode}: {row.lever.upper()}"
        yield f"   {row.reason}"
        yield from (f"   to do: {line}" for line in json.loads(row.to_do))


@plan.command()
@HOME
@click.argument("mode")
@FILE
def ticket(home: Path | None, mode: str, file: Path) -> None:
    """Write a ticket with the traces of MODE in which a tool or the app went wrong first to FILE (Markdown)."""
    from flywheel_pipeline.flows.plan import ticket_for
    from flywheel_pipeline.flows.workbench import Workbench

    click.echo(f"Wrote {file} with {ticket_for(Workbench.of(home), mode, file)} traces.")


@plan.command()
@HOME
def retrieval(home: Path | None) -> None:
    """Measure your own retrieval (`app.retrieval`) under each combination of its grid, on train and dev cases."""
    from flywheel_pipeline.flows.retrieval import measure_retrieval
    from flywheel_pipeline.flows.workbench import Workbench

    for measured in measure_retrieval(Workbench.of(home)):
        say(str(measured))


@plan.command()
@HOME
@click.argument("mode")
@FILE
def training(home: Path | None, mode: str, file: Path) -> None:
    """Write the checked training file of MODE to FILE, if it survived two gated rounds and has right answers enough."""
    from flywheel_pipeline.flows.training import write_training_file
    from flywheel_pipeline.flows.workbench import Workbench

    for line in (f"Wrote {file}:", *write_training_file(Workbench.of(home), mode, file).describe()):
        say(line)
