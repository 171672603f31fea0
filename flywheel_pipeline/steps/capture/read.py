"""A block of a landing file -> traces, feedback and rejects, every row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from operator import attrgetter
from typing import Any

from flywheel_pipeline.ports import Block, Match
from flywheel_pipeline.records import CapturedTrace, Feedback, Reject
from flywheel_pipeline.steps.capture.assemble import assemble_trace, merge_spans
from flywheel_pipeline.steps.capture.flaws import Damaged, Flaw, without_flaws
from flywheel_pipeline.steps.capture.formats import Source, UnreadableError, recognise, unknown
from flywheel_pipeline.steps.capture.formats.common import clean
from flywheel_pipeline.steps.capture.pages import records_in_page
from flywheel_pipeline.steps.capture.parse import TOO_DEEP
from flywheel_pipeline.steps.capture.redact import Redactor
from flywheel_pipeline.steps.capture.rows import refuse, rows_of
from flywheel_pipeline.steps.capture.same_id import shared_id, sort_by_id
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

EXCERPT = 200
MAX_SKEW = timedelta(days=1)
"""How far ahead of our clock a trace may lie: the producer's clock may differ, not by more."""
FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)
_ORDER = attrgetter("started_at", "trace_id", "source_line")


@dataclass(frozen=True)
class Rules:
    """How a file is read: what may count as a trace, the format if it is forced, what is redacted, scales of scores.

    `encoding` is that of its text where the settings state one.
    """

    app: str
    first_day: date
    now: datetime
    format: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    redact: tuple[str, ...] = ()
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    salt: str = ""
    encoding: str | None = None


@dataclass
class Captured:
    """What came of a block: `n_rows_in` rows are those of the traces, the feedback, the repeated and the rejects.

    The traces are in the order of time.
    """

    n_rows_in: int = 0
    n_repeated: int = 0
    n_dropped: int = 0
    traces: list[CapturedTrace] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)


def read_block(file: str, block: Block, rules: Rules, match: Match) -> Captured:
    """Read one block of the landing file `file`. A row that cannot be read is a reject; nothing is raised for one."""
    reader = _Reader(file, rules, match, block.kind == "document")
    for line, raw, parse in rows_of(block):
        reader.take(line, raw, parse)
    if block.kind == "document" and not reader.n_taken:
        reader.take(0, b"", lambda raw: refuse("the file is empty: export it again"))
    return reader.finish()


class _Reader:
    """Takes rows one by one; spans wait until all of the block are there, then become traces."""

    def __init__(self, file: str, rules: Rules, match: Match, is_document: bool) -> None:
        self.file, self.rules, self.match, self.captured = file, rules, match, Captured()
        self.first, self.last = datetime.combine(rules.first_day, time.min), rules.now + MAX_SKEW
        self.redactor = Redactor(rules.redact, rules.salt) if rules.redact else None
        self.spans: dict[str, list[tuple[Span, int, str]]] = {}
        self.is_document, self.n_taken = is_document, 0

    def take(self, line: int, raw: Any, parse: Callable[[Any], Iterable[Any]]) -> None:
        """Take what stands in a line; each record in it may fail without the others."""
        self.n_taken += 1
        records: list[Any] = []
        self._attempt(line, raw, lambda: records.extend(parse(raw)))
        for record in records:
            shown = raw if len(records) == 1 else record
            self._attempt(line, shown, partial(self._read, record, line, shown))

    def _attempt(self, line: int, raw: Any, action: Callable[[], None]) -> None:
        """Carry out `action`; where it fails, that is a reject."""
        try:
            action()
        except RecursionError:
            self._reject(line, TOO_DEEP, raw)
        except UnreadableError as error:
            self._reject(line, str(error), raw)
        except FAULTS as error:  # a reader met a shape that nobody foresaw: one record's failure is data
            self._reject(line, f"a shape that no reader knows ({type(error).__name__}: {error}): please report it", raw)

    def _read(self, record: Any, line: int, raw: Any) -> None:
        """Sort the items of one record."""
        if isinstance(record, Flaw):
            raise UnreadableError(record.reason)
        value, lost = without_flaws(record.value) if isinstance(record, Damaged) else (record, [])
        format_ = recognise(value, self.rules.format)
        if format_ is None:
            self._read_page(record, line)
            return
        for flaw in lost:
            self._reject(line, flaw.reason, flaw.excerpt)
        n = 0
        source = Source(self.file, line, self.rules.app, self.rules.fields, self.rules.scales)
        for item in format_.read(value, source):
            n += 1
            self._sort(item, line, raw, format_.NAME)
        if not n:
            raise UnreadableError(f"the {format_.NAME} record holds no trace")
        self.captured.formats[format_.NAME] += n

    def _read_page(self, record: Any, line: int) -> None:
        """Read the records in an answer of an API, each for itself; in a document the line is their number."""
        value = record.value if isinstance(record, Damaged) else record
        records = records_in_page(value) if isinstance(value, Mapping) else None
        if records is None:
            raise UnreadableError(unknown(value))
        if not records:
            raise UnreadableError("the answer of an API holds no records: export the page that has them")
        for number, item in enumerate(records, 1):
            one = Damaged(item) if isinstance(record, Damaged) and not isinstance(item, Flaw) else item
            excerpt = item.excerpt if isinstance(item, Flaw) else item
            at = number if self.is_document else line
            self._attempt(at, excerpt, partial(self._read, one, at, excerpt))

    def _sort(self, item: Any, line: int, raw: Any, name: str) -> None:
        if isinstance(item, Unreadable):
            self._reject(line, item.reason, item.excerpt or raw)
        elif isinstance(item, Feedback):
            self.captured.n_rows_in += item.n_rows
            self.captured.feedback.append(item)
        elif isinstance(item, Span):
            self._keep_span(item, line, raw, name)
        elif problem := self._out_of_bounds(item.started_at):
            self._reject(line, problem, raw)
        else:
            self.captured.n_rows_in += 1
            self.captured.traces.append(item)

    def _keep_span(self, span: Span, line: int, raw: Any, name: str) -> None:
        problem = self._out_of_bounds(span.started_at) if span.started_at else ""
        if problem:
            self._reject(line, problem, raw)
            return
        self.captured.n_rows_in += 1
        self.captured.n_dropped += span.n_dropped
        self.spans.setdefault(span.trace_id, []).append((span, line, name))

    def finish(self) -> Captured:
        """Make traces of the spans and redact; returns all that was read."""
        for held in self.spans.values():
            self._assemble(held)
        self._sort_by_id()
        self.captured.traces.sort(key=_ORDER)
        if self.redactor:
            self._redact(self.redactor)
        self.captured.formats += Counter()  # without zeros
        return self.captured

    def _sort_by_id(self) -> None:
        """Reject traces that share their id with another one of the block by mistake, and what came with them."""
        found = sort_by_id(self.captured.traces)
        self.captured.traces = found.kept
        self.captured.n_repeated += sum(t.n_rows for t in found.repeated)
        lines = {(t.trace_id, t.source_line) for t, _ in found.confused}
        self.captured.feedback = [
            f for f in self.captured.feedback if f.n_rows or (f.trace_id, f.source_line) not in lines
        ]
        for trace, other in found.confused:
            self.captured.n_rows_in -= trace.n_rows
            reason = shared_id(trace.trace_id, f"line {other.source_line}")
            self._reject(trace.source_line, reason, trace.input)

    def _redact(self, redactor: Redactor) -> None:
        found, traces, feedback = self.captured.redacted, self.captured.traces, self.captured.feedback
        for at in redactor.screen(traces, self.match):
            traces[at], kinds = redactor.redact(traces[at])
            found.update(kinds)
        for at in self.match.find(
            redactor.screening, ["\n".join((f.name, f.comment or "", f.label or "")) for f in feedback]
        ):
            feedback[at], kinds = redactor.redact_feedback(feedback[at])
            found.update(kinds)

    def _assemble(self, held: list[tuple[Span, int, str]]) -> None:
        _, line, name = held[0]
        try:
            spans, repeated = merge_spans(span for span, _, _ in held)
            trace = assemble_trace(spans, (name, self.file, line), self.rules.app, len(held) - repeated)
        except (UnreadableError, RecursionError, *FAULTS) as error:
            self.captured.n_rows_in -= len(held)
            for span, at, _ in held:
                shown = span.name or next((m.get("content") or "" for m in span.messages), "")
                self._reject(at, TOO_DEEP if isinstance(error, RecursionError) else str(error), shown)
            return
        self.captured.n_repeated += repeated
        self.captured.traces.append(trace)

    def _out_of_bounds(self, started: datetime) -> str:
        if started < self.first:
            return f"started_at {started:%Y-%m-%d} is before capture.start_date {self.rules.first_day}"
        if started > self.last:
            return f"started_at {started:%Y-%m-%d %H:%M} is in the future: check the producer's clock"
        return ""

    def _reject(self, line: int, reason: str, raw: Any) -> None:
        self.captured.n_rows_in += 1
        excerpt = excerpt_of(raw)
        if self.redactor:
            reason, excerpt = self.redactor.redact_text(reason), self.redactor.redact_text(excerpt)[:EXCERPT]
        self.captured.rejects.append(Reject("traces", self.file, line, clean(reason), excerpt))


def excerpt_of(raw: Any) -> str:
    """Return the first characters of what could not be read."""
    raw = raw.excerpt if isinstance(raw, Flaw) else raw.value if isinstance(raw, Damaged) else raw
    data = raw if isinstance(raw, bytes) else str(raw)[: EXCERPT * 4].encode("utf-8", "replace")
    return clean(data[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT])
