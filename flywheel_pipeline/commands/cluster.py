"""`flywheel taxonomy`: look at the failure modes, edit them, decide proposals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flywheel_pipeline.commands.options import HOME, echo, say

BY = click.option("--by", help="Who decides. Default: annotate.arbiter.")
WHY = click.option("--why", default="", help="Why, for the history.")
NEXT = "The next `flywheel run`, or materializing failure_taxonomy, applies it."


@click.group()
def taxonomy() -> None:
    """Failure modes: what to fix first, and their review. MODE is an id or a name."""


def _edit(home: Path | None, by: str | None, **sent: Any) -> None:
    from flywheel_pipeline.flows.cluster.review import Review

    Review.of(home).edit(by, {k: v for k, v in sent.items() if v})
    say(f"Done. {NEXT}")


def _edit_command(command: Callable[..., None]) -> click.Command:
    """Return a command of the group with the options that every edit has."""
    return taxonomy.command()(HOME(BY(WHY(command))))


@taxonomy.command()
@HOME
@click.option("--history", "n_changes", type=click.IntRange(0), default=5, help="Changes to show, the latest first.")
def show(home: Path | None, n_changes: int) -> None:
    """Print the modes in the order to fix them, and how complete they are."""
    from flywheel_pipeline.commands.taxonomy_table import tell_taxonomy
    from flywheel_pipeline.flows.cluster.review import Review

    for line in tell_taxonomy(Review.of(home), n_changes):
        say(line)


@taxonomy.command()
@HOME
@BY
@click.option("--accept", "accepted", multiple=True, metavar="ID", help="Do proposals.")
@click.option("--reject", "rejected", multiple=True, metavar="ID", help="Reject a proposal; it is not made again.")
def review(home: Path | None, by: str | None, accepted: tuple[str, ...], rejected: tuple[str, ...]) -> None:
    """Review the groups that words alone have found, then what the last run proposes; without a terminal, print it."""
    from flywheel_pipeline.flows.cluster.review import Review

    reviewer = Review.of(home)
    for proposal_id in accepted:
        say(f"Accepted: {reviewer.accept(by, proposal_id).what}. {NEXT}")
    for proposal_id in rejected:
        echo(f"Rejected: {reviewer.reject(by, proposal_id).what}.")
    if not accepted and not rejected:
        _walk(reviewer, by)


def is_terminal() -> bool:
    """Return whether a person can be asked."""
    return sys.stdin.isatty()


def _walk(review: Any, by: str | None) -> None:
    from flywheel_pipeline.commands.taxonomy_review import GroupReview, describe_group, review_groups

    session = GroupReview(review, by)
    if is_terminal() and not review_groups(session):
        return
    for group in session.waiting() if not is_terminal() else []:
        echo("\n".join([f"{group.name} ({len(group.members)} failures)", *describe_group(group)]))
    _walk_proposals(review, by)


def _walk_proposals(review: Any, by: str | None) -> None:
    from flywheel_pipeline.commands.taxonomy_table import NO_MODES, tell_proposal

    opened = [p for p in review.look().proposals if p.status == "open"]
    if not opened:
        say(NO_MODES if not review.look().known.modes else "Nothing is proposed.")
    for proposal in opened:
        echo("\n".join(tell_proposal(proposal)))
        if not is_terminal():
            continue
        word = click.prompt("accept, reject, skip or quit", type=click.Choice(["a", "r", "s", "q"]), default="s")
        if word == "q":
            return
        if word != "s":
            (review.accept if word == "a" else review.reject)(by, proposal.proposal_id)


@_edit_command
@click.argument("mode")
@click.argument("name")
def rename(home: Path | None, by: str | None, why: str, mode: str, name: str) -> None:
    """Rename MODE; its id stays."""
    _edit(home, by, action="rename", mode=mode, value=name, why=why)


@_edit_command
@click.argument("mode")
@click.argument("definition")
@click.option("--belongs", help="What counts although one might doubt it.")
@click.option("--does-not-belong", help="What does not count although it is similar.")
def define(home: Path | None, by: str | None, why: str, mode: str, definition: str, **limits: str | None) -> None:
    """Define in one sentence when a failure belongs to MODE; judges read it, and what does not belong."""
    _edit(home, by, action="define", mode=mode, value=definition, why=why)
    for name, value in limits.items():
        if value:
            _edit(home, by, action=name.replace("_", "-"), mode=mode, value=value, why=why)


@_edit_command
@click.argument("mode")
@click.argument("severity", type=click.Choice(["low", "medium", "high", "none"]))
def rate(home: Path | None, by: str | None, why: str, mode: str, severity: str) -> None:
    """Set the severity of MODE; `none` takes it from the labels."""
    _edit(home, by, action="rate", mode=mode, value="" if severity == "none" else severity, why=why)


@_edit_command
@click.argument("traces", nargs=-1, required=True)
@click.option("--to", "mode", required=True, help="The mode that they belong to.")
def move(home: Path | None, by: str | None, why: str, traces: tuple[str, ...], mode: str) -> None:
    """Move the failures of TRACES into a mode; no run moves them again."""
    _edit(home, by, action="move", mode=mode, traces=list(traces), why=why)


@_edit_command
@click.argument("mode")
@click.option("--into", required=True, help="The mode that remains.")
def merge(home: Path | None, by: str | None, why: str, mode: str, into: str) -> None:
    """Merge MODE into another; its id stands for that one from then on."""
    _edit(home, by, action="merge", mode=mode, into=into, why=why)


@_edit_command
@click.argument("mode")
@click.argument("traces", nargs=-1, required=True)
@click.option("--name", required=True, help="The name of the new mode.")
def split(home: Path | None, by: str | None, why: str, mode: str, traces: tuple[str, ...], name: str) -> None:
    """Move the failures of MODE on TRACES into a new mode."""
    _edit(home, by, action="split", mode=mode, traces=list(traces), name=name, why=why)


@_edit_command
@click.argument("mode")
def accept(home: Path | None, by: str | None, why: str, mode: str) -> None:
    """Accept a provisional MODE, or open a retired one again."""
    _edit(home, by, action="accept", mode=mode, why=why)


@_edit_command
@click.argument("mode")
def retire(home: Path | None, by: str | None, why: str, mode: str) -> None:
    """Stop assigning failures to MODE; it keeps those it has, and its golden cases."""
    _edit(home, by, action="retire", mode=mode, why=why)
