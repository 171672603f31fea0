"""The command line: thin commands around a flywheel home."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from flywheel_pipeline.commands.alerts import alerts
from flywheel_pipeline.commands.annotate import ANNOTATE
from flywheel_pipeline.commands.cluster import taxonomy
from flywheel_pipeline.commands.deploy import DEPLOY
from flywheel_pipeline.commands.evaluate import evals, report
from flywheel_pipeline.commands.evaluator import evaluator
from flywheel_pipeline.commands.gate import gate
from flywheel_pipeline.commands.golden import golden
from flywheel_pipeline.commands.judge import judge
from flywheel_pipeline.commands.options import ADDRESS, HOME, name_home, say
from flywheel_pipeline.commands.plan import plan
from flywheel_pipeline.commands.pull import pull
from flywheel_pipeline.commands.sample import sample
from flywheel_pipeline.commands.start import start
from flywheel_pipeline.commands.trial import try_command
from flywheel_pipeline.errors import FlywheelError


class FriendlyGroup(click.Group):
    """Print an error that we raised on purpose as one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FlywheelError as error:
            raise click.ClickException(name_home(str(error), ctx)) from None


@click.group(cls=FriendlyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flywheel-pipeline")
def main() -> None:
    """The data flywheel for LLM applications: production traces become a steadily better prompt."""


@main.command()
@click.argument("home", type=click.Path(path_type=Path), default=Path("data"))
def init(home: Path) -> None:
    """Create a flywheel home: its folders and a `flywheel.yaml` to edit."""
    from flywheel_pipeline.flows.home import init_home

    init_home(home)
    then = f"flywheel run --home {shlex.quote(str(home))}"
    click.echo(f"{home} is ready. Put exported traces into {home / 'traces'} and run `{then}`.")


@main.command()
@HOME
def run(home: Path | None) -> None:
    """Turn the flywheel once: read new files, and materialize everything that follows."""
    from flywheel_pipeline.commands.dagster_runs import turn_home
    from flywheel_pipeline.commands.next_step import next_steps
    from flywheel_pipeline.flows.workbench import Workbench

    ok = turn_home(home, say)
    say(f"\n{next_steps(Workbench.of(home), ok)}")
    sys.exit(0 if ok else 1)


@main.command()
@HOME
@click.option("--turns", type=click.IntRange(1, 2), default=1, show_default=True, help="2: promote, serve, turn again.")
def demo(home: Path | None, turns: int) -> None:
    """Run the main job on the demo: a support assistant, a week of traffic, an expert's labels."""
    from flywheel_pipeline.commands.demo import run_demo

    sys.exit(0 if run_demo(home, turns, say) else 1)


@main.command()
@HOME
@click.option("-p", "--port", default=3000, show_default=True, help="The port of the Dagster UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--trust-network", is_flag=True, help="Listen on other addresses although Dagster's UI has no password.")
def dev(home: Path | None, port: int, host: str, trust_network: bool) -> None:
    """Open the Dagster UI of a home, with its schedules and sensors."""
    from flywheel_pipeline.commands.dagster_runs import serve_dagster

    serve_dagster(home, host, port, trust_network)


@main.command()
@HOME
@ADDRESS
@click.option("--grpc-port", type=click.IntRange(0, 65535), default=4317, show_default=True, help="That of OTLP/gRPC.")
@click.option("--grpc/--no-grpc", default=True, show_default=True, help="Take OTLP/gRPC as well as OTLP/HTTP.")
def serve(home: Path | None, host: str, port: int, grpc_port: int, grpc: bool) -> None:
    """Take traces (OTLP, HTTP and gRPC) and feedback from running apps into a home, and serve its pages."""
    from flywheel_pipeline.commands.serve import serve_home

    serve_home(home, host, port, click.echo, grpc_port=grpc_port if grpc else None)


@main.command()
@HOME
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option("--read-only", is_flag=True, help="Allow one SELECT on the tables; no other file, no network, no write.")
@click.argument("query")
def sql(home: Path | None, form: str, read_only: bool, query: str) -> None:
    """Query the tables with DuckDB: flywheel sql "select * from failure_taxonomy"."""
    from flywheel_pipeline.commands.query import run_query
    from flywheel_pipeline.flows.workbench import Workbench

    click.echo(run_query(Workbench.of(home), query, form, read_only))


@main.command()
@HOME
def settings(home: Path | None) -> None:
    """Print all settings of a home with their values, defaults included."""
    import yaml

    from flywheel_pipeline.flows.workbench import Workbench

    click.echo(yaml.safe_dump(Workbench.of(home).settings.model_dump(mode="json"), sort_keys=False))


@main.command()
@HOME
@click.option("--trace", "traces", multiple=True, metavar="ID", help="A trace; may be given several times.")
@click.option("--session", metavar="ID", help="All traces of a session.")
@click.option("--user", metavar="ID", help="All traces that name this user.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(home: Path | None, traces: tuple[str, ...], session: str | None, user: str | None, yes: bool) -> None:
    """Erase a person's data: files, tables, samples, labels, failure modes, golden cases, caches; say what remains."""
    from flywheel_pipeline.commands.erase import erase_person

    erase_person(home, traces, (session, user), yes, say)


@main.command()
@HOME
@click.option("--repair", is_flag=True, help="Set damaged tables aside; the next run computes them again.")
@click.option("--models/--no-models", "ask_models", default=True, help="Ask each model one question (default).")
def doctor(home: Path | None, repair: bool, ask_models: bool) -> None:
    """Check a home: its files, tables, storage, models, Dagster's instance and ports; exit with 1 on a problem."""
    from flywheel_pipeline.commands.doctor import check_home

    sys.exit(0 if check_home(home, say, ask_models, repair) else 1)


for command in (
    start, pull, sample, *ANNOTATE, taxonomy, golden, evals, report, evaluator, judge, gate, try_command, plan, *DEPLOY,
    alerts,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main()
