"""The command line: thin commands around a flywheel home."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from flywheel_pipeline.commands.options import HOME
from flywheel_pipeline.commands.taxonomy import taxonomy
from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.records import KINDS, SPLITS


class FriendlyGroup(click.Group):
    """Prints an error that we raised on purpose as one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FlywheelError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=FriendlyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flywheel-pipeline")
def main() -> None:
    """The data flywheel for LLM applications: production traces become a steadily better prompt."""


@main.command()
@click.argument("home", type=click.Path(path_type=Path), default=Path("data"))
def init(home: Path) -> None:
    """Make a new flywheel home: its folders and a `flywheel.yaml` to edit."""
    from flywheel_pipeline.commands.homes import init_home

    init_home(home)
    click.echo(f"{home} is ready. Put trace files into {home / 'traces'}, label files into {home / 'labels'},")
    click.echo("and run `flywheel run`.")


@main.command()
@HOME
def run(home: Path | None) -> None:
    """Turn the flywheel once: read new files, and materialize everything that follows."""
    from flywheel_pipeline.commands.turn import turn_home

    sys.exit(0 if turn_home(home, click.echo) else 1)


@main.command()
@HOME
def demo(home: Path | None) -> None:
    """Run the main job on the demo: a support assistant, a week of traffic, an expert's labels."""
    from flywheel_pipeline.commands.homes import demo_home
    from flywheel_pipeline.commands.turn import turn_home

    ok = turn_home(demo_home(home), click.echo)
    click.echo(
        '\nNext: `flywheel dev` opens the Dagster UI; `flywheel sql "select * from failure_taxonomy"` shows a table;'
    )
    click.echo("`flywheel promote` puts a candidate that may ship into production.")
    sys.exit(0 if ok else 1)


@main.command()
@HOME
@click.option("--size", type=click.IntRange(1, 2000), help="Traces for the expert. Default: sample.size.")
@click.option("--since", help="First day, for example 2026-01-31. Default: sample.window_days before the last.")
@click.option("--until", help="Last day. Default: the newest with traces.")
@click.option("--strata", help="Columns or tags, with commas between them: a minimum of traces of every value.")
@click.option("--seed", type=int, help="Another seed draws another batch of the same days.")
def sample(home: Path | None, strata: str | None, **asked: Any) -> None:
    """Draw a batch of traces to label: diverse, failure-seeking, each with its inclusion probability."""
    from flywheel_pipeline.commands.sample import draw_home

    names = [name.strip() for name in strata.split(",") if name.strip()] if strata else None
    draw_home(home, {**asked, "strata": names}, click.echo)


@main.command()
@HOME
@click.option("-p", "--port", default=3000, show_default=True, help="The port of the Dagster UI.")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
def dev(home: Path | None, port: int, host: str) -> None:
    """Open the Dagster UI of a home, with its schedules and sensors."""
    from flywheel_pipeline.commands.dev import serve_dagster

    serve_dagster(home, host, port)


@main.command()
@HOME
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=4318, show_default=True, help="0 takes a free one.")
def serve(home: Path | None, host: str, port: int) -> None:
    """Take traces (OTLP/HTTP) and feedback from running applications into a home."""
    from flywheel_pipeline.commands.serve import serve_home

    serve_home(home, host, port, click.echo)


@main.command()
@HOME
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=4318, show_default=True, help="0 takes a free one.")
@click.option(
    "--browser/--no-browser", default=True, show_default=True, help="Open the page in this machine's browser."
)
def label(home: Path | None, host: str, port: int, browser: bool) -> None:
    """Open the page on which a domain expert labels the sampled traces; it is a part of `flywheel serve`."""
    from flywheel_pipeline.commands.serve import serve_home

    serve_home(home, host, port, click.echo, click.launch if browser else None)


@main.group()
def labels() -> None:
    """Label in a spreadsheet or in Label Studio: batches out; what comes back is dropped into `labels/`."""


@labels.command()
@HOME
@click.option("--batch", help="A batch of sampled_traces. Default: the newest.")
@click.option("--format", "form", type=click.Choice(["csv", "xlsx", "jsonl", "label-studio"]), default="csv")
@click.option("--annotator", help="Who will fill it in. Default: annotate.arbiter.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def export(home: Path | None, file: Path | None, **asked: Any) -> None:
    """Write a batch to FILE, one row a trace, with the verdicts that count filled in."""
    from flywheel_pipeline.commands.labels import export_labels

    path, n, filled = export_labels(home, file, **asked)
    click.echo(f"{path}: {n} traces to label, {filled} of them filled in. Put it into labels/ when you are done.")


@labels.command()
def config() -> None:
    """Print the labelling interface to paste into a project of Label Studio."""
    from flywheel_pipeline.steps.annotate.write import LABEL_STUDIO_CONFIG

    click.echo(LABEL_STUDIO_CONFIG)


@main.group()
def golden() -> None:
    """The golden set: what it holds and lacks, review of proposed cases, retirement, other tools."""


REPORT = click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as JSON, too."
)


@golden.command("export")
@HOME
@click.option("--format", "form", required=True, help="The format; a wrong one lists those there are.")
@click.option("--split", "splits", multiple=True, type=click.Choice(SPLITS), help="Default: all.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS))
@REPORT
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export_golden(home: Path | None, file: Path, form: str, report: Path | None, **chosen: tuple[str, ...]) -> None:
    """Write the golden set to FILE as another tool reads it, and say what that tool can not hold."""
    from flywheel_pipeline.commands.exchange import export_golden

    for line in export_golden(home, file, form, report, **chosen):
        click.echo(line)


@golden.command("import")
@HOME
@click.option("--format", "form", default="auto", show_default=True, help="The format; auto goes by the content.")
@click.option("--kind", type=click.Choice(KINDS), default="synthetic", show_default=True)
@REPORT
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_golden(home: Path | None, file: Path, form: str, kind: str, report: Path | None) -> None:
    """Add the cases of FILE to the golden set; --kind is that of cases which say none. Nothing there is changed."""
    from flywheel_pipeline.commands.exchange import import_golden

    for line in import_golden(home, file, form, kind, report):
        click.echo(line)


main.add_command(taxonomy)


@main.command()
@HOME
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.argument("query")
def sql(home: Path | None, form: str, query: str) -> None:
    """Query the tables with DuckDB: flywheel sql "select * from failure_taxonomy"."""
    from flywheel_pipeline.commands.query import run_query
    from flywheel_pipeline.settings import load_settings

    click.echo(run_query(load_settings(home).home, query, form))


@main.command()
@HOME
def settings(home: Path | None) -> None:
    """Print all settings of a home with their values, defaults included."""
    import yaml

    from flywheel_pipeline.settings import load_settings

    click.echo(yaml.safe_dump(load_settings(home).model_dump(mode="json"), sort_keys=False))


@main.command()
@HOME
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def prompt(home: Path | None, file: Path) -> None:
    """Make the text of FILE the production prompt, for example the first one of a new home."""
    from flywheel_pipeline.commands.prompts import set_prompt

    click.echo(f"{set_prompt(home, file.read_text(encoding='utf-8'))} is the production prompt now.")


@main.command()
@HOME
@click.argument("candidate", required=False)
def promote(home: Path | None, candidate: str | None) -> None:
    """Put a candidate that the gate lets ship into production; anything else is refused."""
    from flywheel_pipeline.commands.prompts import promote_candidate

    click.echo(f"{promote_candidate(home, candidate)} is the production prompt now. `flywheel rollback` takes it back.")


@main.command()
@HOME
def rollback(home: Path | None) -> None:
    """Put the previous production prompt back into production."""
    from flywheel_pipeline.commands.prompts import roll_back

    click.echo(f"{roll_back(home)} is the production prompt again.")


@golden.command()
@HOME
@click.option("--version", help="A version, or the beginning of one. Default: what is evaluated now.")
def show(home: Path | None, version: str | None) -> None:
    """Print composition, gaps and growth, with all versions."""
    from flywheel_pipeline.commands.golden import show_golden

    show_golden(home, version, click.echo)


@golden.command()
@HOME
@click.option("--list", "listed", is_flag=True, help="Print the cases that wait, and decide nothing.")
@click.option("--accept", multiple=True, metavar="ID", help="Accept a case, or `all`; may be repeated.")
@click.option("--reject", multiple=True, metavar="ID", help="Reject a case, or `all`; may be repeated.")
@click.option("--reason", help="Why, for the file.")
def review(home: Path | None, listed: bool, reason: str | None, **ids: Any) -> None:
    """Decide on the cases that a model or a template proposed: one by one, or by id."""
    from flywheel_pipeline.commands import golden as does

    if listed:
        click.echo("\n\n".join(does.list_pending(home)) or "No proposed case waits.")
    elif ids["accept"] or ids["reject"]:
        click.echo(does.review_golden(home, reason=reason, **ids))
    else:
        choices = click.Choice(["accept", "reject", "skip", "quit"])
        does.review_one_by_one(home, lambda _: str(click.prompt("", type=choices, prompt_suffix="")), click.echo)


@golden.command()
@HOME
@click.option("--reason", required=True, help="Why the case is evaluated no more.")
@click.argument("case_id")
def retire(home: Path | None, case_id: str, reason: str) -> None:
    """Retire a case: it stays in the file and in old versions, and is evaluated no more."""
    from flywheel_pipeline.commands.golden import retire_case

    click.echo(retire_case(home, case_id, reason))


@golden.command()
@HOME
def dimensions(home: Path | None) -> None:
    """Have a model propose what questions differ in (feature, persona, scenario), for review in `golden/`."""
    from flywheel_pipeline.commands.golden import propose_dimensions

    click.echo(propose_dimensions(home))


if __name__ == "__main__":
    main()
