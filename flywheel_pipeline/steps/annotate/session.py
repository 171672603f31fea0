"""A sitting: which traces an annotator sees and in which order, and what came of it so far.

What an annotator does is a list of events, only ever added to; `fold_events` makes the present state of it. So nothing
that was said is lost, an undo is one more event, and two browser tabs can not overwrite each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AGAIN = "#again"
"""What the key of an item that is shown a second time ends with."""
REPEAT_AFTER = 30
"""Items between the two times that a trace is shown, at least where the queue is that long."""
LABEL, UNDO, HAND_IN = "label", "undo", "hand_in"
FIELDS = ("verdict", "code", "comment", "category", "first_failure_step", "severity")
"""What a label says; the columns of a label file."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Sharing:
    """How a batch is shared among annotators: `overlap` of the traces goes to all of them, `repeated` of an annotator's
    traces comes a second time (both 0 to 1)."""

    annotators: tuple[str, ...]
    overlap: float
    repeated: float


@dataclass
class Sitting:
    """What an annotator said so far: {item key: label}, and which of it was not handed in yet, in order."""

    labels: dict[str, Event] = field(default_factory=dict)
    pending: dict[str, Event] = field(default_factory=dict)

    @property
    def codes(self) -> list[str]:
        """Return the codes used so far, the latest first."""
        told = [str(e["code"]) for e in reversed(self.labels.values()) if e.get("code")]
        return list(dict.fromkeys(told))


def queue_of(annotator: str, trace_ids: Sequence[str], sharing: Sharing) -> list[str]:
    """Return the keys of an annotator's items: a random order that stays, and some traces a second time, later.

    The order does not follow risk, so that an annotator's getting tired does not look like a property of risky traces.
    """
    own = [t for t in trace_ids if _is_for(annotator, t, sharing)]
    order = sorted(own, key=lambda t: _chance("order", annotator, t))
    queue = list(order)
    for t in [t for t in order if _chance("again", annotator, t) < sharing.repeated]:
        queue.insert(min(queue.index(t) + REPEAT_AFTER + 1, len(queue)), t + AGAIN)
    return queue


def _is_for(annotator: str, trace_id: str, sharing: Sharing) -> bool:
    others = sorted(sharing.annotators)
    if annotator not in others or _chance("overlap", "", trace_id) < sharing.overlap:
        return True
    return others[int(_chance("share", "", trace_id) * len(others))] == annotator


def _chance(what: str, annotator: str, trace_id: str) -> float:
    """Return a number from 0 to 1 that is always the same for the same words."""
    digest = hashlib.sha256("\n".join((what, annotator, trace_id)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def trace_of(key: str) -> str:
    """Return the trace that an item shows."""
    return key.removesuffix(AGAIN)


def fold_events(events: Iterable[Event]) -> Sitting:
    """Return what an annotator's events come to.

    An undo takes the latest label back that was not taken back yet; where it had been handed in, what was said before
    it, or that it is deferred, waits to be handed in in its place. A hand-in tells how many events it had seen
    (`n_events`): what another process kept at the same moment is not lost.
    """
    told = list(events)
    history = _standing(told)
    last = next((e for e in reversed(told) if e["event"] == HAND_IN), None)
    handed = {e["key"]: e for e in _standing(told[: last["n_events"]])} if last else {}
    labels: dict[str, Event] = {}
    for event in history:
        labels.pop(event["key"], None)
        labels[event["key"]] = event
    pending = {key: e for key, e in labels.items() if handed.get(key) is not e}
    taken_back = {key: {**e, "verdict": "defer", "code": None, "comment": None} for key, e in handed.items()}
    pending |= {key: e for key, e in taken_back.items() if key not in labels}
    return Sitting(labels, pending)


def _standing(events: Iterable[Event]) -> list[Event]:
    """Return the labels that were not taken back, in order."""
    history: list[Event] = []
    for event in events:
        if event["event"] == LABEL:
            history.append(event)
        elif event["event"] == UNDO and history:
            history.pop()
    return history


def label_row(event: Event, labelled_at: str) -> dict[str, Any]:
    """Return the row of a label file that an event becomes."""
    said = {name: event.get(name) for name in FIELDS if event.get(name) is not None}
    again = {"is_repeat": True} if str(event["key"]).endswith(AGAIN) else {}
    return {
        "trace_id": trace_of(event["key"]), **said, "annotator": event["annotator"], **again,
        "labelled_at": labelled_at,
    }  # fmt: skip
