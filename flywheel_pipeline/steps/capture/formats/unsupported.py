"""Exports of systems that are not read: recognised so that the reason names the system and what to export instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError

NAME = "unsupported"
_AS_CHAT = "write each conversation as a line of chat JSONL ({messages, started_at}), or send OpenTelemetry traces"


def _is_weave(record: Mapping[str, Any]) -> bool:
    called = record.get("op_name")
    return isinstance(called, str) and ("inputs" in record or called.startswith("weave:"))


def _is_datadog(record: Mapping[str, Any]) -> bool:
    held = record.get("data")
    record = held if isinstance(held, dict) else record
    inner = record.get("attributes")
    if record.get("type") == "span" and isinstance(inner, dict):
        return {"trace_id", "span_id"} <= inner.keys() or "ml_app" in inner
    meta = record.get("meta")
    if isinstance(meta, dict) and {"trace_id", "span_id"} <= record.keys():
        return any(k in meta for k in ("kind", "span.kind")) and ("start_ns" in record or "ml_app" in record)
    return "ml_app" in record and ("spans" in record or "span_kind" in record)


def _is_inspect(record: Mapping[str, Any]) -> bool:
    if isinstance(record.get("eval"), dict):
        return any(k in record for k in ("samples", "plan", "results", "stats"))
    return {"epoch", "target", "messages", "scores"} <= record.keys()


def _is_metrics(record: Mapping[str, Any]) -> bool:
    return any(k in record for k in ("resourceMetrics", "resource_metrics", "scopeMetrics", "scope_metrics"))


def _is_profiles(record: Mapping[str, Any]) -> bool:
    return "resourceProfiles" in record or "resource_profiles" in record


def _is_zipkin(record: Mapping[str, Any]) -> bool:
    return {"traceId", "id", "timestamp"} <= record.keys() and (
        "localEndpoint" in record or "binaryAnnotations" in record
    )


_SYSTEMS: tuple[tuple[Callable[[Mapping[str, Any]], bool], str], ...] = (
    (_is_weave, f"a W&B Weave call, which is not read: {_AS_CHAT}"),
    (_is_datadog, f"a Datadog LLM Observability span, which is not read: {_AS_CHAT}"),
    (_is_inspect, f"an Inspect evaluation log, which is not read: it holds no production traces; {_AS_CHAT}"),
    (_is_zipkin, "a Zipkin span, which is not read: export the traces as OTLP, as the OpenTelemetry Collector does"),
    (_is_metrics, "OTLP metrics hold no traces: export the traces of the app (OTLP traces)"),
    (_is_profiles, "OTLP profiles hold no traces: export the traces of the app (OTLP traces)"),
)


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is of one of these systems."""
    return any(fits(record) for fits, _ in _SYSTEMS)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Refuse the record.

    Raises:
        UnreadableError: always, with the name of the system and what to export instead.
    """
    raise UnreadableError(next(reason for fits, reason in _SYSTEMS if fits(record)))
