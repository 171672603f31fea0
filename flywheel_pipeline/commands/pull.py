"""`flywheel pull`: fetch new traces from the observability tools that the settings name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from flywheel_pipeline.commands.options import HOME, say


@click.command()
@HOME
@click.option("--dry-run", is_flag=True, help="Count the traces that there are to fetch, and fetch nothing.")
@click.argument("sources", nargs=-1)
def pull(home: Path | None, dry_run: bool, sources: tuple[str, ...]) -> None:
    """Fetch what is new from the SOURCES of `capture.pull`, by default all, into `traces/pulled/`.

    Keys are read from the environment. A pull that was stopped goes on where it stood.
    """
    sys.exit(0 if report_pulls(home, sources, dry_run) else 1)


def report_pulls(home: Path | None, names: Sequence[str], dry_run: bool) -> bool:
    """Pull or count, and print a line for every source; return whether all of them answered."""
    from flywheel_pipeline.flows.capture.pull import count_traces, pull_sources
    from flywheel_pipeline.flows.workbench import Workbench

    bench = Workbench.of(home)
    if not bench.settings.capture.pull:
        say("capture.pull in flywheel.yaml names no source.")
    is_good = True
    for found in count_traces(bench, names) if dry_run else pull_sources(bench, names):
        is_good = is_good and not found.problem
        if dry_run and not found.problem:
            more = "" if found.is_whole else " or more"
            say(f"{found.source}: {len(found.traces):,}{more} traces since {found.since:%Y-%m-%d %H:%M} UTC")
        else:
            say(str(found))
    return is_good
