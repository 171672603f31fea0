"""`flywheel evals` and `flywheel report`: how the app does, what changed, and what the next evaluation would call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_pipeline.commands.options import HOME, echo, say
from flywheel_pipeline.commands.trial import models_command

if TYPE_CHECKING:
    from flywheel_pipeline.flows.workbench import Workbench
    from flywheel_pipeline.steps.evaluate import Quality

FAIL_UNDER = click.option(
    "--fail-under", type=click.FloatRange(0, 1), help="Exit with 100 if fewer of the cases pass, for example 0.9."
)


@click.group(invoke_without_command=True)
@HOME
@FAIL_UNDER
@click.pass_context
def evals(context: click.Context, home: Path | None, fail_under: float | None) -> None:
    """Show how the production prompt does on the golden set.

    Exit codes: 0 passed, 100 quality failed, 1 error; nothing evaluated is an error.
    """
    if context.invoked_subcommand is None:
        from flywheel_pipeline.flows.workbench import Workbench

        context.exit(_show(Workbench.of(home), fail_under))


def _show(bench: Workbench, fail_under: float | None) -> int:
    from flywheel_pipeline.commands.evals_table import evaluation_lines
    from flywheel_pipeline.flows.compare import PRODUCTION, compare, stand
    from flywheel_pipeline.steps.evaluate import Coverage, quality_of_rate, unless_unjudged

    found = compare(bench, PRODUCTION, PRODUCTION)
    say("\n".join(evaluation_lines(found, stand(found))))
    overall = found.found.overall.after if found.found.overall else None
    quality = quality_of_rate(overall if found.found.cases else Coverage(0, 0, 0), fail_under)
    return _finish(unless_unjudged(quality, fail_under, found.unjudged))


def _finish(quality: Quality) -> int:
    if quality.reason:
        echo(f"\n{quality}")
    return quality.code


@evals.command("compare")
@HOME
@FAIL_UNDER
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML for a CI system.")
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Append Markdown to this file: in GitHub Actions "$GITHUB_STEP_SUMMARY".',
)
@click.argument("before", default="production")
@click.argument("after", default="candidate")
@click.pass_context
def compare_command(
    context: click.Context, home: Path | None, fail_under: float | None, junit: Path | None,
    summary: Path | None, before: str, after: str,
) -> None:  # fmt: skip
    """Compare two evaluated prompts, BEFORE and AFTER.

    Each is a version or its first letters, `production`, `candidate`, or `baseline`: production as it was evaluated
    anew beside the candidate.

    Exit codes: 0 passed, 100 a case that passed fails now and nobody approved it, or fewer than --fail-under pass,
    1 error: nothing evaluated, or too little of it.
    """
    from flywheel_pipeline.commands.comparing import compare_and_report
    from flywheel_pipeline.flows.workbench import Workbench

    context.exit(_finish(compare_and_report(Workbench.of(home), (before, after), fail_under, junit, summary)))


@evals.command()
@HOME
@click.option("--otlp", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option("--send", is_flag=True, help="Send them to the endpoint that OTEL_EXPORTER_OTLP_ENDPOINT names.")
@click.option("--of", default="production", show_default=True, help="The version whose evaluation is written or sent.")
def export(home: Path | None, otlp: Path | None, send: bool, of: str) -> None:
    """Write or send answers and verdicts as OpenTelemetry GenAI spans, for your own tracing.

    A file has one OTLP request per line. To send, set OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT,
    _HEADERS, _PROTOCOL (http/protobuf or http/json) and _TIMEOUT.
    """
    from flywheel_pipeline.flows.workbench import Workbench

    if not (otlp or send):
        raise click.UsageError("Name a file with --otlp, or --send them.")
    _export(Workbench.of(home), otlp, send, of)


def _export(bench: Workbench, otlp: Path | None, send: bool, of: str) -> None:
    from flywheel_pipeline.flows.export_evals import export_evals, send_evals

    if otlp:
        version, n = export_evals(bench, of, otlp)
        click.echo(f"Wrote {n:,} spans of {version} to {otlp}.")
    if send:
        version, n, target, sent = send_evals(bench, of)
        click.echo(f"Sent {n:,} spans of {version} to {target.shown}.")
        if sent.n_rejected or sent.reason:
            click.echo(f"It rejected {sent.n_rejected:,} of them: {sent.reason or 'no reason given'}")


@evals.command()
@HOME
@click.argument("case")
@click.option("--reason", required=True, help="Why this failure may stay.")
@click.option("--of", default="production", show_default=True, help="The version that fails the case.")
def approve(home: Path | None, case: str, reason: str, of: str) -> None:
    """Approve that CASE fails: it may stay so, and no comparison fails because of it."""
    from flywheel_pipeline.flows.compare import approve_failure
    from flywheel_pipeline.flows.workbench import Workbench

    for known in approve_failure(Workbench.of(home), case, reason, of):
        echo(f"{known.case_id} may fail by {known.evaluator}: {known.reason}")


@click.command()
@HOME
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("flywheel-report.html"),
              show_default=True, help="The HTML file to write.")  # fmt: skip
@click.argument("before", default="production")
@click.argument("after", required=False)
def report(home: Path | None, output: Path, before: str, after: str | None) -> None:
    """Write the comparison of BEFORE and AFTER as one HTML file that needs nothing else.

    AFTER is the candidate of the last run by default, or production where there is none.
    """
    from flywheel_pipeline.commands.comparing import write_report
    from flywheel_pipeline.flows.workbench import Workbench

    click.echo(write_report(Workbench.of(home), (before, after), output))


@evals.command()
@HOME
def production(home: Path | None) -> None:
    """Judge a sample of new production traces, and show how often each failure mode occurs in production."""
    from flywheel_pipeline.commands.production import judged_lines, share_lines
    from flywheel_pipeline.flows.production_rates import judge_and_estimate
    from flywheel_pipeline.flows.workbench import Workbench

    bench = Workbench.of(home)
    for line in [*judged_lines(judge_and_estimate(bench)), *share_lines(bench)]:
        say(line)


@evals.command()
@HOME
@click.argument("case")
def why(home: Path | None, case: str) -> None:
    """Say which answer and verdicts of CASE the next run would ask for again, and which input of them changed."""
    from flywheel_pipeline.flows.cells import explain_case
    from flywheel_pipeline.flows.workbench import Workbench

    case_id, lines = explain_case(Workbench.of(home), case)
    echo("\n".join([case_id, *(f"  {line}" for line in lines)]))


@evals.command()
@HOME
def estimate(home: Path | None) -> None:
    """Estimate the calls, tokens and dollars of the next evaluation of the production prompt; nothing is called."""
    from flywheel_pipeline.flows.cells import estimate_evals
    from flywheel_pipeline.flows.workbench import Workbench

    click.echo(str(estimate_evals(Workbench.of(home))))


evals.add_command(models_command)
