"""Jaeger: traces as its page and API answer them, and spans as they are stored in Elasticsearch.

A trace is `{traceID, spans, processes}`; a span has `traceID, spanID, operationName, references, startTime` and
`duration` (microseconds), `tags` and `logs` of `{key, type, value}`, `processID`. Attributes keep the names that the
tracing library gave them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.lenient import get_object
from flywheel_pipeline.steps.capture.formats.otel.attributes import RawSpan, items_of, resource_of
from flywheel_pipeline.steps.capture.formats.otel.decode import TRACE_BYTES, failed, moment, required, span_id
from flywheel_pipeline.steps.capture.spans import Unreadable

NAME = "jaeger"


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a trace with its spans, or a span."""
    if "traceID" not in record:
        return False
    return isinstance(record.get("spans"), list) or ("spanID" in record and "operationName" in record)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the spans; raises `UnreadableError` if the only one cannot be used."""
    spans = record.get("spans")
    if not isinstance(spans, list):
        yield from items_of(_decode(record, {}), source)
        return
    processes = get_object(record, "processes")
    for span in spans:
        try:
            raw = _decode(span, processes)
        except UnreadableError as error:
            yield Unreadable(str(error), str(span)[:200])
            continue
        yield from items_of(raw, source)


def _decode(span: Any, processes: Mapping[str, Any]) -> RawSpan:
    if not isinstance(span, dict):
        raise UnreadableError("a span must be an object")
    process = get_object(span, "process") or get_object(processes, str(span.get("processID")))
    app, tags = resource_of({**_values(process.get("tags")), "service.name": process.get("serviceName")})
    stored = {str(k).replace("@", "."): v for k, v in get_object(span, "tag").items()}
    attributes = {**_values(span.get("tags")), **stored}
    start, duration = span.get("startTime"), span.get("duration")
    end = start + duration if type(start) is int and type(duration) is int else None
    status = attributes.pop("otel.status_code", None)
    error = attributes.pop("error", None)
    name = span.get("operationName")
    return RawSpan(
        trace_id=required(_id(span.get("traceID"), TRACE_BYTES), "trace id"),
        span_id=required(_id(span.get("spanID")), "span id"),
        parent_id=_parent(span),
        name=name if isinstance(name, str) else "",
        started_at=moment(start),
        ended_at=moment(end),
        failed=True if error in (True, "true") else failed(status)[0],
        status_message=str(attributes.pop("otel.status_description", None) or ""),
        attributes=attributes,
        events=_events(span.get("logs")),
        app=app,
        tags=tags,
    )


def _id(value: Any, *size: int) -> str | None:
    """Return an id with the leading zeros that Jaeger leaves out."""
    return span_id(f"0x{value}" if isinstance(value, str) and value else value, *size)


def _parent(span: Mapping[str, Any]) -> str | None:
    references = [r for r in span.get("references") or () if isinstance(r, dict)]
    children = [r for r in references if str(r.get("refType")).upper() == "CHILD_OF"]
    found = next((r.get("spanID") for r in [*children, *references]), None) or span.get("parentSpanID")
    return _id(found)


def _values(tags: Any) -> dict[str, Any]:
    """Return tags as {name: value}."""
    items = [t for t in tags if isinstance(t, dict)] if isinstance(tags, list) else []
    return {t["key"]: _value(t.get("type"), t.get("value")) for t in items if isinstance(t.get("key"), str)}


def _value(kind: Any, value: Any) -> Any:
    """Return a tag's value; Elasticsearch stores all of them as text."""
    if not isinstance(value, str):
        return value
    if str(kind).lower() == "bool":
        return value == "true"
    if str(kind).lower() in ("int64", "float64"):
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            return value
    return value


def _events(logs: Any) -> list[tuple[str, Mapping[str, Any]]]:
    fields = [_values(e.get("fields")) for e in logs if isinstance(e, dict)] if isinstance(logs, list) else []
    return [(str(f.get("event") or f.get("name") or ""), f) for f in fields]
