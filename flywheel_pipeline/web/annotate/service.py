"""What the labelling page asks for and does: queues, traces, labels, drafts, submissions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flywheel_pipeline.atomic_write import replace_text, sync_folder
from flywheel_pipeline.flows.flips import Flip
from flywheel_pipeline.steps.annotate import AGAIN, PICKED, Event, Session, Sharing, is_picked, label_row, trace_of
from flywheel_pipeline.web.annotate.badges import badges_of
from flywheel_pipeline.web.annotate.conversation import Conversation
from flywheel_pipeline.web.annotate.drafts import Drafts
from flywheel_pipeline.web.annotate.flips import (
    OUTLINE,
    Compared,
    flip_rows,
    is_flip,
    read_flip_label,
    read_verdicts,
    show_flip,
    show_verdicts,
)
from flywheel_pipeline.web.annotate.journal import Journal
from flywheel_pipeline.web.annotate.labels import InvalidLabelError, read_draft, read_label
from flywheel_pipeline.web.annotate.render import read_piece, render_piece
from flywheel_pipeline.web.annotate.tables import Conversations, Source, Tables

CODES_AFTER = 20
"""Labels after which earlier codes are offered: before that they would lead the eye."""
MAX_CODES = 200
DRAFTED = ("before", "after", "code", "comment", "category", "severity", "first_failure_step")
ANSWERED = "the gate does not ask about this case any more: reload the page"
GONE = "this trace is not in your queue: reload the page"


class NotThereError(LookupError):
    """A trace that is not captured or may not be labelled, or a message that is in no trace."""


@dataclass(frozen=True)
class People:
    """Who labels, the arbiter first, how batches are shared, and after how many new labels they are submitted."""

    sharing: Sharing
    submit_after: int | None = None


@dataclass(frozen=True)
class _Own:
    """The files of one annotator."""

    journal: Journal
    drafts: Drafts


class LabellingService:
    """The state behind the page: nothing but files, and what was read of them before."""

    def __init__(self, labels: Path, source: Source, people: People) -> None:
        self.annotators = list(people.sharing.annotators)
        self.conversations = Conversations(source.traces)
        self._submit_after = people.submit_after
        self._labels, self._keep_flips = labels, source.keep_flips
        self._tables = Tables(source, people.sharing)
        self._own = {name: _Own(Journal(labels, name), Drafts(labels, name)) for name in self.annotators}

    def refresh(self) -> None:
        """Forget what was read if a table has changed since."""
        if self._tables.refresh():
            self.conversations.forget()

    def queue(self, annotator: str) -> dict[str, Any]:
        """Return an annotator's items in order, batch by batch, their verdicts, and what the form offers.

        `batches` is a list of [name, number of items], `keys` the items of all of them in the same order.
        """
        self.refresh()
        own, queue, filed = self._own[annotator], self._tables.queue(annotator), self._tables.filed(annotator)
        sizes: dict[str, int] = {}
        for batch in queue.values():
            sizes[batch] = sizes.get(batch, 0) + 1
        with own.journal.session() as session:
            on_file = {**filed, **self._tables.filed_flips()}
            labels = {key: label for key in queue if (label := _label(session, on_file, key))}
            return {
                **self._form(annotator, session, labels),
                "batches": list(sizes.items()),
                "keys": list(queue),
                "verdicts": {key: label["verdict"] for key, label in labels.items()},
                "drafts": list(own.drafts.all()),
            }

    def form(self, annotator: str) -> dict[str, Any]:
        """Return who labels, how many labels there are and wait to be submitted, and what the form offers."""
        self.refresh()
        with self._own[annotator].journal.session() as session:
            return self._form(annotator, session, session.labels)

    def _form(self, annotator: str, session: Session, labels: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        categories = [str(e["category"]) for e in labels.values() if e.get("category")]
        return {
            "annotator": annotator,
            "annotators": self.annotators,
            "n_pending": len(session.pending),
            "n_labels": session.n_labels,
            "codes": session.codes[:MAX_CODES] if session.n_labels >= CODES_AFTER else [],
            "modes": list(dict.fromkeys([*self._tables.modes(), *categories])),
        }

    def open(self, annotator: str, trace_id: str) -> dict[str, Any]:
        """Return a trace that the annotator came upon, as `item` does.

        Raises:
            NotThereError: it is not captured.
        """
        self.refresh()
        return self.item(annotator, self.key_of(annotator, trace_id))

    def item(self, annotator: str, key: str) -> dict[str, Any]:
        """Return one trace as HTML, what is known of it, and the annotator's label and draft.

        Raises:
            NotThereError: it is not in the annotator's queue.
        """
        if is_flip(key):
            return self._flip_item(annotator, key)
        trace_id, own = trace_of(key), self._own[annotator]
        if not self._may_label(annotator, key) and trace_id not in self._tables.sampled():
            raise NotThereError(GONE)
        keys = list(self._tables.queue(annotator))
        at = keys.index(key) if key in keys else len(keys)
        try:
            trace = self.conversations.trace(trace_id, [trace_of(k) for k in keys[at : at + 30]])
        except LookupError as error:
            raise NotThereError(str(error)) from None
        conversation = self.conversations.conversation(trace_id)
        with own.journal.session() as session:
            label = _label(session, self._tables.filed(annotator), key)
        return {
            "key": key,
            "trace_id": trace_id,
            "reason": self._tables.reason(annotator, key),
            "picked": is_picked(key),
            "badges": badges_of(trace),
            "n_messages": len(conversation.messages),
            "outline": conversation.outline(OUTLINE),
            "label": label,
            "draft": own.drafts.all().get(key),
            **render_piece(conversation),
        }

    def _flip_item(self, annotator: str, key: str) -> dict[str, Any]:
        flip, own = self._flip(key), self._own[annotator]
        with own.journal.session() as session:
            label = _label(session, self._tables.filed_flips(), key)
        draft = own.drafts.all().get(key)
        return {**show_flip(flip), "label": show_verdicts(flip, label), "draft": show_verdicts(flip, draft)}

    def messages(self, key: str, start: int, end: int | None) -> dict[str, Any]:
        """Return the messages of an item from a step on (see `render_piece`).

        Raises:
            NotThereError: its trace is not captured.
        """
        return render_piece(self._conversation(key), start, end)

    def text(self, key: str, address: str, start: int) -> dict[str, Any]:
        """Return a piece of a text of an item (see `read_piece`).

        Raises:
            NotThereError: there is no such item, or no such text.
        """
        try:
            return read_piece(self._conversation(key), address, start)
        except LookupError as error:
            raise NotThereError(str(error)) from None

    def label(self, annotator: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a label; return how many labels there are, are pending, and were submitted with it.

        Raises:
            InvalidLabelError: it is not one.
            OSError: it cannot be written.
        """
        key = str(sent.get("key", ""))
        label = read_flip_label(self._asked(annotator, key), sent) if is_flip(key) else read_label(sent)
        self._check_key(annotator, label["key"])
        return self._keep(annotator, label)

    def relabel(self, annotator: str, label: Mapping[str, Any], page: str) -> dict[str, Any]:
        """Keep a label, of the trace `key` and with its fields, given on another `page`; returns as `label`.

        On a trace that has picked verdicts only it is a picked one, too.

        Raises:
            NotThereError: there is no such trace.
            OSError: it cannot be written.
        """
        try:
            self.conversations.trace(label["key"])
        except LookupError as error:
            raise NotThereError(str(error)) from None
        is_drawn = self._tables.judged(label["key"])
        return self._keep(annotator, {**label, "key": label["key"] + ("" if is_drawn else PICKED), "page": page})

    def _keep(self, annotator: str, label: Mapping[str, Any]) -> dict[str, Any]:
        own = self._own[annotator]
        seen = self._tables.filed(annotator).get(label["key"], {}).get("seen")
        own.journal.append({**label, **({"seen": seen} if seen else {}), **_stamp("label", annotator)})
        own.drafts.keep(label["key"], None)
        with own.journal.session() as session:
            n_labels, n_pending = session.n_labels, len(session.pending)
        if self._submit_after is None or n_pending < self._submit_after:
            return {"n_labels": n_labels, "n_pending": n_pending, "n_submitted": 0}
        return {"n_labels": n_labels, "n_pending": 0, "n_submitted": self.submit(annotator)["n"]}

    def given(self, annotator: str) -> tuple[dict[str, Mapping[str, Any]], Mapping[str, Any] | None, int]:
        """Return {item key: label} of all labels given on pages that stand, the latest, and how many are pending.

        `trace_of` of a key is its trace.
        """
        with self._own[annotator].journal.session() as session:
            return session.labels, session.latest, len(session.pending)

    def judged_in(self, annotator: str, batch: str) -> tuple[dict[str, Mapping[str, Any]], int]:
        """Return {item key: label} of the traces of a batch that the annotator passed or failed, and how many it has.

        The traces are those of all batches where the batch is none of traces. A trace that is shown twice counts once.
        """
        self.refresh()
        filed, queue = self._tables.filed(annotator), self._tables.queue(annotator)
        traces = {key: b for key, b in queue.items() if not is_flip(key) and not key.endswith(AGAIN)}
        keys = [key for key, b in traces.items() if batch == b or batch not in traces.values()]
        with self._own[annotator].journal.session() as session:
            labels = {key: label for key in keys if (label := _label(session, filed, key))}
        return {key: label for key, label in labels.items() if label["verdict"] in ("pass", "fail")}, len(keys)

    def draft(self, annotator: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Keep an unfinished label unless it equals the item's label; return {kept: whether it is kept}.

        Raises:
            InvalidLabelError: a field holds what no label may hold.
            OSError: it cannot be written.
        """
        key = str(sent.get("key", ""))
        draft = read_verdicts(self._asked(annotator, key), sent) if is_flip(key) else read_draft(sent)
        key = draft.pop("key", key)
        self._check_key(annotator, key)
        own = self._own[annotator]
        with own.journal.session() as session:
            label = _label(session, self._filed(annotator, key), key) or {}
        is_new = bool(draft) and draft != {name: v for name in DRAFTED if (v := label.get(name)) is not None}
        own.drafts.keep(key, draft if is_new else None)
        return {"kept": is_new}

    def undo(self, annotator: str) -> dict[str, Any]:
        """Withdraw the latest label; return its item, the verdict from before, and how many labels are pending.

        What was written with the label becomes the draft of its item.
        """
        own = self._own[annotator]
        withdrawn = own.journal.undo(_stamp("undo", annotator))
        if withdrawn is None:
            return {"key": None}
        key = withdrawn["key"]
        if is_flip(key):
            draft = {name: v for name in ("before", "after") if (v := withdrawn.get(name)) in ("pass", "fail")}
        else:
            draft = {k: v for k, v in read_draft(withdrawn).items() if k != "key"}
        if draft:
            own.drafts.keep(key, draft)
        with own.journal.session() as session:
            label = _label(session, self._filed(annotator, key), key)
            return {"key": key, "verdict": label["verdict"] if label else None, "n_pending": len(session.pending)}

    def submit(self, annotator: str) -> dict[str, Any]:
        """Write the pending labels where they belong; return the label file ("" for none) and their number.

        Labels of traces become a label file, those of flipped cases lines of `golden/flip_labels.jsonl`.
        """
        event = _stamp("submit", annotator)
        journal = self._own[annotator].journal
        name = f"{re.sub('[^0-9T]', '', event['at'][:26])}Z-{journal.name}.jsonl"
        written: list[str] = []

        def write(pending: Sequence[Event]) -> None:
            self._keep_flips(flip_rows([e for e in pending if is_flip(e["key"])]))
            rows = [label_row(e, e["at"]) for e in pending if not is_flip(e["key"])]
            if rows:
                text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                replace_text(self._labels / name, text.encode("utf-8", "replace").decode())
                sync_folder(self._labels)
                written.append(name)

        n = journal.submit(write, {**event, "file": name})
        return {"file": "".join(written), "n": n}

    def _flip(self, key: str) -> Flip:
        flip = self._tables.flips().get(key)
        if flip is None:
            raise NotThereError(ANSWERED)
        return flip

    def _asked(self, annotator: str, key: str) -> Flip:
        """Return the flipped case that a label is about; one that the gate asks about no more cannot be labelled."""
        if key not in self._tables.queue(annotator):
            raise InvalidLabelError(ANSWERED)
        return self._flip(key)

    def _filed(self, annotator: str, key: str) -> Mapping[str, Mapping[str, Any]]:
        return self._tables.filed_flips() if is_flip(key) else self._tables.filed(annotator)

    def _conversation(self, key: str) -> Conversation:
        if is_flip(key):
            return Compared(self._flip(key))
        try:
            return self.conversations.conversation(trace_of(key))
        except LookupError as error:
            raise NotThereError(str(error)) from None

    def key_of(self, annotator: str, trace_id: str) -> str:
        """Return the key under which a verdict on a trace that the annotator came upon is kept.

        It is a picked item, unless the verdict corrects one that was not picked: the annotator's own, or, where the
        annotator is the arbiter, anyone's.
        """
        own, is_arbiter = self._own[annotator], annotator == self.annotators[0]
        with own.journal.session() as session:
            label = _label(session, self._tables.filed(annotator), trace_id)
        corrects = label is not None or (is_arbiter and self._tables.judged(trace_id))
        return trace_id if corrects else trace_id + PICKED

    def _check_key(self, annotator: str, key: str) -> None:
        if not self._may_label(annotator, key):
            raise InvalidLabelError(GONE)

    def _may_label(self, annotator: str, key: str) -> bool:
        """Return whether an item is in the annotator's queue, or is a captured trace that they came upon."""
        if key in self._tables.queue(annotator):
            return True
        try:
            return self.key_of(annotator, trace_of(key)) == key and bool(self.conversations.trace(trace_of(key)))
        except LookupError:
            return False


def _label(session: Session, filed: Mapping[str, Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    """Return the label of an item: the one given here or else, unless it was undone here, that of a label file."""
    found = session.label_of(key)
    return found if found or key in session.pending else filed.get(key)


def _stamp(event: str, annotator: str) -> dict[str, Any]:
    return {"event": event, "annotator": annotator, "at": datetime.now(timezone.utc).isoformat(timespec="microseconds")}
