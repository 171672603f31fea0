"""`flywheel judge`: improve a judge, and compare its model with another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_pipeline.commands.options import HOME, say

if TYPE_CHECKING:
    from flywheel_pipeline.flows.judge_measuring import MeasuredJudge
    from flywheel_pipeline.flows.judge_tuning import ModelComparison, TunedJudge
    from flywheel_pipeline.stats import Recall


@click.group()
def judge() -> None:
    """Judges: a better criterion for one, or another model. MODE is a failure mode, by id or name."""


@judge.command()
@HOME
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="Criteria to ask a model for.")
@click.argument("mode")
def tune(home: Path | None, rounds: int, mode: str) -> None:
    """Look for a better criterion for the judge of MODE; the best on dev becomes a proposal that a person decides."""
    from flywheel_pipeline.flows.judge_tuning import tune_mode
    from flywheel_pipeline.flows.workbench import Workbench

    for line in tuned_lines(tune_mode(Workbench.of(home), mode, rounds)):
        say(line)


@judge.command()
@HOME
@click.option("--model", required=True, help="The other model, as in `models.judge`.")
@click.option("--api-base", help="Its server. Default: that of `models.judge`.")
@click.argument("mode", required=False)
def compare(home: Path | None, model: str, api_base: str | None, mode: str | None) -> None:
    """Compare another model with the judges' own (of MODE, or all) on the same labelled answers; decides nothing."""
    from flywheel_pipeline.flows.judge_tuning import compare_models
    from flywheel_pipeline.flows.workbench import Workbench

    for found in compare_models(Workbench.of(home), model, api_base, mode):
        for line in comparison_lines(found):
            say(line)


@judge.command()
@HOME
@click.argument("mode")
def measure(home: Path | None, mode: str) -> None:
    """Measure the judge of MODE on labelled answers: may it decide, and what to label next; no table is changed."""
    from flywheel_pipeline.flows.judge_measuring import measure_judge
    from flywheel_pipeline.flows.workbench import Workbench

    for line in measured_lines(measure_judge(Workbench.of(home), mode)):
        say(line)


def measured_lines(found: MeasuredJudge) -> Iterator[str]:
    """Yield the status of a judge, its agreement with the expert, and what would let it decide."""
    from collections import Counter

    from flywheel_pipeline.steps.evaluate import what_to_label

    row, asked = found.alignment, [v for v in found.verdicts if v.purpose == "alignment"]
    yield f"Judge of “{found.name}” ({found.model}): {row.status}"
    yield f"  {what_to_label(row, found.name)}"
    labels = Counter(v.label or "no verdict" for v in asked)
    yield f"  {len(asked)} verdicts: {', '.join(f'{n} {label}' for label, n in sorted(labels.items()))}"
    problem = next((v.error for v in asked if v.error), None)
    if problem:
        yield f"  no verdict, for example: {problem}"
    for name, share, n in (
        ("asked again", row.repeat_agreement, row.n_repeated),
        ("in reverse order", row.swap_agreement, row.n_swapped),
    ):
        if n:
            yield f"  {name}, it gives the same label to {share:.0%} of {n}"


def tuned_lines(found: TunedJudge) -> Iterator[str]:
    """Yield what was tried, on which labels, and what is proposed."""
    yield f"Judge of “{found.name}”"
    yield f"  {found.labels}"
    for attempt in found.tuned.attempts:
        yield f"  {attempt}"
    if found.note:
        yield f"  {found.note}"
    if found.proposal is None:
        tried = "Nothing that was tried is better on dev" if found.tuned.attempts else "There was nothing to try"
        yield f"{tried}: nothing is proposed."
        return
    yield f"Proposed: {found.proposal.what}"
    yield f"  {found.proposal.why}"
    yield f"  `flywheel taxonomy review --accept {found.proposal.proposal_id}` accepts it."


def comparison_lines(found: ModelComparison) -> Iterator[str]:
    """Yield the agreement of two models with each other and with the expert."""
    from flywheel_pipeline.steps.evaluate.judge_change import OPTIONS

    old, new = found.old[0], found.new[0]
    yield f"Judge of “{found.name}”: {old} (rows) and {new} (columns) on {found.n} labelled answers"
    yield f"  {'':8}" + "".join(f"{label:>8}" for label in OPTIONS)
    for label, counts in found.matrix.rows():
        yield f"  {label:8}" + "".join(f"{n:8}" for n in counts)
    agreement = found.matrix.agreement
    yield f"  same label: {agreement if agreement.n else 'not known: no answer has verdicts of both'}"
    for name, error in (found.old, found.new):
        yield f"  {name}: catches {_shown(error.fails)} of the fails, recognises {_shown(error.passes)} of the passes"
    dropped = f"; {found.change.n_dropped} without a verdict of both left out" if found.change.n_dropped else ""
    yield f"  change: {found.change}{dropped}"
    if found.problem:
        yield f"  {new} gave no verdict: {found.problem}"


def _shown(recall: Recall) -> str:
    return str(recall.rate) if recall.n else "not known (n=0)"
