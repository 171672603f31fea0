"""`flywheel label` and `flywheel labels`: label in the browser, in a spreadsheet, or in Label Studio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flywheel_pipeline.commands.options import ADDRESS, HOME


@click.command()
@HOME
@ADDRESS
@click.option(
    "--browser/--no-browser", default=True, show_default=True, help="Open the page in this machine's browser."
)
@click.option("--trace", "traces", multiple=True, metavar="ID", help="Put this trace first, too; may be repeated.")
@click.option("--note", default="", help="What the annotator should look at in these traces.")
def label(home: Path | None, host: str, port: int, browser: bool, traces: tuple[str, ...], note: str) -> None:
    """Open the page on which a domain expert labels the sampled traces; it is part of `flywheel serve`.

    With --trace, also traces that no sample drew: their verdicts count for failure modes and the golden set, and are in
    no rate of traffic.
    """
    from flywheel_pipeline.commands.serve import serve_home
    from flywheel_pipeline.flows.traces.pick import send_to_annotator
    from flywheel_pipeline.flows.workbench import Workbench

    if traces:
        send_to_annotator(Workbench.of(home), traces, note)
    serve_home(home, host, port, click.echo, click.launch if browser else None)


@click.group()
def labels() -> None:
    """Label in a spreadsheet or in Label Studio: export a batch, and put the labelled file into `labels/`."""


@labels.command()
@HOME
@click.option("--batch", help="A batch that was drawn, or sent to an annotator. Default: the newest that was drawn.")
@click.option("--format", "form", type=click.Choice(["csv", "xlsx", "jsonl", "label-studio"]), default="csv")
@click.option("--annotator", help="Who will fill it in. Default: whom it was sent to, or annotate.arbiter.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def export(home: Path | None, file: Path | None, **asked: Any) -> None:
    """Write a batch to FILE, one row per trace, with the verdicts that count filled in.

    Traces that people picked are marked as such: their verdicts are in no rate of traffic.
    """
    from flywheel_pipeline.flows.label_export import export_labels
    from flywheel_pipeline.flows.workbench import Workbench

    bench = Workbench.of(home)
    path, n, labelled = export_labels(bench, file, **asked)
    folder = bench.settings.home / "labels"
    click.echo(f"{path}: {n} traces to label, {labelled} of them labelled. Put it into {folder} when you are done.")


@labels.command()
def config() -> None:
    """Print the labelling interface to paste into a project of Label Studio."""
    from flywheel_pipeline.steps.annotate.write import LABEL_STUDIO_CONFIG

    click.echo(LABEL_STUDIO_CONFIG)


ANNOTATE = (label, labels)
