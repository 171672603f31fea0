"""`flywheel golden`: show the golden set, review proposed cases, retire cases, exchange them with other tools."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_pipeline.commands.options import HOME, echo, say
from flywheel_pipeline.records import CRITERIA_KINDS, KINDS, PICKED_KINDS, SPLITS

if TYPE_CHECKING:
    from flywheel_pipeline.flows.workbench import Workbench
    from flywheel_pipeline.steps.golden.proposals import ProposedCase


@click.group()
def golden() -> None:
    """The golden set: what it holds and lacks, review of proposed cases, retirement, other tools."""


NONE_WAITS = "No proposed case waits for review."

REPORT = click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the report as JSON."
)


@golden.command("export")
@HOME
@click.option("--format", "form", required=True, help="The format; an unknown one lists all.")
@click.option("--split", "splits", multiple=True, type=click.Choice(SPLITS), help="Default: all.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS))
@REPORT
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export_cases(home: Path | None, file: Path, form: str, report: Path | None, **chosen: tuple[str, ...]) -> None:
    """Write the golden set to FILE as another tool reads it, and report what that tool cannot hold."""
    from flywheel_pipeline.flows.golden.exchange import export_golden
    from flywheel_pipeline.flows.workbench import Workbench

    for line in export_golden(Workbench.of(home), file, form, report, **chosen):
        say(line)


@golden.command("import")
@HOME
@click.option("--format", "form", default="auto", show_default=True, help="The format; auto goes by the content.")
@click.option("--kind", type=click.Choice(KINDS), default="synthetic", show_default=True)
@REPORT
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_cases(home: Path | None, file: Path, form: str, kind: str, report: Path | None) -> None:
    """Add the cases of FILE to the golden set; --kind applies to cases without one. Existing cases stay as they are."""
    from flywheel_pipeline.flows.golden.exchange import import_golden
    from flywheel_pipeline.flows.workbench import Workbench

    for line in import_golden(Workbench.of(home), file, form, kind, report):
        say(line)


@golden.command("add")
@HOME
@click.option("--kind", type=click.Choice(PICKED_KINDS), help="Default: as the verdict on the trace says.")
@click.option("--message", type=click.IntRange(1), help="The number of the user's message under test, as pages count.")
@click.option("--reference", help="The right answer.")
@click.option("--criteria", help="What to judge an answer by. Default: the comment of the verdict.")
@click.option("--criteria-kind", type=click.Choice(CRITERIA_KINDS))
@click.option("--document", "documents", multiple=True, metavar="ID", help="A document that a right answer needs.")
@click.option("--mode", help="The id of the failure mode. Default: the one that the trace is assigned to.")
@click.option("--check", is_flag=True, help="Only say what would be added.")
@click.argument("traces", nargs=-1, required=True, metavar="TRACE...")
def add(home: Path | None, traces: tuple[str, ...], check: bool, **asked: Any) -> None:
    """Make golden cases of traces by their ids. No quota leaves them out; the split follows from their family."""
    from flywheel_pipeline.flows.workbench import Workbench

    lines, is_complete = add_traces(Workbench.of(home), traces, check, asked)
    for line in lines:
        say(line)
    sys.exit(0 if is_complete else 1)


def add_traces(
    bench: Workbench, traces: Sequence[str], check: bool, asked: Mapping[str, Any]
) -> tuple[list[str], bool]:
    """Make golden cases of traces, or only check them; return what became of each, and whether all are cases."""
    from flywheel_pipeline.flows.golden.add import add_cases, check_cases, describe
    from flywheel_pipeline.steps.golden.pick import Wanted

    turn = None if asked["message"] is None else asked["message"] - 1
    texts = {name: asked[name] for name in ("kind", "reference", "criteria", "criteria_kind")}
    wanted = Wanted(**texts, turn=turn, expected_doc_ids=asked["documents"] or None, mode_id=asked["mode"])
    made = (check_cases if check else add_cases)(bench, dict.fromkeys(traces, wanted))
    return [line for m in made for line in describe(m)], not any(m.problem for m in made)


@golden.command()
@HOME
@click.option("--version", help="A version, or the beginning of one. Default: what is evaluated now.")
def show(home: Path | None, version: str | None) -> None:
    """Print composition, gaps and growth, with all versions."""
    from flywheel_pipeline.flows.workbench import Workbench

    for line in describe(Workbench.of(home), version):
        say(line)


def describe(bench: Workbench, version: str | None) -> Iterator[str]:
    """Yield what the golden set, or a version of it, is made of, what it lacks, and how it grew.

    Raises:
        HomeError: there is no such version.
    """
    from flywheel_pipeline.flows.golden.review import look_at_golden_set
    from flywheel_pipeline.steps.golden import active, growth_table, version_of

    look = look_at_golden_set(bench, version)
    live = active(look.cases)
    retired = sum(c.status == "retired" for c in look.cases)
    guards = sum(c.stage == "regression" for c in live)
    pinned = " (pinned by golden.version)" if look.pinned else ""
    yield f"version {version_of(live)}{pinned}: {len(live)} cases, {guards} of them regression; {retired} retired"
    yield (
        f"{len(look.pending.waiting)} proposed cases wait for `flywheel golden review`; "
        f"{len(look.pending.rejected)} rejected"
    )
    yield from _table(("mode", "kind", *SPLITS, "all"), look.composed)
    yield from (f"gap: {gap}" for gap in look.gaps)
    yield from _table(
        ("version", "added under", "added", "retired", "graduated", "active"), growth_table(look.versions)
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    cells = [["".join(c if c.isprintable() else " " for c in str(v)) for v in row] for row in (names, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(names))]
    numeric = [all(isinstance(row[k], int) for row in rows) for k in range(len(names))]
    return [
        "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True)).rstrip()
        for row in cells
    ]


@golden.command()
@HOME
@click.option("--list", "listed", is_flag=True, help="Print the cases that wait, and decide nothing.")
@click.option("--accept", multiple=True, metavar="ID", help="Accept a case, or `all`; may be repeated.")
@click.option("--reject", multiple=True, metavar="ID", help="Reject a case, or `all`; may be repeated.")
@click.option("--reason", help="Why, for the file.")
def review(home: Path | None, listed: bool, reason: str | None, **ids: Any) -> None:
    """Decide on the cases that a model or a template proposed: one by one, or by id."""
    from flywheel_pipeline.flows.workbench import Workbench

    bench = Workbench.of(home)
    if listed:
        echo("\n\n".join(list_pending(bench)) or NONE_WAITS)
    elif ids["accept"] or ids["reject"]:
        say(review_by_id(bench, reason=reason, **ids))
    else:
        review_one_by_one(bench, lambda _: ask_to_decide(), say)


def ask_to_decide() -> str:
    """Ask what to do with a proposed case; return accept, reject, skip or quit, of which the first letter is enough."""
    words = ("accept", "reject", "skip", "quit")
    choice = click.Choice([*words, *(w[0] for w in words)])
    answer = click.prompt("[a]ccept  [r]eject  [s]kip  [q]uit", type=choice, show_choices=False)
    return next(w for w in words if w[0] == answer[0])


def list_pending(bench: Workbench) -> list[str]:
    """Return the proposed cases that wait, as a person reads them."""
    from flywheel_pipeline.flows.golden.review import pending_cases
    from flywheel_pipeline.steps.golden.proposals import describe_proposal

    return [describe_proposal(p) for p in pending_cases(bench).waiting]


def review_by_id(bench: Workbench, accept: Sequence[str], reject: Sequence[str], reason: str | None) -> str:
    """Record decisions on proposed cases; return what was decided.

    Raises:
        HomeError: an id names no waiting proposal, or several.
    """
    from flywheel_pipeline.flows.golden.review import decide

    accepted, rejected = decide(bench, accept, reject, reason)
    return f"{accepted} accepted, {rejected} rejected. Accepted cases join the golden set with the next `flywheel run`."


def review_one_by_one(bench: Workbench, choose: Callable[[ProposedCase], str], say: Callable[[str], None]) -> None:
    """Show the waiting cases one after the other; every decision is on the disk before the next case.

    `choose` returns accept, reject, skip or quit.
    """
    from flywheel_pipeline.flows.golden.review import pending_cases
    from flywheel_pipeline.steps.golden.proposals import describe_proposal

    waiting = pending_cases(bench).waiting
    if not waiting:
        say(NONE_WAITS)
    for proposal in waiting:
        say(describe_proposal(proposal))
        choice = choose(proposal)
        if choice == "quit":
            return
        if choice in ("accept", "reject"):
            mine = [proposal.case_id]
            say(review_by_id(bench, mine if choice == "accept" else [], mine if choice == "reject" else [], None))


@golden.command()
@HOME
@click.option("--reason", required=True, help="Why the case is no longer evaluated.")
@click.argument("case_id")
def retire(home: Path | None, case_id: str, reason: str) -> None:
    """Retire a case: it stays in the file and in old versions, and is no longer evaluated."""
    from flywheel_pipeline.flows.golden.review import retire
    from flywheel_pipeline.flows.workbench import Workbench

    retired, version = retire(Workbench.of(home), case_id, reason)
    click.echo(f"{retired} is retired; the set is {version} now, old versions stay as they were.")


@golden.command()
@HOME
@click.option("--off", is_flag=True, help="The cases are critical no more.")
@click.argument("case_ids", metavar="CASE…", nargs=-1, required=True)
def critical(home: Path | None, case_ids: tuple[str, ...], off: bool) -> None:
    """Mark cases that a prompt must pass: the gate rejects a candidate that fails one, however good it is otherwise."""
    from flywheel_pipeline.flows.golden.review import mark_critical
    from flywheel_pipeline.flows.workbench import Workbench

    changed, version = mark_critical(Workbench.of(home), case_ids, not off)
    state = "no longer critical" if off else "critical"
    click.echo(f"{', '.join(changed) or 'No other case'} is {state}; the set is {version} now. The next run uses it.")


@golden.command()
@HOME
def dimensions(home: Path | None) -> None:
    """Have a model propose what questions differ in (feature, persona, scenario), for review in `golden/`."""
    from flywheel_pipeline.flows.golden.review import propose_dimensions
    from flywheel_pipeline.flows.workbench import Workbench

    path = propose_dimensions(Workbench.of(home))
    click.echo(
        f"{path}: edit the values and set `status: accepted`; the next run writes questions for their combinations."
    )
