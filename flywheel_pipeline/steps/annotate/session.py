"""A labelling session: which traces an annotator sees, in which order, and the labels given so far.

An annotator's actions are an append-only list of events; `fold_events` computes the present state from it. So no label
is lost, an undo is one more event, and two browser tabs cannot overwrite each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AGAIN = "#again"
"""The suffix of the key of an item that is shown a second time."""
REPEAT_AFTER = 30
"""The least number of items between the two times that a trace is shown, where the queue is long enough."""
LABEL, UNDO, SUBMIT = "label", "undo", "hand_in"
FIELDS = ("verdict", "code", "comment", "category", "first_failure_step", "severity")
"""The fields of a label, which are columns of a label file."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Sharing:
    """How a batch is shared: `overlap` of the traces goes to every annotator, `repeated` of an annotator's traces comes
    a second time (both 0 to 1)."""

    annotators: tuple[str, ...]
    overlap: float
    repeated: float


@dataclass
class Session:
    """The labels that an annotator gave, by item key, and those that are not submitted yet, in order."""

    labels: dict[str, Event] = field(default_factory=dict)
    pending: dict[str, Event] = field(default_factory=dict)

    @property
    def codes(self) -> list[str]:
        """Return the codes used so far, the latest first."""
        codes = [str(e["code"]) for e in reversed(self.labels.values()) if e.get("code")]
        return list(dict.fromkeys(codes))


def queue_of(annotator: str, trace_ids: Sequence[str], sharing: Sharing) -> list[str]:
    """Return the keys of an annotator's items in a random but fixed order, with some traces a second time, later.

    The order does not follow risk, so that an annotator's fatigue does not look like a property of risky traces.
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
    """Return a number from 0 to 1 that depends only on the arguments."""
    digest = hashlib.sha256("\n".join((what, annotator, trace_id)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def trace_of(key: str) -> str:
    """Return the trace that an item shows."""
    return key.removesuffix(AGAIN)


def fold_events(events: Iterable[Event]) -> Session:
    """Return the state that an annotator's events lead to.

    An undo removes the latest label that still stands. Where that label had been submitted, the label before it, or a
    deferral, becomes pending in its place. A submission records how many events it covers (`n_events`), so that a label
    saved by another process at the same moment stays pending.
    """
    listed = list(events)
    history = _standing(listed)
    last = next((e for e in reversed(listed) if e["event"] == SUBMIT), None)
    submitted = {e["key"]: e for e in _standing(listed[: last["n_events"]])} if last else {}
    labels: dict[str, Event] = {}
    for event in history:
        labels.pop(event["key"], None)
        labels[event["key"]] = event
    pending = {key: e for key, e in labels.items() if submitted.get(key) is not e}
    undone = {key: {**e, "verdict": "defer", "code": None, "comment": None} for key, e in submitted.items()}
    pending |= {key: e for key, e in undone.items() if key not in labels}
    return Session(labels, pending)


def _standing(events: Iterable[Event]) -> list[Event]:
    """Return the labels that were not undone, in order."""
    history: list[Event] = []
    for event in events:
        if event["event"] == LABEL:
            history.append(event)
        elif event["event"] == UNDO and history:
            history.pop()
    return history


def label_row(event: Event, labelled_at: str) -> dict[str, Any]:
    """Return the row of a label file that an event becomes."""
    given = {name: event.get(name) for name in FIELDS if event.get(name) is not None}
    again = {"is_repeat": True} if str(event["key"]).endswith(AGAIN) else {}
    return {
        "trace_id": trace_of(event["key"]), **given, "annotator": event["annotator"], **again,
        "labelled_at": labelled_at,
    }  # fmt: skip
