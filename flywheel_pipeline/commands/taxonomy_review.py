"""`flywheel taxonomy review`: turn groups of failures into failure modes, one key at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from flywheel_pipeline.commands.options import echo
from flywheel_pipeline.errors import EditError
from flywheel_pipeline.flows.cluster.review import Review
from flywheel_pipeline.steps.cluster import Mode
from flywheel_pipeline.steps.cluster.modes import SHOWN

KEYS = "[a]ccept  [r]ename  [m]erge  [s]plit  [l]ist all  [u]ndo  [n]ext  [q]uit"


def describe_group(mode: Mode, most: int | None = SHOWN) -> list[str]:
    """Return the different comments of a group, numbered, with how many failures each of them describes."""
    counts = Counter(x.text for x in mode.members)
    texts = list(dict.fromkeys(x.text for x in mode.members))
    lines = [f"  {k}. {t}" + (f" ({counts[t]})" if counts[t] > 1 else "") for k, t in enumerate(texts[:most], 1)]
    left = len(texts) - len(lines)
    return [*lines, f"  … and {left} more comments (l)"] if left else lines


@dataclass
class GroupReview:
    """One person's review of the groups.

    Attributes:
        skipped: the groups that were left for later.
        done: for every decision the group that was skipped, or None where the taxonomy was edited; for undo.
    """

    review: Review
    by: str | None
    skipped: list[str] = field(default_factory=list)
    done: list[str | None] = field(default_factory=list)

    def waiting(self) -> list[Mode]:
        """Return the groups that are still to be reviewed, the largest first."""
        groups = [m for m in self.review.look().known.modes if m.is_group and m.mode_id not in self.skipped]
        return sorted(groups, key=lambda m: -len(m.members))

    def edit(self, **sent: Any) -> None:
        """Make one edit.

        Raises:
            EditError: it cannot be made.
        """
        self.review.edit(self.by, sent, self.review.look().version)
        self.done.append(None)

    def skip(self, mode_id: str) -> None:
        """Leave a group for later."""
        self.skipped.append(mode_id)
        self.done.append(mode_id)

    def undo(self) -> str:
        """Undo the last decision of this review; return what happened."""
        if not self.done:
            return "Nothing to undo."
        skipped = self.done.pop()
        if skipped is None:
            self.review.undo(self.review.look().version)
        else:
            self.skipped.remove(skipped)
        return "Undone."


def review_groups(session: GroupReview) -> bool:
    """Ask about every group until none is left; return False if the person quits."""
    while True:
        waiting = session.waiting()
        if not waiting:
            if not session.done or not _undone(session):
                return True
            continue
        group = waiting[0]
        echo(f"\n{group.name}  ({len(group.members)} failures; {len(waiting)} groups to review)")
        echo("\n".join(describe_group(group)))
        echo(KEYS)
        key = click.getchar()
        if key == "q":
            return False
        try:
            echo(_decide(session, group, key))
        except EditError as error:
            echo(f"{error}.")


def _undone(session: GroupReview) -> bool:
    """Offer to undo the last decision when no group is left; return whether the person did."""
    echo("\nNo group is left. [u]ndo the last decision; any other key goes on")
    if click.getchar() != "u":
        return False
    echo(session.undo())
    return True


def _decide(session: GroupReview, group: Mode, key: str) -> str:
    """Do what a key asks for; return what was done.

    Raises:
        EditError: it cannot be done.
    """
    actions: Mapping[str, Any] = {"a": _accept, "r": _rename, "m": _merge, "s": _split, "l": _list, "n": _skip}
    if key == "u":
        return session.undo()
    return str(actions[key](session, group)) if key in actions else f"{key!r} is not one of the keys."


def _accept(session: GroupReview, group: Mode) -> str:
    session.edit(action="accept", mode=group.mode_id)
    return f"Accepted: {group.name}."


def _rename(session: GroupReview, group: Mode) -> str:
    name = click.prompt("Name (verb and object, at most six words)", default="", show_default=False).strip()
    if not name:
        return "Not renamed."
    session.edit(action="name", mode=group.mode_id, value=name)
    return f"Accepted as: {name}."


def _merge(session: GroupReview, group: Mode) -> str:
    others = [m for m in session.review.look().known.modes if m.is_live and m.mode_id != group.mode_id]
    echo("\n".join(f"  {k}. {m.name} ({len(m.members)} failures)" for k, m in enumerate(others, 1)))
    (number,) = _numbers("Into which", len(others), 1) or (0,)
    if not number:
        return "Not merged."
    session.edit(action="merge", mode=group.mode_id, into=others[number - 1].mode_id)
    return f"Merged into: {others[number - 1].name}."


def _split(session: GroupReview, group: Mode) -> str:
    echo("\n".join(describe_group(group, None)))
    texts = list(dict.fromkeys(x.text for x in group.members))
    chosen = {texts[n - 1] for n in _numbers("Numbers of the comments to split off", len(texts), len(texts))}
    if not chosen:
        return f"Not split: give numbers from 1 to {len(texts)}, with spaces between them."
    name = click.prompt("Name of the new mode").strip()
    traces = [x.trace_id for x in group.members if x.text in chosen]
    session.edit(action="split", mode=group.mode_id, traces=traces, name=name)
    return f"Split off: {name}."


def _list(session: GroupReview, group: Mode) -> str:
    return "\n".join(describe_group(group, None))


def _skip(session: GroupReview, group: Mode) -> str:
    session.skip(group.mode_id)
    return "Left for later."


def _numbers(question: str, highest: int, most: int) -> list[int]:
    """Ask for numbers from 1 to `highest`; none if the answer is empty or anything else."""
    words = str(click.prompt(question, default="", show_default=False)).replace(",", " ").split()
    numbers = [int(w) for w in words if w.isascii() and w.isdigit()]
    return numbers if len(numbers) == len(words) <= most and all(1 <= n <= highest for n in numbers) else []
