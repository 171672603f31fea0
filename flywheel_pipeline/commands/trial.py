"""`flywheel try` and `flywheel evals models`: a changed prompt on ten cases, and other models under the same prompt."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_pipeline.commands.options import HOME, say

if TYPE_CHECKING:
    from flywheel_pipeline.flows.case_details import CaseDetails, Side
    from flywheel_pipeline.flows.models import ModelReport
    from flywheel_pipeline.flows.trial import Tried
    from flywheel_pipeline.flows.workbench import Workbench
    from flywheel_pipeline.steps.evaluate import CaseChange

COLUMN = 58
"""Characters of each of two answers side by side."""
LINES = 14
"""Lines of an answer that are shown."""


@click.command("try")
@HOME
@click.option("--mode", help="The failure mode whose cases are asked: its id or name.")
@click.option("--cases", "n", type=click.IntRange(1, 100), default=10, show_default=True, help="How many of them.")
@click.option("--model", default="", help="Another model for the app; without FILE the prompt stays as it is.")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def try_command(home: Path | None, mode: str | None, n: int, model: str, file: Path | None) -> None:
    """Try the prompt in FILE on ten cases of a failure mode, beside the one in production; nothing is promoted.

    Without FILE, and without --model, your editor ($EDITOR) opens on the production prompt.
    """
    from flywheel_pipeline.flows.trial import TryRequest, try_prompt
    from flywheel_pipeline.flows.workbench import Workbench

    bench = Workbench.of(home)
    request = TryRequest(_mode(bench, mode), _text(bench, file, model), model, n)
    for line in tried_lines(try_prompt(bench, request)):
        say(line)


def _mode(bench: Workbench, given: str | None) -> str:
    from flywheel_pipeline.flows.trial import modes_to_try

    if given:
        return given
    listed = "\n".join(f"  {mode_id}  {name} ({n} cases)" for mode_id, name, n in modes_to_try(bench))
    raise click.UsageError(f"Name a failure mode: --mode. There are:\n{listed or '  none with train or dev cases'}")


def _text(bench: Workbench, file: Path | None, model: str) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8")
    production = bench.registry.production()
    if model or production is None:
        return ""
    edited = click.edit(production.text + "\n", extension=".md")
    if edited is None:
        raise click.UsageError("The editor was left without saving: there is nothing to try.")
    return edited


def tried_lines(tried: Tried) -> Iterator[str]:
    """Yield the comparison, the price of both, and every case with both answers side by side."""
    from flywheel_pipeline.commands.evals_table import rate_lines

    yield f"failure mode: {tried.mode}"
    yield from rate_lines(tried.compared)
    yield ""
    yield f"usage before  {tried.before}"
    yield f"usage after   {tried.after}"
    for change in tried.compared.found.cases:
        yield from _case(tried, tried.details[change.case_id], change)


def _case(tried: Tried, details: CaseDetails, change: CaseChange) -> Iterator[str]:
    yield ""
    yield f"== {details.case.case_id} ({details.case.split})"
    yield from textwrap.wrap(details.case.input, 2 * COLUMN + 3)[:3]
    yield f"{'before':{COLUMN}} | after"
    yield from _beside(details.before.output, details.after.output)
    both = [r for side in (details.before, details.after) for r in side.verdicts if r.label or r.error]
    for evaluator in sorted({r.evaluator for r in both}):
        counts = "" if evaluator in tried.compared.found.counting else ", not counted"
        yield f"-- {tried.compared.name_of(evaluator)}: {change.outcome(evaluator)}{counts}"
        yield from _beside(_verdict(details.before, evaluator), _verdict(details.after, evaluator))


def _verdict(side: Side, evaluator: str) -> str:
    found = [r for r in side.verdicts if r.evaluator == evaluator]
    return "; ".join(f"{r.label or 'not evaluated'}: {r.explanation or r.error or ''}".rstrip(": ") for r in found)


def _beside(left: str, right: str) -> Iterator[str]:
    columns = [_wrapped(text) for text in (left, right)]
    for one, other in zip_longest(*columns, fillvalue=""):
        yield f"{one:{COLUMN}} | {other}".rstrip()


def _wrapped(text: str) -> list[str]:
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, COLUMN) or [""]]
    more = len(lines) - LINES
    return lines if more <= 0 else [*lines[:LINES], f"… {more} more lines"]


@click.command("models")
@HOME
@click.option("--gate", is_flag=True, help="Let the gate decide on the test split; each model is a look at it.")
@click.argument("models", nargs=-1, required=True)
def models_command(home: Path | None, gate: bool, models: tuple[str, ...]) -> None:
    """Compare other MODELS with the app's present one under the production prompt: quality, price, latency.

    On the dev split, where the gate's rules are shown and decide nothing, unless --gate is given.
    """
    from flywheel_pipeline.flows.models import compare_models
    from flywheel_pipeline.flows.workbench import Workbench

    for report in compare_models(Workbench.of(home), models, gate):
        for line in model_lines(report):
            say(line)


def model_lines(report: ModelReport) -> Iterator[str]:
    """Yield the comparison with one model."""
    from flywheel_pipeline.commands.evals_table import comparison_lines
    from flywheel_pipeline.steps.evaluate import KnownReport

    yield f"== {report.model}, on the {report.split} split"
    yield from comparison_lines(report.compared, KnownReport((), (), (), {}))
    yield ""
    yield f"usage before  {report.before}"
    yield f"usage after   {report.after}"
    from flywheel_pipeline.steps.improve.gate import SAFE

    if report.gate is None:
        yield "gate          cannot tell: no judge may decide yet"
    else:
        is_decision = report.split == "test"
        decided = "" if is_decision else "by its rules on dev, which decide nothing: "
        shown = sum(g.status == SAFE for g in report.gate.guards)
        yield f"gate          {decided}{report.gate.decision.upper()}, {report.gate.reason}"
        yield f"              shown not worse by {shown} of {len(report.gate.guards)} guards"
        yield from (f"              to decide it: {need}" for need in report.gate.needs if is_decision)
        if report.gate.to_label and is_decision:
            yield "              (flips of a model are not on the labelling page: see /evals/, and consent)"
    yield f"The cases are on the page /evals/: compare {report.compared.before.version} with {report.version}."
    yield ""
