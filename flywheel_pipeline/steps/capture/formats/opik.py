"""Opik: traces with their spans as its command line exports them, and rows of its API's pages.

A document is `{trace, spans}`. A trace has `id, name, start_time, end_time, input, output, thread_id, usage, tags,
feedback_scores, error_info`; a span has `trace_id`, `parent_span_id`, `type` (general, tool, llm, guardrail), `model`
and `provider` as well. The usage of a trace is the sum of its spans'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, clean
from flywheel_pipeline.steps.capture.formats.lenient import (
    content,
    documents_in,
    get_cost,
    get_count,
    get_list,
    get_object,
    get_text,
    get_time,
    scalars,
    tags_of,
)
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, feedback_of
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

NAME = "opik"
KINDS: Mapping[str, str] = {"llm": "llm", "tool": "tool", "guardrail": "evaluator", "general": "other"}
_PROJECT = frozenset(("project_id", "project_name"))
_TRACE = frozenset((
    "feedback_scores", "span_count", "llm_span_count", "total_estimated_cost", "visibility_mode", "thread_id", "usage",
))  # fmt: skip
_KNOWN = {
    "id", "trace_id", "parent_span_id", "name", "type", "start_time", "end_time", "input", "output", "metadata", "tags",
    "usage", "model", "provider", "total_estimated_cost", "thread_id", "feedback_scores", "error_info", "comments",
    "duration", "created_at", "last_updated_at", "created_by", "last_updated_by", "workspace_name", *_PROJECT, *_TRACE,
    "total_estimated_cost_version", "environment", "source", "ttft", "llm_span_count", "has_tool_spans", "providers",
    "span_feedback_scores", "guardrails_validations", "experiment",
}  # fmt: skip


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a trace with its spans, a trace, or a span."""
    inner = record.get("trace")
    if isinstance(inner, dict) and isinstance(record.get("spans"), list):
        return {"id", "start_time"} <= inner.keys() and all("context" not in s for s in record["spans"][:1] if s)
    if not {"id", "start_time"} <= record.keys() or "run_type" in record:
        return False
    if "trace_id" in record:
        return record.get("type") in KINDS and bool(record.keys() & {"parent_span_id", *_PROJECT})
    return bool(record.keys() & _PROJECT) and bool(record.keys() & _TRACE)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the trace as a span, its spans, and their scores."""
    inner = record.get("trace")
    if "trace_id" in record and not isinstance(inner, dict):
        yield from _items(record, None, source)
        return
    trace = inner if isinstance(inner, dict) else record
    trace_id = get_text(trace, "id")
    if not trace_id:
        raise UnreadableError("the trace has no id")
    yield from _items({**trace, "project_name": record.get("project_name")}, trace_id, source)
    for span in get_list(record, "spans"):
        if isinstance(span, dict):
            yield from _items({**span, "trace_id": span.get("trace_id") or trace_id}, None, source)
        else:
            yield Unreadable("a span is no object", str(span)[:200])


def _items(value: Mapping[str, Any], trace_id: str | None, source: Source) -> Iterator[Item]:
    """Yield a trace (`trace_id` given) or a span, and its scores."""
    own, of = get_text(value, "id"), trace_id or get_text(value, "trace_id")
    if not own or not of:
        yield Unreadable("a span without id or trace_id", str(value.get("name")))
        return
    yield _span(value, clean(of), None if trace_id else clean(own))
    for score in get_list(value, "feedback_scores"):
        if isinstance(score, dict):
            opinion = Opinion(
                of, get_text(score, "name") or "score", score.get("value"), get_text(score, "source") or "",
                get_text(score, "reason"), get_time(score, "last_updated_at", "created_at"), score.get("category_name"),
                author=get_text(score, "last_updated_by", "created_by"), step_id=None if trace_id else own,
            )  # fmt: skip
            yield from feedback_of(opinion, source)


def _span(value: Mapping[str, Any], trace_id: str, own: str | None) -> Span:
    kind = KINDS.get(str(value.get("type")), "other") if own else "trace"
    asked, answered = loads(value.get("input")), loads(value.get("output"))
    usage, error = get_object(value, "usage"), get_object(value, "error_info")
    failed = get_text(error, "message", "exception_type") if error else None
    return Span(
        trace_id=trace_id,
        span_id=own or trace_id,
        parent_id=(get_text(value, "parent_span_id") or trace_id) if own else None,
        name=get_text(value, "name") or "",
        kind=kind,
        started_at=get_time(value, "start_time"),
        ended_at=get_time(value, "end_time"),
        error=failed,
        input=content(asked),
        output=content(answered),
        messages=to_messages(asked) if kind == "llm" else [],
        reply=to_messages(answered, "assistant") if kind == "llm" else [],
        documents=documents_in(answered) if _is_retrieval(value) else [],
        model=get_text(value, "model"),
        app=None if own else get_text(value, "project_name"),
        session_id=get_text(value, "thread_id"),
        input_tokens=get_count(usage, "prompt_tokens", "original_usage.input_tokens", "input_tokens"),
        output_tokens=get_count(usage, "completion_tokens", "original_usage.output_tokens", "output_tokens"),
        cost_usd=get_cost(value, "total_estimated_cost"),
        tags={**tags_of(value, {"tags": "tags", "provider": "provider"}), **scalars(get_object(value, "metadata"))},
        n_dropped=sum(k not in _KNOWN and v not in (None, "", [], {}) for k, v in value.items()),
    )


def _is_retrieval(value: Mapping[str, Any]) -> bool:
    name = str(value.get("name") or "").lower()
    return value.get("type") in ("tool", "general") and ("retriev" in name or "search" in name)
