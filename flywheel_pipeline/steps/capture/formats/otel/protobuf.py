"""OTLP protobuf -> OTLP JSON, for files and for requests.

OTLP JSON is protobuf's JSON form with three rules of its own (opentelemetry-proto, "OTLP/HTTP JSON encoding"): trace
and span ids are hex, enums are numbers, and keys that the receiver does not know are ignored. A file holds one
`ExportTraceServiceRequest` (`TracesData` is the same on the wire), or several, each behind its length: four bytes,
big-endian (the collector's file exporter), or a varint (protobuf's delimited writers).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, MutableSequence
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import UnreadableError

_NO_OTLP = (
    "not an OTLP protobuf export (one ExportTraceServiceRequest, or several with their lengths), or it breaks off"
)
_METRICS = "OTLP metrics hold no traces: export the traces of the app (OTLP traces)"
_CUT = b"\xff"
"""Stands for a frame of which the end is missing: no message begins so."""
_IDS = (16, 8)
"""The bytes of a trace id and of a span id."""
_Convert = Callable[[Any], Any] | None
_FIELDS: dict[Any, tuple[str, _Convert]] = {}
"""The name of a field in JSON, and how its value gets there; noted when a field is first met."""


def as_otlp_json(message: Any) -> dict[str, Any]:
    """Return a protobuf message of OTLP as the object that OTLP JSON has for it."""
    found = {}
    for field, value in message.ListFields():
        known = _FIELDS.get(field)
        if known is None:
            known = _FIELDS[field] = _name_and_converter(field, value)
        name, convert = known
        found[name] = value if convert is None else convert(value)
    return found


def _name_and_converter(field: Any, value: Any) -> tuple[str, _Convert]:
    convert = _converter(field)
    if not isinstance(value, MutableSequence):
        return field.json_name, convert
    return field.json_name, list if convert is None else lambda items: [convert(i) for i in items]


def _converter(field: Any) -> _Convert:
    if field.message_type is not None:
        return as_otlp_json
    if field.type == field.TYPE_BYTES:
        return _hex if field.name in ("trace_id", "span_id", "parent_span_id") else _base64
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return _number
    return str if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else None


def _hex(value: bytes) -> str:
    return value.hex()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def records_of_protobuf(data: bytes) -> list[dict[str, Any] | UnreadableError]:
    """Return the export requests of traces or logs in `data` as OTLP JSON; for one that is damaged, why.

    Raises:
        UnreadableError: the bytes hold none.
    """
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    kinds = (
        (ExportTraceServiceRequest, _has_spans),
        (ExportLogsServiceRequest, _has_logs),
        (ExportMetricsServiceRequest, _has_metrics),
    )
    splits = [split(data) for split in (_whole, _fixed, _varint)]
    for request_type, is_one in kinds:
        for frames in splits:
            found = [_parsed(request_type, frame) for frame in frames]
            if any(request is not None and is_one(request) for request in found):
                if request_type is ExportMetricsServiceRequest:
                    raise UnreadableError(_METRICS)
                return [UnreadableError(_damaged(n)) if r is None else as_otlp_json(r) for n, r in enumerate(found, 1)]
    raise UnreadableError(_NO_OTLP)


def _damaged(number: int) -> str:
    return f"message {number} of the file is damaged or breaks off: the others were read"


def _parsed(request_type: Any, frame: bytes) -> Any:
    """Return the request in a frame; None if it is none."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return request_type.FromString(frame)
    except DecodeError:
        return None


def _whole(data: bytes) -> list[bytes]:
    return [data] if data else []


def _fixed(data: bytes) -> list[bytes]:
    return _frames(data, lambda at: (int.from_bytes(data[at : at + 4], "big"), at + 4))


def _varint(data: bytes) -> list[bytes]:
    return _frames(data, lambda at: _read_varint(data, at))


def _frames(data: bytes, length: Callable[[int], tuple[int, int]]) -> list[bytes]:
    """Return the frames that begin with their lengths, the last one cut where the data ends; none if the first is."""
    frames: list[bytes] = []
    at = 0
    while at < len(data):
        size, start = length(at)
        at = start + size
        if size < 0 or (not frames and not 0 < size <= len(data) - start):
            return []
        if size:
            frames.append(data[start:at] if at <= len(data) else _CUT)
    return frames


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    size = 0
    for i, byte in enumerate(data[at : at + 5]):
        size |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return size, at + i + 1
    return -1, at


def _has_spans(request: Any) -> bool:
    """Return whether a message holds traces: other bytes may parse, but not to spans with ids of the right length."""
    scopes = (scope for part in request.resource_spans for scope in part.scope_spans)
    return any((len(span.trace_id), len(span.span_id)) == _IDS for scope in scopes for span in scope.spans)


def _has_logs(request: Any) -> bool:
    scopes = (scope for part in request.resource_logs for scope in part.scope_logs)
    logs = (log for scope in scopes for log in scope.log_records)
    return any((log.time_unix_nano or log.observed_time_unix_nano) and log.HasField("body") for log in logs)


def _has_metrics(request: Any) -> bool:
    scopes = (scope for part in request.resource_metrics for scope in part.scope_metrics)
    return any(metric.name and metric.WhichOneof("data") for scope in scopes for metric in scope.metrics)
