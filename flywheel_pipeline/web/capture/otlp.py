"""An OTLP export request -> lines of OTLP JSON for the landing file.

OTLP JSON is protobuf's JSON form with three rules of its own (opentelemetry-proto, "OTLP/HTTP JSON encoding"): trace
and span ids are hex, enums are numbers, and keys that the receiver does not know are ignored.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RESOURCES = ("resourceSpans", "resource_spans")
SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans")
TRACE_ID = re.compile(r"(?!0*$)[0-9a-fA-F]{32}|[A-Za-z0-9+/_-]{22}==")
SPAN_ID = re.compile(r"(?!0*$)[0-9a-fA-F]{16}|[A-Za-z0-9+/_-]{11}=")
MAX_GROWTH = 4
"""How much more than the longest line the lines of one request may take where it must be cut up."""


class MalformedError(ValueError):
    """The body is no OTLP; the text says where."""


class TooLongError(ValueError):
    """What was sent makes a line that capture would refuse."""


@dataclass(frozen=True)
class Export:
    """The lines to keep, each with its line end, and how many spans had no valid ids and are not in them."""

    lines: bytes
    n_rejected: int


def read_export(body: bytes, is_protobuf: bool, max_line: int) -> Export:
    """Return what an `ExportTraceServiceRequest` holds; a request longer than `max_line` becomes a line a span.

    Raises:
        MalformedError: the body is no such request.
        TooLongError: a span alone is too long.
    """
    document = _of_protobuf(body) if is_protobuf else _of_json(body)
    n_spans, n_rejected = _drop_unusable(document)
    if not n_spans:
        return Export(b"", n_rejected)
    line = _dump(document)
    return Export(line if len(line) <= max_line else _cut_up(document, max_line), n_rejected)


def _of_json(body: bytes) -> dict[str, Any]:
    if not body:
        return {"resourceSpans": []}
    try:
        value = parse_json(body)
    except ValueError as error:
        raise MalformedError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedError("the body must be an object with resourceSpans")
    return {"resourceSpans": _objects(value, RESOURCES)}


def parse_json(body: bytes) -> Any:
    """Return the value; lone surrogates, which a client makes that cuts texts off, are let through.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.loads(body)
    except ValueError as error:
        if b"\\u" not in body:
            raise ValueError(str(error)) from None
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def dump_line(value: Any) -> bytes:
    """Return the value as a line of JSON.

    Raises:
        ValueError: it is nested too deeply.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        if "surrogates" not in str(error):
            raise ValueError("nested too deeply") from None
    try:
        return json.dumps(value).encode() + b"\n"
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _dump(document: dict[str, Any]) -> bytes:
    try:
        return dump_line(document)
    except ValueError as error:
        raise MalformedError(str(error)) from None


def _objects(value: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the list of objects under the first of the names that is there."""
    name = next((n for n in names if value.get(n) is not None), names[0])
    items = value.get(name) or []
    if not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
        raise MalformedError(f"{name} must be a list of objects")
    return items


def _scopes(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for part in document["resourceSpans"]:
        for scope in _objects(part, SCOPES):
            yield part, scope


def _drop_unusable(document: dict[str, Any]) -> tuple[int, int]:
    """Take the spans without valid ids out; returns how many stay and how many went."""
    n_spans = n_rejected = 0
    for _, scope in _scopes(document):
        spans = _objects(scope, ("spans",))
        usable = [s for s in spans if _is_usable(s)]
        n_spans += len(usable)
        n_rejected += len(spans) - len(usable)
        scope["spans"] = usable
    return n_spans, n_rejected


def _is_usable(span: dict[str, Any]) -> bool:
    trace, own = span.get("traceId") or span.get("trace_id"), span.get("spanId") or span.get("span_id")
    return (
        isinstance(trace, str)
        and isinstance(own, str)
        and TRACE_ID.fullmatch(trace) is not None
        and SPAN_ID.fullmatch(own) is not None
    )


def _cut_up(document: dict[str, Any], max_line: int) -> bytes:
    lines, size = [], 0
    for part, scope in _scopes(document):
        shared = {k: v for k, v in part.items() if k not in SCOPES}
        for span in scope["spans"]:
            line = _dump({"resourceSpans": [{**shared, "scopeSpans": [{**scope, "spans": [span]}]}]})
            size += len(line)
            if len(line) > max_line or size > MAX_GROWTH * max_line:
                raise TooLongError(
                    f"a span becomes a line longer than {max_line} bytes: shorten it, or raise capture.max_line_mb"
                    if len(line) > max_line
                    else "the request is too large: send smaller batches"
                )
            lines.append(line)
    return b"".join(lines)


def _of_protobuf(body: bytes) -> dict[str, Any]:
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise MalformedError(f"the body is not an ExportTraceServiceRequest: {error}") from None
    return {"resourceSpans": [_object(r) for r in request.resource_spans]}


def _object(message: Message) -> dict[str, Any]:
    found = {}
    for field, value in message.ListFields():
        known = _FIELDS.get(field)
        if known is None:
            known = _FIELDS[field] = _learn(field, value)
        name, convert = known
        found[name] = value if convert is None else convert(value)
    return found


_Convert = Callable[[Any], Any] | None
_FIELDS: dict[FieldDescriptor, tuple[str, _Convert]] = {}
"""How a field is called in JSON, and how its value gets there; learned when a field is first met."""


def _learn(field: FieldDescriptor, value: Any) -> tuple[str, _Convert]:
    convert = _converter(field)
    if not isinstance(value, MutableSequence):
        return field.json_name, convert
    return field.json_name, list if convert is None else lambda items: [convert(i) for i in items]


def _converter(field: FieldDescriptor) -> _Convert:
    if field.message_type is not None:
        return _object
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
