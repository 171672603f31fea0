"""Pydantic Logfire: records as its query API and its exports have them.

A record is a span with `trace_id, span_id, parent_span_id, span_name, start_timestamp, end_timestamp, attributes`
(an object or JSON text), `otel_status_code`, `otel_events`, `service_name` and `kind`. A pending span is the
beginning of one that had not ended, and holds nothing more than that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source
from flywheel_pipeline.steps.capture.formats.lenient import get_list, get_object, get_text
from flywheel_pipeline.steps.capture.formats.otel.attributes import RawSpan, items_of, resource_of
from flywheel_pipeline.steps.capture.formats.otel.decode import TRACE_BYTES, failed, moment, required, span_id
from flywheel_pipeline.steps.capture.spans import Unreadable

NAME = "logfire"
_FATAL = 17
"""The level from which a record is an error, as in OpenTelemetry."""


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record has the ids and times of a span as Logfire names them."""
    return {"trace_id", "span_id", "start_timestamp"} <= record.keys() and ("span_name" in record or "kind" in record)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the span."""
    if record.get("kind") == "pending_span":
        yield Unreadable("a pending span: export the records of kind span as well", str(record.get("span_name")))
        return
    resource = {**get_object(record, "otel_resource_attributes"), "service.name": record.get("service_name")}
    resource.setdefault("deployment.environment.name", record.get("deployment_environment"))
    app, tags = resource_of({k: v for k, v in resource.items() if v not in (None, "")})
    is_error = record.get("is_exception") is True or record.get("level") in ("error", "fatal")
    level = record.get("level")
    is_error = is_error or (type(level) is int and level >= _FATAL)
    raw = RawSpan(
        trace_id=required(span_id(record.get("trace_id"), TRACE_BYTES), "trace id"),
        span_id=required(span_id(record.get("span_id")), "span id"),
        parent_id=span_id(record.get("parent_span_id")),
        name=get_text(record, "span_name", "message") or "",
        started_at=moment(record.get("start_timestamp")),
        ended_at=moment(record.get("end_timestamp")),
        failed=True if is_error else failed(record.get("otel_status_code"))[0],
        status_message=_message(record),
        attributes=get_object(record, "attributes"),
        events=_events(record),
        app=app,
        tags={**tags, **({"tags": record["tags"]} if record.get("tags") else {})},
    )
    yield from items_of(raw, source)


def _message(record: Mapping[str, Any]) -> str:
    """Return why a span failed."""
    parts = [get_text(record, "exception_type"), get_text(record, "exception_message")]
    return ": ".join(p for p in parts if p) or get_text(record, "otel_status_message") or ""


def _events(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    events = [e for e in get_list(record, "otel_events") if isinstance(e, dict)]
    names = [str(e.get("event_name") or e.get("name") or "") for e in events]
    return [(name, get_object(e, "attributes")) for name, e in zip(names, events, strict=True)]
