"""`flywheel prompt`, `promote` and `rollback`: which prompt is in production."""

from __future__ import annotations

from pathlib import Path

import click

from flywheel_pipeline.commands.options import HOME, say


@click.command()
@HOME
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def prompt(home: Path | None, file: Path) -> None:
    """Make the text of FILE the production prompt, for example the first one of a new home."""
    from flywheel_pipeline.flows.deploy import set_prompt
    from flywheel_pipeline.flows.workbench import Workbench

    version = set_prompt(Workbench.of(home), file.read_text(encoding="utf-8"))
    click.echo(f"{version} is the production prompt now.")


@click.command()
@HOME
@click.argument("candidate", required=False)
def promote(home: Path | None, candidate: str | None) -> None:
    """Put a candidate that the gate lets ship into production; anything else is refused."""
    from flywheel_pipeline.flows.deploy import promote_candidate
    from flywheel_pipeline.flows.workbench import Workbench

    version = promote_candidate(Workbench.of(home), candidate)
    say(f"{version} is the production prompt now. `flywheel rollback` restores the previous one.")


@click.command()
@HOME
def rollback(home: Path | None) -> None:
    """Put the previous production prompt back into production."""
    from flywheel_pipeline.flows.deploy import roll_back
    from flywheel_pipeline.flows.workbench import Workbench

    click.echo(f"{roll_back(Workbench.of(home))} is the production prompt again.")


DEPLOY = (prompt, promote, rollback)
