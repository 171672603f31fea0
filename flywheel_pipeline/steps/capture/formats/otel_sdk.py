"""Spans as the OpenTelemetry SDKs print them: JSON objects whose attributes are a plain object.

Python's `ReadableSpan.to_json`, and with it the console and file exporters, writes `{name, context: {trace_id,
span_id}, parent_id, start_time, end_time, status: {status_code, description}, attributes, events, links,
resource: {attributes}}`, ids with `0x`; Monocle and MLflow write the same with small differences, or
`{trace_id, spans: […]}`. JavaScript's exporter writes `{traceId, id, parentId, timestamp, duration}` (in
microseconds), its span objects `startTime: [seconds, nanoseconds]`. Phoenix answers with such spans, and its tables
name the columns `context.trace_id`, `attributes.llm.model_name`; their lists have items with dots in the keys, as in
`attributes.llm.input_messages: [{message.role, message.content}]`, and in CSV are Python text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.otel.attributes import RawSpan, items_of, resource_of
from flywheel_pipeline.steps.capture.formats.otel.decode import TRACE_BYTES, failed, moment, required, span_id
from flywheel_pipeline.steps.capture.messages import loads
from flywheel_pipeline.steps.capture.semconv import INDEXED, slot_of
from flywheel_pipeline.steps.capture.spans import Unreadable

NAME = "otel_sdk"
_TRACE = ("trace_id", "traceId")
_SPAN = ("span_id", "spanId", "id")
_PARENT = ("parent_id", "parent_span_id", "parentSpanId", "parentId")
_CONTEXTS = ("context", "_spanContext", "spanContext")
_STARTS = ("start_time", "startTime", "timestamp")
_ENDS = ("end_time", "endTime")
MAX_DEPTH = 20
_PYTHON = re.compile(r"\s*(?:\[\s*[{'\"\[]|\{\s*['\"]|\[\s*\]|array\()")
_MAX_LITERAL = 1_000_000


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a span with its attributes as an object, or a trace of such."""
    if isinstance(record.get("context.trace_id"), str) and isinstance(record.get("context.span_id"), str):
        return True
    spans = record.get("spans")
    if isinstance(spans, list) and "attributes" not in record:
        return bool(spans) and isinstance(spans[0], dict) and _is_span(spans[0])
    return _is_span(record)


def _is_span(record: Mapping[str, Any]) -> bool:
    if not isinstance(record.get("attributes"), dict) or not ("name" in record or "span_name" in record):
        return False
    if any(isinstance(record.get(k), dict) for k in _CONTEXTS):
        return True
    return any(k in record for k in (*_TRACE, *_PARENT))


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the span, or the spans of the trace; raises `UnreadableError` if the only one cannot be used."""
    spans = record.get("spans")
    if not isinstance(spans, list) or "attributes" in record:
        yield from items_of(_decode(record), source)
        return
    for span in spans:
        try:
            raw = _decode(span, _first(record, _TRACE))
        except UnreadableError as error:
            yield Unreadable(str(error), str(span)[:200])
            continue
        yield from items_of(raw, source)


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((record[k] for k in names if record.get(k) not in (None, "")), None)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _decode(span: Any, trace: Any = None) -> RawSpan:
    if not isinstance(span, dict):
        raise UnreadableError("a span must be an object")
    span = _nested(span) if "context.trace_id" in span else span
    context = next((span[k] for k in _CONTEXTS if isinstance(span.get(k), dict)), span)
    status, message = _status(span)
    name = _first(span, ("name", "span_name"))
    app, tags = resource_of(_mapping(_mapping(span.get("resource")).get("attributes")))
    return RawSpan(
        trace_id=required(span_id(_first(context, _TRACE) or trace, TRACE_BYTES), "trace id"),
        span_id=required(span_id(_first(context, _SPAN) or _first(span, _SPAN)), "span id"),
        parent_id=span_id(_parent(span)),
        name=name if isinstance(name, str) else "",
        started_at=moment(_first(span, _STARTS)),
        ended_at=_ended(span),
        failed=status,
        status_message=message,
        attributes={str(k): v for k, v in _mapping(span.get("attributes")).items()},
        events=_events(span.get("events")),
        links=_links(span.get("links")),
        app=app,
        tags=tags,
    )


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table of spans as a span.

    Raises:
        UnreadableError: a column holds the text of a Python list that cannot be read.
    """
    made: dict[str, Any] = {"context": {}, "attributes": {}}
    for column, value in row.items():
        head, _, rest = str(column).partition(".")
        if value is None or value == "" or value != value:  # an empty cell, in Parquet also as NaN
            continue
        slot = slot_of(rest) if head == "attributes" else None
        if slot is not None and slot.field in INDEXED:
            made[head][rest] = without_dots(_listed(column, value))
        elif rest and head in made:
            made[head][rest] = value
        elif column not in made:
            made[column] = _listed(column, value) if column in ("events", "links") else value
    kind = row.get("span_kind")
    if kind is not None:
        made["attributes"].setdefault("openinference.span.kind", kind)
    return made


def _listed(column: str, value: Any) -> Any:
    """Return the list or object in a cell that holds it as JSON or as Python text."""
    found = loads(value)
    if not isinstance(found, str) or not _PYTHON.match(found):
        return found
    try:
        return ast.literal_eval(value) if len(value) <= _MAX_LITERAL else _no_literal(column)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _no_literal(column)


def _no_literal(column: str) -> Any:
    raise UnreadableError(f"the column {column} holds Python text that cannot be read: export Parquet or JSON")


def without_dots(value: Any, depth: int = 0) -> Any:
    """Return a value in which keys with dots are objects in objects: `message.role` is `role` of `message`."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [without_dots(item, depth + 1) for item in value]
    if not isinstance(value, dict) or not any("." in str(key) for key in value):
        return value
    made: dict[str, Any] = {}
    for name, inner in value.items():
        *path, last = str(name).split(".")
        at = made
        for key in path[:MAX_DEPTH]:
            branch = at.setdefault(key, {})
            at = branch if isinstance(branch, dict) else {}
        at[last] = without_dots(inner, depth + 1)
    return made


def _parent(span: Mapping[str, Any]) -> Any:
    found = _first(span, _PARENT)
    return found if found is not None else _first(_mapping(span.get("parentSpanContext")), _SPAN)


def _status(span: Mapping[str, Any]) -> tuple[bool | None, str]:
    status = span.get("status")
    held = _first(span, ("status_code", "statusCode")) if status is None else status
    code, message = failed(held)
    text = _first(span, ("status_message", "statusMessage"))
    return code, message or (text if isinstance(text, str) else "")


def _ended(span: Mapping[str, Any]) -> Any:
    """Return when it ended; JavaScript's exporter gives the duration, in microseconds like the start."""
    end = _first(span, _ENDS)
    start, duration = span.get("timestamp"), span.get("duration")
    if end is None and type(start) in (int, float) and type(duration) in (int, float):
        return moment(start + duration)  # type: ignore[operator]
    return moment(end)


def _events(value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    events = [e for e in value if isinstance(e, dict)] if isinstance(value, list) else []
    return [(str(e.get("name") or ""), _mapping(e.get("attributes"))) for e in events]


def _links(value: Any) -> list[tuple[str, str]]:
    items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    contexts = [_mapping(k.get("context")) or k for k in items]
    ids = [(span_id(_first(c, _TRACE), TRACE_BYTES), span_id(_first(c, _SPAN))) for c in contexts]
    return [(trace, span or "") for trace, span in ids if trace]
