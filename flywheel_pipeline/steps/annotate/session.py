"""A labelling session: which traces an annotator sees and in which order, and the labels given so far.

What an annotator does is a list of events, only ever added to; a `Session` is the state that they lead to. So nothing
is lost, an undo is one more event, and two browser tabs cannot overwrite each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AGAIN, PICKED = "#again", "#picked"
"""The ends of the keys of items: shown a second time, and chosen by a person instead of drawn in a sample."""
REPEAT_AFTER = 30
"""Items between the two times that a trace is shown, at least where the queue is that long."""
LABEL, UNDO, SUBMIT = "label", "undo", "submit"
FIELDS = ("verdict", "code", "comment", "category", "first_failure_step", "severity")
"""The fields of a label, which are columns of a label file."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Sharing:
    """How a batch is shared among annotators: `overlap` of the traces goes to all of them, `repeated` of an annotator's
    traces comes a second time (both 0 to 1)."""

    annotators: tuple[str, ...]
    overlap: float
    repeated: float


class Session:
    """The labels of one annotator; an event costs the same however many there were before.

    An undo withdraws the latest label that stands. Where that label had been submitted, the one before it, or that the
    item is deferred, waits to be submitted in its place, dated when it was undone, so that it is the latest.
    """

    def __init__(self) -> None:
        self.pending: dict[str, Event] = {}
        """{item key: label} of what is to be submitted."""
        self._history: list[Event] = []
        self._standing: dict[str, list[Event]] = {}
        self._submitted: dict[str, Event] = {}

    def add(self, event: Event) -> None:
        """Take in the next event."""
        if event["event"] == LABEL:
            self._history.append(event)
            self._standing.setdefault(event["key"], []).append(event)
            self._wait(event["key"], event)
        elif event["event"] == UNDO and self._history:
            self._withdraw(self._history.pop()["key"], event.get("at"))
        elif event["event"] == SUBMIT:
            self._submit()

    def _wait(self, key: str, label: Event) -> None:
        self.pending.pop(key, None)
        self.pending[key] = label

    def _withdraw(self, key: str, at: Any) -> None:
        self._standing[key].pop()
        current, submitted = self.label_of(key), self._submitted.get(key)
        if current is None:
            del self._standing[key]
        if current is submitted:
            self.pending.pop(key, None)
        else:
            restored = current or {**(submitted or {}), "verdict": "defer", "code": None, "comment": None}
            self._wait(key, {**restored, "at": at})

    def _submit(self) -> None:
        for key in self.pending:
            current = self.label_of(key)
            if current is None:
                self._submitted.pop(key, None)
            else:
                self._submitted[key] = current
        self.pending = {}

    def label_of(self, key: str) -> Event | None:
        """Return the label of an item that stands."""
        labels = self._standing.get(key)
        return labels[-1] if labels else None

    @property
    def latest(self) -> Event | None:
        """Return the label that an undo would withdraw."""
        return self._history[-1] if self._history else None

    @property
    def n_labels(self) -> int:
        """Return how many items have a label."""
        return len(self._standing)

    @property
    def labels(self) -> dict[str, Event]:
        """Return {item key: label that stands}."""
        return {key: events[-1] for key, events in self._standing.items()}

    @property
    def codes(self) -> list[str]:
        """Return the codes in use, the latest first."""
        latest = (e for e in reversed(self._history) if e is self.label_of(e["key"]) and e.get("code"))
        return list(dict.fromkeys(str(e["code"]) for e in latest))


def fold_events(events: Iterable[Event]) -> Session:
    """Return the session that events lead to."""
    session = Session()
    for event in events:
        session.add(event)
    return session


def queue_of(annotator: str, trace_ids: Sequence[str], sharing: Sharing) -> list[str]:
    """Return the keys of an annotator's items: a random order that stays, and some traces a second time, later.

    The order does not follow risk: otherwise an annotator's fatigue would look like a property of risky traces.
    """
    own = [t for t in trace_ids if _is_for(annotator, t, sharing)]
    order = sorted(own, key=lambda t: _chance("order", annotator, t))
    queue = list(order)
    for t in [t for t in order if _chance("again", annotator, t) < sharing.repeated]:
        queue.insert(min(queue.index(t) + REPEAT_AFTER + 1, len(queue)), t + AGAIN)
    return queue


def _is_for(annotator: str, trace_id: str, sharing: Sharing) -> bool:
    others = sorted(sharing.annotators)
    if annotator not in others or len(others) == 1 or _chance("overlap", "", trace_id) < sharing.overlap:
        return True
    return others[int(_chance("share", "", trace_id) * len(others))] == annotator


def _chance(what: str, annotator: str, trace_id: str) -> float:
    """Return a number from 0 to 1 that is a function of the words alone."""
    digest = hashlib.sha256("\n".join((what, annotator, trace_id)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def trace_of(key: str) -> str:
    """Return the trace that an item shows."""
    return key.removesuffix(AGAIN).removesuffix(PICKED)


def is_picked(key: str) -> bool:
    """Return whether a person chose the trace of an item, so that its label stands for no other trace."""
    return key.endswith(PICKED)


def label_row(event: Event, labelled_at: str) -> dict[str, Any]:
    """Return the row of a label file that a label becomes.

    One given by a person who had their own earlier label before their eyes (`seen`) is marked like a row that was
    exported and changed, so that the two do not contradict each other where the earlier one has no date.
    """
    fields = {name: event.get(name) for name in FIELDS if event.get(name) is not None}
    key = str(event["key"])
    marks = {name: True for name, end in (("is_repeat", AGAIN), ("is_picked", PICKED)) if key.endswith(end)}
    return {
        "trace_id": trace_of(key), **fields, "annotator": event["annotator"], **marks,
        "labelled_at": labelled_at, **({"exported": f"{labelled_at} {event['seen']}"} if event.get("seen") else {}),
    }  # fmt: skip
