"""OTLP: the documents that OpenTelemetry exporters and collectors write, as JSON or protobuf.

JSON is `{resourceSpans: [{resource, scopeSpans: [{scope, spans: [span]}]}]}` (opentelemetry-proto 1.x), also in
`snake_case`, with the older `instrumentationLibrarySpans`, as `{batches: […]}` (Grafana Tempo), as a bare
`{scopeSpans: […]}`, and as single spans. A span is `{traceId, spanId, parentSpanId, name, startTimeUnixNano,
endTimeUnixNano, attributes: [{key, value: {stringValue | intValue | …}}], events, links, status}`. Ids are hex or
base64, 64-bit numbers text or numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.otel.attributes import RawSpan, items_of, resource_of
from flywheel_pipeline.steps.capture.formats.otel.decode import TRACE_BYTES, failed, moment, required, span_id
from flywheel_pipeline.steps.capture.formats.otel.protobuf import records_of_protobuf
from flywheel_pipeline.steps.capture.spans import Unreadable

__all__ = ["NAME", "read", "recognises", "records_of_protobuf"]

NAME = "otlp"
MAX_DEPTH = 20
_RESOURCES = ("resourceSpans", "resource_spans", "batches")
_SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans")


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is an OTLP export, a part of one, or one of its spans."""
    if any(k in record for k in ("resourceSpans", "resource_spans")) or any(k in record for k in _SCOPES):
        return True
    batches = record.get("batches")
    if isinstance(batches, list):
        return any(isinstance(b, dict) and any(k in b for k in _SCOPES) for b in batches[:3])
    inner = record.get("trace")
    if isinstance(inner, dict) and "resourceSpans" in inner:
        return True
    return _get(record, "traceId", "trace_id") is not None and (
        "startTimeUnixNano" in record or "start_time_unix_nano" in record
    )


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the spans of an export, and the feedback that it carries."""
    for resource, spans in _groups(record):
        app, tags = resource_of(attributes_of(resource.get("attributes")))
        for span in spans:
            try:
                raw = _decode(span)
            except UnreadableError as error:
                yield Unreadable(str(error), str(span)[:200])
                continue
            raw.app, raw.tags = app, tags
            yield from items_of(raw, source)


def _groups(record: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Sequence[Any]]]:
    """Yield (resource, spans) of all parts of an export."""
    if _get(record, "traceId", "trace_id") is not None and not any(k in record for k in _SCOPES):
        yield _mapping(record.get("resource")), [record]
        return
    whole = record["trace"] if isinstance(record.get("trace"), dict) and "trace" in record else record
    listed = next((k for k in _RESOURCES if k in whole), None)
    for part in _list(whole[listed], listed) if listed else [whole]:
        if not isinstance(part, dict):
            raise UnreadableError(f"{listed} must be a list of objects")
        for key in _SCOPES:
            for scope in _list(part.get(key), key):
                yield _mapping(part.get("resource")), _list(_mapping(scope).get("spans"), "spans")


def _list(value: Any, name: str | None) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableError(f"{name} must be a list, not {str(value)[:40]!r}: not an OTLP export")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _get(record: Mapping[str, Any], camel: str, snake: str) -> Any:
    value = record.get(camel)
    return record.get(snake) if value is None else value


def _decode(span: Any) -> RawSpan:
    if not isinstance(span, dict):
        raise UnreadableError("a span must be an object")
    name = span.get("name")
    status, message = failed(span.get("status"))
    return RawSpan(
        trace_id=required(span_id(_get(span, "traceId", "trace_id"), TRACE_BYTES), "trace id"),
        span_id=required(span_id(_get(span, "spanId", "span_id")), "span id"),
        parent_id=span_id(_get(span, "parentSpanId", "parent_span_id")),
        name=name if isinstance(name, str) else "",
        started_at=moment(_get(span, "startTimeUnixNano", "start_time_unix_nano")),
        ended_at=moment(_get(span, "endTimeUnixNano", "end_time_unix_nano")),
        failed=status,
        status_message=message,
        attributes=attributes_of(span.get("attributes")),
        events=_events(span.get("events")) if span.get("events") else (),
        links=_links(span.get("links")) if span.get("links") else (),
    )


def _events(value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    events = [e for e in value if isinstance(e, dict)] if isinstance(value, list) else []
    return [(str(e.get("name") or ""), attributes_of(e.get("attributes"))) for e in events]


def _links(value: Any) -> list[tuple[str, str]]:
    links = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    ids = [(span_id(_get(k, "traceId", "trace_id"), TRACE_BYTES), span_id(_get(k, "spanId", "span_id"))) for k in links]
    return [(trace, span or "") for trace, span in ids if trace]


def attributes_of(value: Any) -> dict[str, Any]:
    """Return OTLP attributes as {name: value}."""
    if isinstance(value, dict):
        return {str(k): value_of(v) if _is_wrapped(v) else v for k, v in value.items()}
    found: dict[str, Any] = {}
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and isinstance(name := item.get("key"), str):
                wrapped = item.get("value")
                if isinstance(wrapped, dict) and len(wrapped) == 1 and "stringValue" in wrapped:
                    found[name] = wrapped["stringValue"]
                else:
                    found[name] = value_of(wrapped)
    return found


def _is_wrapped(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _VALUES


def value_of(wrapped: Any, depth: int = 0) -> Any:
    """Return the value in an OTLP `AnyValue`; None where it is nested too deeply."""
    if not isinstance(wrapped, dict) or not wrapped:
        return None
    name, value = next(iter(wrapped.items()))
    kind = _VALUES.get(str(name))
    if kind is None:
        return None
    if kind == "int":
        return _int(value)
    if kind in ("array", "map"):
        if depth > MAX_DEPTH:
            return None
        items = _items(value)
        if kind == "array":
            return [value_of(i, depth + 1) for i in items]
        return {str(i["key"]): value_of(i.get("value"), depth + 1) for i in items if isinstance(i, dict) and "key" in i}
    return value


_VALUES: Mapping[str, str] = {
    "stringValue": "", "string_value": "", "boolValue": "", "bool_value": "", "doubleValue": "", "double_value": "",
    "bytesValue": "", "bytes_value": "", "intValue": "int", "int_value": "int", "arrayValue": "array",
    "array_value": "array", "kvlistValue": "map", "kvlist_value": "map",
}  # fmt: skip


def _items(value: Any) -> list[Any]:
    inner = value.get("values") if isinstance(value, dict) else value
    return inner if isinstance(inner, list) else []


def _int(value: Any) -> Any:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
