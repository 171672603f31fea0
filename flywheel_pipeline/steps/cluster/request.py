"""An edit of the taxonomy as a page sends it: {action, mode, …} -> the taxonomy as it is then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.steps.cluster.edit import add, find_mode, merge, move, name_group, set_status, set_text, split
from flywheel_pipeline.steps.cluster.history import Author, Reviewed

LONGEST, MOST = 2_000, 5_000
"""Characters of a text, and failures of one edit."""


@dataclass(frozen=True)
class Request:
    """One edit: what was sent, and {trace: description} of all failures, for those that are in no mode yet."""

    sent: Mapping[str, Any]
    notes: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return a text that was sent, "" if it was not.

        Raises:
            EditError: it is no text, or too long.
        """
        value = self.sent.get(name) or ""
        if not isinstance(value, str) or len(value) > LONGEST:
            raise EditError(f"{name} must be a text of at most {LONGEST:,} characters")
        return value

    def traces(self) -> list[str]:
        """Return the failures that were sent.

        Raises:
            EditError: they are no list, or too many.
        """
        value = self.sent.get("traces")
        if not isinstance(value, list) or not all(isinstance(t, str) for t in value) or not 0 < len(value) <= MOST:
            raise EditError(f"traces must be a list of 1 to {MOST:,} trace ids")
        return value

    def texts(self, known: Reviewed) -> dict[str, str]:
        """Return {trace: description} of the failures that were sent.

        Raises:
            EditError: one of them is not a labelled failure.
        """
        have = {**self.notes, **{x.trace_id: x.text for m in known.modes for x in m.members}}
        if strange := [t for t in self.traces() if t not in have]:
            raise EditError(f"no failure is labelled on the trace {strange[0]!r}")
        return {t: have[t] for t in self.traces()}


def _text_of(name: str) -> Callable[[Reviewed, Author, str, Request], Reviewed]:
    return lambda known, author, mode, r: set_text(known, author, mode, name, r.text("value"))


def _status(status: str) -> Callable[[Reviewed, Author, str, Request], Reviewed]:
    return lambda known, author, mode, r: set_status(known, author, mode, status)


EDITS: Mapping[str, Callable[[Reviewed, Author, str, Request], Reviewed]] = {
    "rename": _text_of("name"),
    "define": _text_of("definition"),
    "rate": _text_of("severity"),
    "name": lambda known, author, mode, r: name_group(known, author, mode, r.text("value")),
    "belongs": _text_of("belongs"),
    "does-not-belong": _text_of("does_not_belong"),
    "accept": _status("accepted"),
    "retire": _status("retired"),
    "merge": lambda known, author, mode, r: merge(known, author, mode, find_mode(known, r.text("into")).mode_id),
    "move": lambda known, author, mode, r: move(known, author, r.texts(known), mode),
    "split": lambda known, author, mode, r: split(
        known, author, mode, r.traces(), r.text("name"), r.text("definition")
    ),
}
"""What may be done to a mode."""


def edit_taxonomy(known: Reviewed, author: Author, request: Request) -> Reviewed:
    """Return the taxonomy after an edit.

    Raises:
        EditError: it cannot be made; the text says why.
    """
    action = request.text("action")
    if action == "add":
        return add(known, author, request.texts(known), request.text("name"), request.text("definition"))
    if action not in EDITS:
        raise EditError(f"the action must be one of {', '.join([*EDITS, 'add'])}")
    return EDITS[action](known, author, find_mode(known, request.text("mode")).mode_id, request)
