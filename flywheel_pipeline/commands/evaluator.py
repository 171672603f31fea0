"""`flywheel evaluator`: which evaluator judges what, how far each agrees with the expert, and new ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_pipeline.commands.options import HOME, say

if TYPE_CHECKING:
    from flywheel_pipeline.flows.evaluator_proposals import Proposal, Proposed
    from flywheel_pipeline.flows.evaluator_trials import Tried
    from flywheel_pipeline.steps.evaluate import Entry

SHOWN, WIDTH = 10, 100
"""Disagreements that `try` lists, and characters of each text."""


@click.group()
def evaluator() -> None:
    """Evaluators: list, propose and try them, accept what agrees with the expert, write one of your own."""


@evaluator.command("list")
@HOME
def list_all(home: Path | None) -> None:
    """List the evaluators of evaluators.yaml with their mode, kind, status and reason."""
    from flywheel_pipeline.flows.evaluators import read_entries_of
    from flywheel_pipeline.flows.workbench import Workbench

    entries = read_entries_of(Workbench.of(home))
    for line in entry_lines(entries):
        say(line)


@evaluator.command()
@HOME
def propose(home: Path | None) -> None:
    """Propose evaluators for every failure mode, measure them on labelled answers, add them to evaluators.yaml."""
    from flywheel_pipeline.flows.evaluator_proposals import propose_evaluators
    from flywheel_pipeline.flows.workbench import Workbench

    for line in proposed_lines(propose_evaluators(Workbench.of(home))):
        say(line)


@evaluator.command("try")
@HOME
@click.argument("name")
def try_one(home: Path | None, name: str) -> None:
    """Run the evaluator NAME on labelled answers and print how far it agrees with the expert, and what it costs."""
    from flywheel_pipeline.flows.evaluator_trials import try_evaluator
    from flywheel_pipeline.flows.workbench import Workbench

    for line in tried_lines(*try_evaluator(Workbench.of(home), name)):
        say(line)


@evaluator.command()
@HOME
@click.argument("names", nargs=-1, required=True)
def accept(home: Path | None, names: tuple[str, ...]) -> None:
    """Let the evaluators NAMES run from the next run on."""
    _decide(home, names, "accepted")


@evaluator.command()
@HOME
@click.argument("names", nargs=-1, required=True)
def reject(home: Path | None, names: tuple[str, ...]) -> None:
    """Do not run the evaluators NAMES, and do not propose them again."""
    _decide(home, names, "rejected")


@evaluator.command()
@HOME
@click.option("--mode", default="all", show_default=True, help="The failure mode that it judges, by id or name.")
@click.argument("name")
def new(home: Path | None, name: str, mode: str) -> None:
    """Write the Python function NAME and its test into evaluators/, and add it to evaluators.yaml as a proposal."""
    from flywheel_pipeline.flows.evaluator_trials import new_evaluator
    from flywheel_pipeline.flows.workbench import Workbench

    say(f"wrote {' and '.join(new_evaluator(Workbench.of(home), name, mode))}; evaluators.yaml proposes it")
    say(f"then: `flywheel evaluator try {name}`, and `flywheel evaluator accept {name}`")


@evaluator.command()
@HOME
def disagreements(home: Path | None) -> None:
    """List the golden cases on which evaluators of one failure mode disagree, under the production prompt."""
    from flywheel_pipeline.flows.evaluate import mode_disagreements
    from flywheel_pipeline.flows.workbench import Workbench

    found = mode_disagreements(Workbench.of(home))
    for d in found:
        say(f"{d.case_id}  {d.mode}: {', '.join(f'{name} {label}' for name, label in d.labels)}")
    say(f"{len(found)} cases on which evaluators of one failure mode disagree")


def _decide(home: Path | None, names: tuple[str, ...], status: str) -> None:
    from flywheel_pipeline.flows.evaluator_proposals import set_status
    from flywheel_pipeline.flows.workbench import Workbench

    bench = Workbench.of(home)
    for name in names:
        set_status(bench, name, status)
        say(f"{name}: {status}")


def entry_lines(entries: list[Entry]) -> Iterator[str]:
    """Yield two lines per entry: what it is, and why."""
    from flywheel_pipeline.steps.evaluate.proposals import shown

    for e in entries:
        decides = ", requirement" if e.requirement else ""
        about = f", for messages with {', '.join(e.when)}" if e.when else ""
        yield f"{e.name}  {e.kind} for {e.mode}, {e.status}{decides}: {shown(e.settings)}{about}"
        if e.why:
            yield f"    {e.why}"
    if not entries:
        yield "evaluators.yaml has no evaluators: every failure mode has its judge. `flywheel evaluator propose`"


def proposed_lines(found: Proposed) -> Iterator[str]:
    """Yield what was written, with its agreement, what was set aside, and what a model proposed in vain."""
    for p in found.written:
        yield f"proposed   {_proposal(p)}"
    for p in found.set_aside:
        yield f"set aside  {_proposal(p)}: it disagrees with the expert"
    for problem in found.problems:
        yield f"unusable   {problem}"
    yield (
        f"{len(found.written)} proposals added to evaluators.yaml; none runs until you accept it: "
        "`flywheel evaluator accept NAME`"
    )


def _proposal(p: Proposal) -> str:
    from flywheel_pipeline.flows.evaluator_proposals import agreement_line

    return f"{p.entry.name}: {agreement_line(p.tried) if p.tried else 'judges by a model'}"


def tried_lines(entry: Entry, tried: Tried) -> Iterator[str]:
    """Yield the agreement with its intervals, kappa beside always saying the majority, the cost, the disagreements."""
    from flywheel_pipeline.flows.evaluator_proposals import agreement_line
    from flywheel_pipeline.steps.evaluate import disagreements, what_to_label

    a, cost = tried.alignment, tried.trial.cost_per_thousand
    yield f"{entry.name}  {entry.kind} for {entry.mode}, {entry.status}: {len(tried.trial.answers)} labelled answers"
    yield f"  {agreement_line(tried)}; {a.n_broken} without a judgement, by an error"
    if a.kappa is not None and a.majority is not None:
        yield f"  kappa {a.kappa:.2f}; always saying the more frequent verdict agrees on {a.majority:.0%}"
    if (rated := tried.trial.rating_agreement()) is not None:
        kappa = "not known" if rated[1] is None else f"{rated[1]:.2f}"
        yield f"  quadratic-weighted kappa with the expert's ratings: {kappa} (n={rated[0]})"
    dollars = "cost not known" if cost is None else f"{cost:.4f} USD per 1,000 answers"
    yield f"  {dollars}, {tried.milliseconds_per_answer:.1f} ms per answer"
    yield f"  {_standing(entry, what_to_label(a, entry.name))}"
    found = disagreements(tried.trial)
    for d in found[:SHOWN]:
        yield f"  {d.trace_id}: expert {d.expert}, {entry.name} {d.evaluator}: {_short(d.reason)}"
        yield f"      {_short(d.comment or d.answer)}"
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN} more disagreements"


def _standing(entry: Entry, by_labels: str) -> str:
    if entry.requirement:
        return f"{entry.name}: decides, because it is a requirement"
    return by_labels if entry.mode != "all" else f"{entry.name}: is about all answers, and decides nothing"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
