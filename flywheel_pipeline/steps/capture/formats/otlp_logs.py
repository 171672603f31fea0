"""OTLP logs: GenAI content that is logged as events of a span, which the span's own export leaves out.

`{resourceLogs: [{scopeLogs: [{logRecords: [{traceId, spanId, eventName, body, attributes}]}]}]}`. Records that are one
message (`gen_ai.user.message`, `gen_ai.choice`, …), a whole call (`gen_ai.client.inference.operation.details`) or an
evaluation join their span by trace and span id, whatever file the span is in. All other log records are no traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.otel.attributes import RawSpan, items_of, resource_of
from flywheel_pipeline.steps.capture.formats.otel.decode import TRACE_BYTES, moment, span_id
from flywheel_pipeline.steps.capture.formats.otel.span_events import HANDLERS, MESSAGE_EVENTS
from flywheel_pipeline.steps.capture.formats.otlp import attributes_of, value_of
from flywheel_pipeline.steps.capture.messages import loads
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

NAME = "otlp_logs"
_RESOURCES = ("resourceLogs", "resource_logs")
_SCOPES = ("scopeLogs", "scope_logs", "instrumentationLibraryLogs")
_RECORDS = ("logRecords", "log_records", "logs")
_WHAT_TO_DO = "export the traces of the app as well (OTLP traces), and GenAI events with their trace and span ids"


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is an export of logs."""
    return any(k in record for k in (*_RESOURCES, *_SCOPES))


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield what the log records say of spans, and one `Unreadable` for those that say nothing of any.

    Raises:
        UnreadableError: none of them does.
    """
    n_read = n_other = 0
    for resource, log in _records(record):
        app, tags = resource_of(attributes_of(resource.get("attributes")))
        items = list(_items(log, app, tags, source)) if isinstance(log, dict) else []
        n_read, n_other = n_read + bool(items), n_other + (not items)
        yield from items
    if not n_read:
        raise UnreadableError(f"OTLP logs without GenAI content of spans ({n_other} records): {_WHAT_TO_DO}")
    if n_other:
        yield Unreadable(f"{n_other} OTLP log records are no GenAI content of spans: {_WHAT_TO_DO}")


def _records(record: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Any]]:
    for part in _objects(record, _RESOURCES) or [dict(record)]:
        resource = part.get("resource")
        for scope in _objects(part, _SCOPES):
            for log in next((scope[k] for k in _RECORDS if isinstance(scope.get(k), list)), []):
                yield resource if isinstance(resource, dict) else {}, log


def _objects(value: Mapping[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    found: list[Any] = next((value[k] for k in names if isinstance(value.get(k), list)), [])
    return [i for i in found if isinstance(i, dict)]


def _items(log: Mapping[str, Any], app: str | None, tags: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield what a log record adds to its span."""
    trace = span_id(_first(log, "traceId", "trace_id"), TRACE_BYTES)
    own = span_id(_first(log, "spanId", "span_id"))
    attributes = attributes_of(log.get("attributes"))
    name = str(_first(log, "eventName", "event_name") or attributes.get("event.name") or "")
    if not trace or not own or not (name in MESSAGE_EVENTS or name in HANDLERS):
        return
    body = loads(value_of(log.get("body")))
    fields = {**attributes, **body} if isinstance(body, dict) else {**attributes, "body": body}
    at = _first(log, "timeUnixNano", "time_unix_nano", "observedTimeUnixNano", "observed_time_unix_nano")
    raw = RawSpan(trace, own, started_at=moment(at), events=[(name, fields)], app=app, tags=tags)
    for item in items_of(raw, source):
        if isinstance(item, Span) and (item.messages or item.reply):
            logged = {"at": str(at or "")[:40].zfill(20), "messages": item.messages, "reply": item.reply}
            item.logged, item.messages, item.reply = [logged], [], []
        yield item


def _first(log: Mapping[str, Any], *names: str) -> Any:
    return next((log[k] for k in names if log.get(k) not in (None, "", 0, "0")), None)
