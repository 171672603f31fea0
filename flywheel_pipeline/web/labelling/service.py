"""What the page asks for and says: queues, traces, labels, hand-in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flywheel_pipeline.records import VERDICTS, RawTrace, SampledTrace
from flywheel_pipeline.web.fields import read_text
from flywheel_pipeline.web.labelling.journal import Journal
from flywheel_pipeline.web.labelling.render import render_trace

LONGEST = {"key": 1_000, "code": 200, "comment": 20_000, "category": 200, "severity": 20}
"""The texts of a label, and how many characters each may have."""
MAX_CODE_WORDS, MAX_NAME = 8, 80
CODES_AFTER = 20
"""Labels after which earlier codes are offered: before that they would lead the eye."""
CHUNK = 100
"""Traces that are read at once."""
MAX_TAGS = 8
SEVERITIES = ("low", "medium", "high")


class NotLabelledError(ValueError):
    """What was sent is no label; the text says why."""


class NotThereError(LookupError):
    """An item that is in no batch."""


@dataclass(frozen=True)
class Source:
    """Where traces come from and how they are shared; each is asked again whenever it may have changed."""

    batch: Callable[[], Sequence[SampledTrace]]
    """The rows of the batches to label, the newest batch first."""
    known: Callable[[Sequence[str]], Collection[str]]
    """Which of these traces are there."""
    traces: Callable[[Sequence[str]], Sequence[RawTrace]]
    filed: Callable[[str], Mapping[str, Mapping[str, Any]]]
    """{trace: label} of what an annotator said in label files, of this page or of another kind, that were read."""
    modes: Callable[[], Sequence[str]]
    queue: Callable[[str, Sequence[str]], list[str]]
    fold: Callable[[Sequence[Mapping[str, Any]]], Any]
    row: Callable[[Mapping[str, Any], str], dict[str, Any]]
    trace_of: Callable[[str], str]


@dataclass(frozen=True)
class People:
    """Who labels, the arbiter first, and after how many new labels they are handed in by themselves, if at all."""

    annotators: tuple[str, ...]
    hand_in_after: int | None = None


class Desk:
    """The state behind the page: nothing but the journals, and traces that were read before."""

    max_items, max_held = 2_000, 200_000_000
    """Items of a queue, those of the newest batches, and characters of traces that are kept in memory."""

    def __init__(self, labels: Path, source: Source, people: People) -> None:
        self.labels, self.source = labels, source
        self.annotators, self.hand_in_after = list(people.annotators), people.hand_in_after
        self._traces: dict[str, RawTrace] = {}
        self._sampled: dict[str, SampledTrace] = {}
        self._filed: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._held = 0

    def queue(self, annotator: str) -> dict[str, Any]:
        """Return an annotator's items in order, with what was said of each, and how far it is."""
        self._look()
        sitting = self.source.fold(Journal(self.labels, annotator).events())
        filed = self._filed[annotator] = dict(self.source.filed(annotator))
        items = [
            {"key": k, "batch": batch, "verdict": (_label(sitting, filed, k) or {}).get("verdict")}
            for k, batch in self._keys(annotator).items()
        ]
        return {
            "annotator": annotator,
            "annotators": self.annotators,
            "items": items,
            "n_pending": len(sitting.pending),
            "codes": sitting.codes if len(sitting.labels) >= CODES_AFTER else [],
            "modes": list(dict.fromkeys([*self.source.modes(), *_categories(sitting)])),
        }

    def item(self, annotator: str, key: str, whole: bool) -> dict[str, Any]:
        """Return one trace as HTML, what is known of it, and what the annotator said of it in this place.

        Raises:
            NotThereError: it is not in any batch.
        """
        if not self._sampled:
            self._look()
        sampled = self._sampled.get(self.source.trace_of(key))
        if sampled is None:
            raise NotThereError("this trace is not in your queue: reload the page")
        trace = self._trace(sampled.trace_id)
        sitting = self.source.fold(Journal(self.labels, annotator).events())
        label = _label(sitting, self._filed.get(annotator, {}), key)
        return {
            "key": key,
            "trace_id": trace.trace_id,
            "reason": sampled.reason,
            "badges": _badges(trace),
            "html": render_trace(trace, whole),
            "label": label,
        }

    def say(self, annotator: str, sent: Mapping[str, Any]) -> int:
        """Keep a label; returns how many labels were handed in with it because that many were new.

        Raises:
            NotLabelledError: it can not be one.
            OSError: it can not be written.
        """
        try:
            event = read_label(sent)
        except ValueError as error:
            raise NotLabelledError(str(error)) from None
        if not self._sampled:
            self._look()
        if event["key"] not in self._keys(annotator):
            raise NotLabelledError("this trace is not in your queue: reload the page")
        Journal(self.labels, annotator).append({**event, **_stamp("label", annotator)})
        return self._hand_in_when_due(annotator)

    def undo(self, annotator: str) -> str | None:
        """Take the latest label back; returns the item that it was of."""
        journal = Journal(self.labels, annotator)
        labels = self.source.fold(journal.events()).labels
        if not labels:
            return None
        journal.append(_stamp("undo", annotator))
        return str(list(labels)[-1])

    def hand_in(self, annotator: str) -> tuple[str, int]:
        """Write what is new into a label file, for the sensor; returns its name and rows, ("", 0) if nothing is new."""
        journal = Journal(self.labels, annotator)
        events = journal.events()
        pending = self.source.fold(events).pending
        if not pending:
            return "", 0
        stamp = {**_stamp("hand_in", annotator), "n_events": len(events)}
        name = f"{re.sub('[^0-9T]', '', stamp['at'][:26])}Z-{journal.name}.jsonl"
        journal.hand_in(name, [self.source.row(e, e["at"]) for e in pending.values()], {**stamp, "file": name})
        return name, len(pending)

    def _hand_in_when_due(self, annotator: str) -> int:
        if self.hand_in_after is None:
            return 0
        pending = self.source.fold(Journal(self.labels, annotator).events()).pending
        return self.hand_in(annotator)[1] if len(pending) >= self.hand_in_after else 0

    def _keys(self, annotator: str) -> dict[str, str]:
        """Return {key: batch} of an annotator's items, batch after batch, the newest first."""
        batches: dict[str, list[str]] = {}
        for trace_id, row in self._sampled.items():
            batches.setdefault(row.batch, []).append(trace_id)
        keys = {k: batch for batch, ids in batches.items() for k in self.source.queue(annotator, ids)}
        return dict(list(keys.items())[: self.max_items])

    def _look(self) -> None:
        """Take in batches that were drawn since; traces are read beforehand, so that turning a page costs no query."""
        rows: dict[str, SampledTrace] = {}
        for row in self.source.batch():
            rows.setdefault(row.trace_id, row)  # of a trace in several batches the newest counts
        unseen = [i for i in rows if i not in self._sampled]
        there = {*self._sampled, *(self.source.known(unseen) if unseen else ())}
        self._sampled = {i: row for i, row in rows.items() if i in there}
        missing = [i for i in self._sampled if i not in self._traces]
        for start in range(0, len(missing), CHUNK):
            if self._held < self.max_held:
                self._hold(missing[start : start + CHUNK])

    def _trace(self, trace_id: str) -> RawTrace:
        if trace_id not in self._traces:
            self._hold([trace_id])
        return self._traces[trace_id]

    def _hold(self, trace_ids: Sequence[str]) -> None:
        """Read traces into memory; where they are too much for it, those that were read first go."""
        for trace in self.source.traces(trace_ids):
            self._traces[trace.trace_id] = trace
            self._held += _size(trace)
        while self._held > self.max_held and len(self._traces) > 1:
            self._held -= _size(self._traces.pop(next(iter(self._traces))))


def _size(trace: RawTrace) -> int:
    return len(trace.messages) + len(trace.retrieved) + len(trace.input) + len(trace.output or "")


def _categories(sitting: Any) -> list[str]:
    return [str(e["category"]) for e in sitting.labels.values() if e.get("category")]


def _label(sitting: Any, filed: Mapping[str, Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    """Return what was said of an item: here, or else, unless it was taken back here, in a label file."""
    found: Mapping[str, Any] | None = sitting.labels.get(key)
    return found if found or key in sitting.pending else filed.get(key)


def read_label(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the label that was sent, checked.

    Raises:
        ValueError: the text says what is wrong with it.
    """
    verdict, step = sent.get("verdict"), sent.get("first_failure_step")
    texts = {name: read_text(sent.get(name), f"the {name}", longest) for name, longest in LONGEST.items()}
    if verdict not in VERDICTS:
        raise ValueError(f"the verdict must be one of {', '.join(VERDICTS)}")
    if texts["key"] is None:
        raise ValueError("the key of the item is missing")
    if verdict == "fail" and not (texts["code"] or texts["comment"]):
        raise ValueError("Say what went wrong first, in a few words.")
    if len((texts["code"] or "").split()) > MAX_CODE_WORDS:
        raise ValueError(f"The code has at most {MAX_CODE_WORDS} words; what is longer belongs into the comment.")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 1_000_000):
        raise ValueError("the step must be the number of a message")
    if texts["severity"] not in (None, *SEVERITIES):
        raise ValueError(f"the severity must be one of {', '.join(SEVERITIES)}")
    failed = {**texts, "first_failure_step": step}
    said = failed if verdict == "fail" else {name: texts[name] for name in ("key", "comment")}
    return {"verdict": verdict, **{k: v for k, v in said.items() if v is not None}}


def _stamp(event: str, annotator: str) -> dict[str, Any]:
    return {"event": event, "annotator": annotator, "at": datetime.now(timezone.utc).isoformat(timespec="microseconds")}


def _badges(trace: RawTrace) -> list[str]:
    turns = f"{trace.n_turns} turn{'s' if trace.n_turns != 1 else ''}"
    told: list[str | None] = [
        f"{trace.started_at:%Y-%m-%d %H:%M}",
        turns,
        f"{trace.n_tool_calls} tool calls" if trace.n_tool_calls else None,
        f"{trace.latency_ms / 1000:.1f} s" if trace.latency_ms else None,
        trace.model,
        f"prompt {trace.prompt_version}" if trace.prompt_version else None,
        None if trace.feedback_score is None else "thumbs up" if trace.feedback_score >= 0.5 else "thumbs down",
        f"user: {trace.feedback_comment[:200]}" if trace.feedback_comment else None,
    ]
    return [t[:220] for t in (*told, *_tags(trace)) if t]


def _tags(trace: RawTrace) -> list[str]:
    with suppress(ValueError, RecursionError):
        tags = json.loads(trace.tags)
        if isinstance(tags, dict):
            nested = [(k, v) for within in tags.values() if isinstance(within, dict) for k, v in within.items()]
            plain = [(k, v) for k, v in (*tags.items(), *nested) if isinstance(v, str | int | float) and str(v).strip()]
            return [f"{k}: {v}"[:80] for k, v in plain[:MAX_TAGS]]
    return []
