"""`flywheel sample`: draw a batch for the expert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flywheel_pipeline.commands.options import HOME, say


@click.command()
@HOME
@click.option("--size", type=click.IntRange(1, 2000), help="Traces for the expert. Default: sample.size.")
@click.option("--since", help="First day, for example 2026-01-31. Default: sample.window_days before the last.")
@click.option("--until", help="Last day. Default: the newest with traces.")
@click.option("--strata", help="Columns or tags, separated by commas: a minimum of traces of every value.")
@click.option("--seed", type=int, help="Another seed draws another batch of the same days.")
def sample(home: Path | None, strata: str | None, **asked: Any) -> None:
    """Draw a batch of traces to label: diverse, failure-seeking, each with its inclusion probability."""
    from flywheel_pipeline.commands.dagster_runs import draw_home

    names = [name.strip() for name in strata.split(",") if name.strip()] if strata else None
    draw_home(home, {**asked, "strata": names}, say)
