"""OTLP protobuf -> the same as OTLP JSON, in snake_case.

A file holds one `ExportTraceServiceRequest` (`TracesData` is the same on the wire), or several, each behind its
length: four bytes, big-endian (the collector's file exporter) or a varint (protobuf's delimited writers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import UnreadableError

_NO_OTLP = "not an OTLP protobuf export (one ExportTraceServiceRequest, or several with their lengths)"


def records_of_protobuf(data: bytes) -> list[dict[str, Any]]:
    """Return the export requests in `data` as OTLP-JSON-like objects.

    Raises:
        UnreadableError: the bytes are no OTLP.
    """
    try:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ImportError:
        raise UnreadableError("OTLP protobuf needs the package opentelemetry-proto: pip install it") from None
    for split in (_whole, _fixed, _varint):
        frames = split(data)
        if not frames:
            continue
        try:
            requests = [ExportTraceServiceRequest.FromString(f) for f in frames]
        except DecodeError:
            continue
        if _are_exports(requests):
            return [_request(r) for r in requests if r.resource_spans]
    raise UnreadableError(_NO_OTLP)


def _whole(data: bytes) -> list[bytes]:
    return [data] if data else []


def _fixed(data: bytes) -> list[bytes]:
    return _frames(data, lambda at: (int.from_bytes(data[at : at + 4], "big"), at + 4))


def _varint(data: bytes) -> list[bytes]:
    return _frames(data, lambda at: _read_varint(data, at))


def _frames(data: bytes, length: Callable[[int], tuple[int, int]]) -> list[bytes]:
    """Return the frames if their lengths fill the data exactly, else none."""
    frames, at = [], 0
    while at < len(data):
        size, start = length(at)
        at = start + size
        if size < 0 or at > len(data):
            return []
        frames.append(data[start:at])
    return frames


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    size = 0
    for i, byte in enumerate(data[at : at + 5]):
        size |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return size, at + i + 1
    return -1, at


def _are_exports(requests: list[Any]) -> bool:
    """Return whether messages are traces: other bytes may parse, but not to spans with ids of the right length."""
    parts = [c for request in requests for r in request.resource_spans for c in r.scope_spans]
    ids = {(len(s.trace_id), len(s.span_id)) for c in parts for s in c.spans}
    return ids == {(16, 8)}


def _request(request: Any) -> dict[str, Any]:
    return {"resource_spans": [_resource_spans(r) for r in request.resource_spans]}


def _resource_spans(part: Any) -> dict[str, Any]:
    scopes = [{"spans": [_span(s) for s in c.spans]} for c in part.scope_spans]
    return {"resource": {"attributes": _attributes(part.resource.attributes)}, "scope_spans": scopes}


def _span(span: Any) -> dict[str, Any]:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "name": span.name,
        "start_time_unix_nano": span.start_time_unix_nano,
        "end_time_unix_nano": span.end_time_unix_nano,
        "attributes": _attributes(span.attributes),
        "events": [{"name": e.name, "attributes": _attributes(e.attributes)} for e in span.events],
        "links": [{"trace_id": k.trace_id.hex(), "span_id": k.span_id.hex()} for k in span.links],
        "status": {"code": span.status.code, "message": span.status.message},
    }


def _attributes(items: Any) -> list[dict[str, Any]]:
    return [{"key": i.key, "value": _value(i.value)} for i in items]


def _value(value: Any) -> dict[str, Any]:
    kind = value.WhichOneof("value")
    if kind is None:
        return {}
    held = getattr(value, kind)
    if kind == "array_value":
        return {kind: {"values": list(_values(held.values))}}
    if kind == "kvlist_value":
        return {kind: {"values": _attributes(held.values)}}
    if kind == "bytes_value":
        return {"string_value": held.decode("utf-8", "replace")}
    return {kind: held}


def _values(items: Any) -> Iterator[dict[str, Any]]:
    return (_value(i) for i in items)
