"""`flywheel evals`: what the next evaluation would call, and why."""

from __future__ import annotations

from pathlib import Path

import click

from flywheel_pipeline.commands.options import HOME


@click.group()
def evals() -> None:
    """Evaluations: what the next run would call, why, and about how much it would cost."""


@evals.command()
@HOME
@click.argument("case")
def why(home: Path | None, case: str) -> None:
    """Say which answer and verdicts of CASE the next run would ask for again, and which input of them changed."""
    from flywheel_pipeline.flows.cells import explain_case
    from flywheel_pipeline.flows.workbench import Workbench

    case_id, lines = explain_case(Workbench.of(home), case)
    click.echo("\n".join([case_id, *(f"  {line}" for line in lines)]))


@evals.command()
@HOME
def estimate(home: Path | None) -> None:
    """Estimate the calls, tokens and dollars of the next evaluation of the production prompt; nothing is called."""
    from flywheel_pipeline.flows.cells import estimate_evals
    from flywheel_pipeline.flows.workbench import Workbench

    click.echo(str(estimate_evals(Workbench.of(home))))
