"""An OTLP export request -> lines of OTLP JSON for the landing file.

Capture reads these lines like any other OTLP file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flywheel_pipeline.steps.capture.formats.otel.protobuf import as_otlp_json
from flywheel_pipeline.steps.capture.request_size import check_json, check_protobuf

RESOURCES = ("resourceSpans", "resource_spans")
SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans")
TRACE_ID = re.compile(r"(?!0*$)[0-9a-fA-F]{32}|[A-Za-z0-9+/_-]{22}==")
SPAN_ID = re.compile(r"(?!0*$)[0-9a-fA-F]{16}|[A-Za-z0-9+/_-]{11}=")
MAX_GROWTH = 4
"""How many times the longest line the lines of one request may take together, where it must be split."""


class MalformedError(ValueError):
    """The body is not OTLP; the message says where."""


class TooLongError(ValueError):
    """The request makes a line that capture would refuse."""


@dataclass(frozen=True)
class DecodeLimits:
    """The bytes of a line, and how many objects a request may hold."""

    line: int
    objects: int


@dataclass(frozen=True)
class Export:
    """The lines to keep, with their line ends, and the number of spans that were dropped for lack of valid ids."""

    lines: bytes
    n_rejected: int


def read_export(body: bytes, is_protobuf: bool, limits: DecodeLimits) -> Export:
    """Return what an `ExportTraceServiceRequest` holds; a request longer than a line becomes one line per span.

    Raises:
        MalformedError: the body is no such request.
        TooLongError: a span alone is too long.
        TooManyError: it holds more objects than the limit.
    """
    if is_protobuf:
        check_protobuf(body, ExportTraceServiceRequest.DESCRIPTOR, limits.objects)
    else:
        check_json(body, 2 * limits.objects)  # the same spans in JSON: objects and lists, and commas between members
    document = _of_protobuf(body) if is_protobuf else _of_json(body)
    n_spans, n_rejected = _drop_unusable(document)
    if not n_spans:
        return Export(b"", n_rejected)
    line = _dump(document)
    return Export(line if len(line) <= limits.line else _split(document, limits.line), n_rejected)


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
    """Return the value; lone surrogates, which clients produce that truncate texts, are accepted.

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
    """Remove the spans without valid ids; return how many stay and how many were removed."""
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


def _split(document: dict[str, Any], max_line: int) -> bytes:
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
    return {"resourceSpans": [as_otlp_json(r) for r in request.resource_spans]}
