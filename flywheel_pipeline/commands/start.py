"""`flywheel start`: from an export to the first twenty traces in the browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from flywheel_pipeline.commands.options import ADDRESS, HOME, say


@click.command()
@HOME
@ADDRESS
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the labelling page.")
@click.option("--serve/--no-serve", default=True, show_default=True, help="Serve the pages afterwards.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def start(home: Path | None, file: Path, host: str, port: int, browser: bool, serve: bool) -> None:
    """Take FILE, an export of traces, to a first batch of 20 in the browser; a home is created where there is none."""
    from flywheel_pipeline.commands.serve import serve_home

    place = prepare_home(home, file, say)
    if serve:
        serve_home(place, host, port, click.echo, click.launch if browser else None)


def prepare_home(home: Path | None, file: Path, report: Callable[[str], None]) -> Path:
    """Capture an export into a home and draw a batch of it; return the home, which is created where there is none.

    Raises:
        HomeError: the home is the demo's, or the file cannot be read.
    """
    from flywheel_pipeline.demo.record import APP
    from flywheel_pipeline.errors import HomeError
    from flywheel_pipeline.flows.home import init_home
    from flywheel_pipeline.flows.start import describe_start, start_from
    from flywheel_pipeline.flows.workbench import Workbench
    from flywheel_pipeline.settings import load_settings

    if not file.is_file():
        raise HomeError(f"There is no file {file}.")
    settings = load_settings(home)
    if settings.app.name == APP:
        raise HomeError(f"{settings.home} is the home of the demo: name another one with --home, for example my-data.")
    init_home(settings.home)
    for line in describe_start(start_from(Workbench.of(settings.home), file)):
        report(line)
    report("Label them on the labelling page (`flywheel label`): `p` passes, `f` fails.")
    report("Then `flywheel run` groups the failures.")
    return settings.home
