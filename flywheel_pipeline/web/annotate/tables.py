"""What the labelling page reads from the tables, kept in memory as long as the tables stay as they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flywheel_pipeline.flows.flips import Flip
from flywheel_pipeline.records import RawTrace
from flywheel_pipeline.steps.annotate import PICKED, Sharing, is_picked, queue_of, trace_of
from flywheel_pipeline.web.annotate.conversation import Conversation
from flywheel_pipeline.web.annotate.flips import key_of

Value = TypeVar("Value")


@dataclass(frozen=True)
class Sampled:
    """A trace that was drawn, or sent by someone, to be labelled."""

    trace_id: str
    batch: str
    reason: str


@dataclass(frozen=True)
class Source:
    """Where the page has its traces from."""

    stamp: Callable[[], Hashable]
    """A token that changes when one of the tables does."""
    sampled: Callable[[], Sequence[Sampled]]
    """The captured traces that were drawn to be labelled, the newest batch first."""
    picked: Callable[[str], Sequence[Sampled]]
    """The captured traces that people sent to an annotator, the oldest first."""
    judged: Callable[[str], bool]
    """Whether someone has judged a trace that was not picked."""
    traces: Callable[[Sequence[str]], Sequence[RawTrace]]
    """The traces of these ids."""
    filed: Callable[[str], Mapping[str, Mapping[str, Any]]]
    """{item key: label} of an annotator, from label files of whatever origin as they were last read."""
    modes: Callable[[], Sequence[str]]
    """The names of the failure modes, the one to fix first first."""
    flips: Callable[[], Sequence[Flip]]
    """The flipped cases that the gate asks the expert about, in the order in which they are shown."""
    filed_flips: Callable[[], Mapping[str, Mapping[str, Any]]]
    """{digest of two answers: the label on file}."""
    keep_flips: Callable[[Sequence[Mapping[str, Any]]], None]
    """Appends labels of flipped cases to their file."""


class Tables:
    """The queues and labels that the tables hold."""

    def __init__(self, source: Source, sharing: Sharing) -> None:
        self._source, self._sharing = source, sharing
        self._alone = threading.RLock()
        self._stamp: Hashable = None
        self._kept: dict[Hashable, Any] = {}

    def refresh(self) -> bool:
        """Forget everything if a table has changed since; return whether one has."""
        with self._alone:
            stamp = self._source.stamp()
            has_changed = stamp != self._stamp
            if has_changed:
                self._stamp, self._kept = stamp, {}
            return has_changed

    def sampled(self) -> Mapping[str, Sampled]:
        """Return {trace id: the newest row that drew it}."""
        return self._keep("sampled", lambda: {s.trace_id: s for s in reversed(self._source.sampled())})

    def queue(self, annotator: str) -> Mapping[str, str]:
        """Return {item key: batch} of an annotator's items in order, the newest batch first.

        Before them come the flipped cases, which the arbiter alone labels, and what people sent to the annotator.
        """
        return self._keep(("queue", annotator), lambda: self._queue(annotator))

    def filed(self, annotator: str) -> Mapping[str, Mapping[str, Any]]:
        """Return {item key: label} of an annotator from label files."""
        return self._keep(("filed", annotator), lambda: self._source.filed(annotator))

    def reason(self, annotator: str, key: str) -> str:
        """Return why an item is there, "" for a trace that is in no batch."""
        found = self._sent(annotator) if is_picked(key) else self.sampled()
        sampled = found.get(trace_of(key))
        return sampled.reason if sampled else ""

    def _sent(self, annotator: str) -> Mapping[str, Sampled]:
        return self._keep(("sent", annotator), lambda: {s.trace_id: s for s in self._source.picked(annotator)})

    def judged(self, trace_id: str) -> bool:
        """Return whether someone has judged a trace that was not picked."""
        return self._keep(("judged", trace_id), lambda: self._source.judged(trace_id))

    def modes(self) -> Sequence[str]:
        """Return the names of the failure modes."""
        return self._keep("modes", self._source.modes)

    def flips(self) -> Mapping[str, Flip]:
        """Return {item key: flipped case} of what the gate asks about."""
        return self._keep("flips", lambda: {key_of(f): f for f in self._source.flips()})

    def filed_flips(self) -> Mapping[str, Mapping[str, Any]]:
        """Return {item key: label} of the flipped cases, from the file of their labels."""

        def read() -> dict[str, Mapping[str, Any]]:
            on_file = self._source.filed_flips()
            found = {key: on_file.get(f.pair.digest) for key, f in self.flips().items()}
            return {key: label for key, label in found.items() if label}

        return self._keep("filed flips", read)

    def _queue(self, annotator: str) -> dict[str, str]:
        batches: dict[str, list[str]] = {}
        for s in sorted(self.sampled().values(), key=lambda s: s.batch, reverse=True):
            batches.setdefault(s.batch, []).append(s.trace_id)
        flips = self.flips() if annotator == self._sharing.annotators[0] else {}
        asked = {key: f.batch for key, f in flips.items()}
        sent = {trace + PICKED: s.batch for trace, s in self._sent(annotator).items()}
        newest_first = dict(sorted(sent.items(), key=lambda item: item[1], reverse=True))
        drawn = {k: batch for batch, ids in batches.items() for k in queue_of(annotator, ids, self._sharing)}
        return {**asked, **newest_first, **drawn}

    def _keep(self, name: Hashable, make: Callable[[], Value]) -> Value:
        with self._alone:
            if self._stamp is None:
                self.refresh()
            if name not in self._kept:
                self._kept[name] = make()
            found: Value = self._kept[name]
            return found


class Conversations:
    """The traces that were shown last, and those that come next in the queue."""

    max_characters, ahead, most_parsed = 100_000_000, 20, 8
    """Characters of traces in memory, traces that are read at once, and conversations that are kept as objects."""

    def __init__(self, read: Callable[[Sequence[str]], Sequence[RawTrace]]) -> None:
        self._read = read
        self._alone = threading.Lock()
        self._traces: OrderedDict[str, RawTrace] = OrderedDict()
        self._parsed: OrderedDict[str, Conversation] = OrderedDict()
        self._n_characters = 0

    def trace(self, trace_id: str, following: Sequence[str] = ()) -> RawTrace:
        """Return a trace; where it is to be read, those `following` are read with it.

        Raises:
            LookupError: it is not there any more.
        """
        with self._alone:
            if trace_id not in self._traces:
                wanted = [
                    trace_id,
                    *(t for t in following[: self.ahead - 1] if t not in self._traces and t != trace_id),
                ]
                for trace in sorted(self._read(wanted), key=lambda t: t.trace_id == trace_id):
                    self._hold(trace)
            if trace_id not in self._traces:
                raise LookupError("this trace is not among the captured traces any more")
            self._traces.move_to_end(trace_id)
            return self._traces[trace_id]

    def conversation(self, trace_id: str) -> Conversation:
        """Return the conversation of a trace; raises like `trace`."""
        trace = self.trace(trace_id)
        with self._alone:
            if trace_id not in self._parsed:
                self._parsed[trace_id] = Conversation(trace)
            self._parsed.move_to_end(trace_id)
            found = self._parsed[trace_id]
            while len(self._parsed) > self.most_parsed:
                self._parsed.popitem(last=False)
            return found

    def forget(self) -> None:
        """Read traces again from now on."""
        with self._alone:
            self._traces.clear()
            self._parsed.clear()
            self._n_characters = 0

    def _hold(self, trace: RawTrace) -> None:
        self._traces[trace.trace_id] = trace
        self._n_characters += _size(trace)
        while self._n_characters > self.max_characters and len(self._traces) > 1:
            self._n_characters -= _size(self._traces.popitem(last=False)[1])


def _size(trace: RawTrace) -> int:
    return len(trace.messages) + len(trace.retrieved) + len(trace.input) + len(trace.output or "")
