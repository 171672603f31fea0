"""A block of a landing file -> traces, feedback and rejects, every row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Any

from flywheel_pipeline.ports import Block, Match
from flywheel_pipeline.records import CapturedTrace, Feedback, Reject
from flywheel_pipeline.steps.capture.assemble import assemble_trace, merge_spans
from flywheel_pipeline.steps.capture.formats import FORMATS, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.common import clean
from flywheel_pipeline.steps.capture.formats.otlp import records_of_protobuf
from flywheel_pipeline.steps.capture.parse import BOM, TOO_DEEP, parse_documents, parse_json, split_lines
from flywheel_pipeline.steps.capture.redact import Redactor
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

EXCERPT = 200
MAX_SKEW = timedelta(days=1)
"""How far ahead of our clock a trace may lie: the producer's clock may differ, not by more."""
FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)
_ORDER = attrgetter("started_at", "trace_id", "source_line")
_Format = Any
"""A module of `formats`; see there for what it holds."""
_Row = tuple[int, Any, Callable[[Any], Iterable[Any]]]
"""(line, what stands there, how to make records of it)."""


@dataclass(frozen=True)
class Rules:
    """How a file is read: what may count as a trace, the format if it is forced, what is redacted, scales of scores."""

    app: str
    first_day: date
    now: datetime
    format: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    redact: tuple[str, ...] = ()
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    salt: str = ""


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
    """Read one block of the landing file `file`. A row that can not be read is a reject; nothing is raised for one."""
    reader = _Reader(file, rules, match)
    for line, raw, parse in _rows(block):
        reader.take(line, raw, parse)
    if block.kind == "document" and not reader.n_taken:
        reader.take(0, b"", lambda raw: _refuse("the file is empty: export it again"))
    return reader.finish()


def _rows(block: Block) -> Iterable[_Row]:
    """Yield every row of a block."""
    if block.problem:
        yield block.first_line, block.data, lambda raw: _refuse(block.problem)
    elif block.kind == "lines":
        yield from ((n, raw, _records) for n, raw in split_lines(block.first_line, block.data))
    elif block.kind == "rows":
        yield from ((line, row, lambda row: [row]) for line, row in block.rows)
    elif block.kind == "protobuf":
        yield block.first_line, block.data, records_of_protobuf
    else:
        yield from _document_rows(block)


def _document_rows(block: Block) -> Iterator[_Row]:
    """Yield the items of a JSON array, or the one document; what is neither is read line by line after all."""
    try:
        found = parse_documents(block.data.removeprefix(BOM))
    except UnreadableError as error:
        reason = str(error)
        lines = split_lines(1, block.data)
        if _any_object(lines):
            yield from ((n, raw, _records) for n, raw in lines)
        else:
            yield 1, block.data, lambda raw: _refuse(reason)
        return
    items = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    yield from ((n, item, lambda item: [item]) for n, item in enumerate(items, 1))


def _any_object(lines: list[tuple[int, bytes]]) -> bool:
    for _, raw in lines[:20] if len(lines) > 1 else ():
        try:
            if isinstance(parse_json(raw), dict):
                return True
        except UnreadableError:
            continue
    return False


def _records(raw: bytes) -> list[Any]:
    value = parse_json(raw)
    return value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]


def _refuse(problem: str) -> list[Any]:
    raise UnreadableError(problem)


class _Reader:
    """Takes rows one by one; spans wait until all of the block are there, then become traces."""

    def __init__(self, file: str, rules: Rules, match: Match) -> None:
        self.file, self.rules, self.match, self.captured = file, rules, match, Captured()
        self.first, self.last = datetime.combine(rules.first_day, time.min), rules.now + MAX_SKEW
        self.redactor = Redactor(rules.redact, rules.salt) if rules.redact else None
        self.spans: dict[str, list[tuple[Span, int, str]]] = {}
        self.n_taken = 0

    def take(self, line: int, raw: Any, parse: Callable[[Any], Iterable[Any]]) -> None:
        self.n_taken += 1
        try:
            for record in parse(raw):
                self._read(record, line, raw)
        except RecursionError:
            self._reject(line, TOO_DEEP, raw)
        except UnreadableError as error:
            self._reject(line, str(error), raw)
        except FAULTS as error:  # a reader met a shape that nobody foresaw: one record's failure is data
            self._reject(line, f"a shape that no reader knows ({type(error).__name__}: {error}): please report it", raw)

    def _read(self, record: Any, line: int, raw: Any) -> None:
        """Sort the items of one record."""
        format_ = self._recognise(record)
        n = 0
        for item in format_.read(record, Source(self.file, line, self.rules.app, self.rules.fields, self.rules.scales)):
            n += 1
            self._sort(item, line, raw, format_.NAME)
        if not n:
            raise UnreadableError(f"the {format_.NAME} record holds no trace")
        self.captured.formats[format_.NAME] += n

    def _recognise(self, record: Any) -> _Format:
        if not isinstance(record, Mapping):
            raise UnreadableError(f"unknown format (a {type(record).__name__}); known: {known_formats()}")
        if self.rules.format:
            return next(f for f in FORMATS if self.rules.format == f.NAME)
        for format_ in FORMATS:
            if format_.recognises(record):
                return format_
        keys = ", ".join(sorted(map(str, record))[:8])
        raise UnreadableError(
            f"unknown format (keys {keys}); known: {known_formats()}. Your own: capture.sources in flywheel.yaml"
        )

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
        self.captured.traces.sort(key=_ORDER)
        if self.redactor:
            self._redact(self.redactor)
        self.captured.formats += Counter()  # without zeros
        return self.captured

    def _redact(self, redactor: Redactor) -> None:
        found, traces, feedback = self.captured.redacted, self.captured.traces, self.captured.feedback
        for at in redactor.screen(traces, self.match):
            traces[at], told = redactor.redact(traces[at])
            found.update(told)
        for at in self.match.find(
            redactor.screening, ["\n".join((f.name, f.comment or "", f.label or "")) for f in feedback]
        ):
            feedback[at], told = redactor.redact_feedback(feedback[at])
            found.update(told)

    def _assemble(self, held: list[tuple[Span, int, str]]) -> None:
        _, line, name = held[0]
        try:
            spans, repeated = merge_spans(span for span, _, _ in held)
            trace = assemble_trace(spans, (name, self.file, line), self.rules.app, len(held) - repeated)
        except (UnreadableError, RecursionError, *FAULTS) as error:
            self.captured.n_rows_in -= len(held)
            for span, at, _ in held:
                self._reject(at, TOO_DEEP if isinstance(error, RecursionError) else str(error), span.name)
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


def known_formats() -> str:
    """Return the names of all formats, for people."""
    return ", ".join(f.NAME for f in FORMATS)


def excerpt_of(raw: Any) -> str:
    """Return the first characters of what could not be read."""
    data = raw if isinstance(raw, bytes) else str(raw)[: EXCERPT * 4].encode("utf-8", "replace")
    return clean(data[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT])
