"""MLflow: traces `{info, data: {spans}}` of its SDK and REST API, versions 2 and 3, and `search_traces` tables.

`info` has `trace_id` or `request_id`, `timestamp_ms` or `request_time`, `execution_time_ms`, `status` or `state`,
`tags`, `trace_metadata` or `request_metadata`, `assessments`. Spans have their ids under `context` (version 2) or
base64 ids as in OpenTelemetry (version 3); the values of their attributes (`mlflow.spanInputs`, …) are JSON text.
Previews of request and response are cut off: they count only where neither the data nor the root span has the whole.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, clean
from flywheel_pipeline.steps.capture.formats.lenient import (
    content,
    documents_in,
    first,
    get_count,
    get_list,
    get_number,
    get_object,
    get_text,
    get_time,
    scalars,
)
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, feedback_of
from flywheel_pipeline.steps.capture.formats.otlp import attributes_of
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

NAME = "mlflow"

KINDS: Mapping[str, str] = {
    "CHAT_MODEL": "llm", "LLM": "llm", "TOOL": "tool", "RETRIEVER": "retriever", "AGENT": "agent", "CHAIN": "chain",
    "EMBEDDING": "embedding", "RERANKER": "retriever", "EVALUATOR": "evaluator",
}  # fmt: skip
_SECONDS = re.compile(r"([\d.]+)s")


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a trace of MLflow, or a row of its table of traces."""
    if isinstance(record.get("trace_info"), dict) or (isinstance(i := record.get("trace"), dict) and "trace_info" in i):
        return True
    if _is_info(record):
        return True
    info = record.get("info")
    if isinstance(info, dict) and (isinstance(record.get("data"), dict | str) or _is_info(info)):
        return bool({"request_id", "trace_id"} & info.keys())
    is_row = (
        "spans" in record
        and ({"request_id", "trace_id"} & record.keys())
        and ("request" in record or "response" in record)
    )
    return (bool(is_row) and "execution_time_ms" in record) or (bool(is_row) and "execution_duration" in record)


def _is_info(record: Mapping[str, Any]) -> bool:
    """Return whether the record is what `search_traces` of the REST API answers with: a trace without its data."""
    metadata = record.get("trace_metadata", record.get("request_metadata", {} if "request_preview" in record else None))
    is_timed = "request_time" in record or "timestamp_ms" in record
    return isinstance(metadata, dict | list) and is_timed and bool({"trace_id", "request_id"} & record.keys())


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the trace as a span, its spans and its assessments."""
    inner = get_object(record, "trace")
    record = inner if "trace_info" in inner else record
    info = get_object(record, "info", "trace_info") or dict(record)
    data = get_object(record, "data", "trace_data")
    trace_id = get_text(info, "trace_id", "request_id")
    if not trace_id:
        raise UnreadableError("the trace has neither trace_id nor request_id")
    spans = [loads(s) for s in get_list(data, "spans") or get_list(record, "spans")]
    made = [
        _span(s, clean(trace_id)) if isinstance(s, dict) else Unreadable("a span is no object", str(s)[:200])
        for s in spans
    ]
    whole = _whole(info, data or record, clean(trace_id))
    yield from _previewed(whole, made, info)
    yield from made
    for assessment in [*get_list(info, "assessments"), *get_list(record, "assessments" if "info" in record else "")]:
        if isinstance(assessment, dict):
            yield from _assessment(assessment, clean(trace_id), source)


def _previewed(whole: Span, made: list[Item], info: Mapping[str, Any]) -> Iterator[Item]:
    """Yield the trace with the input and output of its root span, else with the previews, of which it is reported
    where they are cut."""
    root = next((s for s in made if isinstance(s, Span) and s.parent_id == whole.trace_id), None)
    cut: list[str] = []
    for side, names in _PREVIEWS.items():
        if getattr(whole, side) is None and (root is None or getattr(root, side) is None):
            metadata = {**get_object(info, "request_metadata"), **get_object(info, "trace_metadata")}
            preview = first({**metadata, **info}, *names)
            setattr(whole, side, content(preview))
            cut += [side] if isinstance(preview, str) and _is_cut(preview) else []
        elif getattr(whole, side) is None and root is not None:
            setattr(whole, side, getattr(root, side))
    yield whole
    if cut:
        yield Unreadable(f"the trace has only a preview of its {' and '.join(cut)}, cut off: export it with its spans")


_PREVIEWS: Mapping[str, tuple[str, ...]] = {
    "input": ("request_preview", "mlflow.traceInputs"), "output": ("response_preview", "mlflow.traceOutputs"),
}  # fmt: skip
_CUTS = (250, 1_000, 10_000)
"""The lengths at which versions of MLflow cut their previews."""


def _is_cut(preview: str) -> bool:
    return preview.endswith("...") or len(preview) in _CUTS


def _whole(info: Mapping[str, Any], data: Mapping[str, Any], trace_id: str) -> Span:
    metadata = {**get_object(info, "request_metadata"), **get_object(info, "trace_metadata")}
    tags = get_object(info, "tags")
    usage = get_object(metadata, "mlflow.trace.tokenUsage")
    started = get_time(info, "request_time", "timestamp_ms", "timestamp")
    milliseconds = _milliseconds(info)
    has_error = str(info.get("state") or info.get("status") or "").upper() in ("ERROR", "STATUS_CODE_ERROR")
    return Span(
        trace_id=trace_id,
        span_id=trace_id,
        name=get_text(tags, "mlflow.traceName") or "",
        kind="trace",
        started_at=started,
        ended_at=_after(started, milliseconds),
        error="ERROR" if has_error else None,
        input=content(first(data, "request")),
        output=content(first(data, "response")),
        session_id=get_text(metadata, "mlflow.trace.session", "session_id"),
        input_tokens=get_count(usage, "input_tokens"),
        output_tokens=get_count(usage, "output_tokens"),
        cost_usd=get_number(get_object(metadata, "mlflow.trace.cost"), "total_cost"),
        tags={
            **scalars({k: v for k, v in {**metadata, **tags}.items() if not str(k).startswith("mlflow.")}),
            **_user(metadata),
        },
    )


def _after(started: datetime | None, milliseconds: float | None) -> datetime | None:
    return started + timedelta(milliseconds=milliseconds) if started and milliseconds and milliseconds < 1e10 else None


def _user(metadata: Mapping[str, Any]) -> dict[str, Any]:
    user = get_text(metadata, "mlflow.trace.user")
    return {"user_id": user} if user else {}


def _milliseconds(info: Mapping[str, Any]) -> float | None:
    """Return the duration: a number of milliseconds or, in version 3, text such as `1.5s`."""
    found = _SECONDS.fullmatch(str(info.get("execution_duration") or ""))
    seconds = get_number({"s": found.group(1)}, "s") if found else None
    return (
        seconds * 1000
        if seconds is not None
        else get_number(info, "execution_time_ms", "execution_duration_ms", "execution_duration")
    )


def _span(span: Mapping[str, Any], trace_id: str) -> Item:
    context = get_object(span, "context")
    own = _id(first(span, "span_id", "spanId") or context.get("span_id"))
    if not own:
        return Unreadable("a span without an id", str(span.get("name")))
    listed = span.get("attributes")  # the REST API writes them as OTLP does, `[{key, value: {string_value}}]`
    held = attributes_of(listed) if isinstance(listed, list) else get_object(span, "attributes")
    attributes = {k: loads(v) for k, v in held.items()}
    kind = KINDS.get(str(attributes.get("mlflow.spanType") or span.get("span_type") or "").upper(), "other")
    inputs = attributes.get("mlflow.spanInputs", span.get("inputs"))
    outputs = attributes.get("mlflow.spanOutputs", span.get("outputs"))
    made = Span(
        trace_id=trace_id,
        span_id=own,
        parent_id=_id(first(span, "parent_span_id", "parentSpanId", "parent_id")) or trace_id,
        name=get_text(span, "name") or "",
        kind=kind,
        started_at=get_time(span, "start_time_unix_nano", "start_time", "start_time_ns"),
        ended_at=get_time(span, "end_time_unix_nano", "end_time", "end_time_ns"),
        error=_error(span),
        input=content(inputs),
        output=content(outputs),
        documents=documents_in(outputs) if kind == "retriever" else [],
        n_dropped=sum(not str(k).startswith("mlflow.") for k in attributes),
    )
    if kind == "llm":
        _fill_model(made, attributes, inputs, outputs)
    return made


def _fill_model(span: Span, attributes: Mapping[str, Any], inputs: Any, outputs: Any) -> None:
    """Add what only model calls have: conversation, model and tokens."""
    usage = get_object(attributes, "mlflow.chat.tokenUsage")
    found = get_object({"o": outputs}, "o")
    usage = usage or get_object(found, "usage", "usage_metadata")
    asked = get_object({"i": inputs}, "i")
    span.messages, span.reply = to_messages(inputs), to_messages(outputs, "assistant")
    if not span.messages:
        span.messages = to_messages(attributes.get("mlflow.chat.messages"))
    span.model = (
        get_text(attributes, "mlflow.llm.model", "model") or get_text(found, "model") or get_text(asked, "model")
    )
    span.input_tokens = get_count(usage, "input_tokens", "prompt_tokens")
    span.output_tokens = get_count(usage, "output_tokens", "completion_tokens")


def _id(value: Any) -> str | None:
    """Return a span id in hex: version 3 writes it in base64, version 2 as 0x….."""
    if not isinstance(value, str) or not value:
        return None
    if re.fullmatch(r"(0x)?[0-9a-fA-F]{16}", value):
        return value.removeprefix("0x").lower()
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return clean(value)
    return raw.hex() if len(raw) == 8 else clean(value)


def _error(span: Mapping[str, Any]) -> str | None:
    status = span.get("status")
    found = get_object(span, "status")
    code = str(first(found, "code", "status_code") or span.get("status_code") or status or "").upper()
    if "ERROR" not in code:
        return None
    return get_text(found, "message", "description") or get_text(span, "status_message") or "ERROR"


def _assessment(value: Mapping[str, Any], trace_id: str, source: Source) -> Iterator[Item]:
    """Yield the judgement on the trace; an expectation is an expert's, and is called so."""
    expected = get_object(value, "expectation")
    by = "annotator" if expected else get_text(get_object(value, "source"), "source_type") or ""
    given = expected.get("value") if expected else get_object(value, "feedback").get("value", value.get("value"))
    name = get_text(value, "assessment_name", "name") or "assessment"
    name = f"expected_{name}" if expected and not name.lower().startswith("expect") else name
    opinion = Opinion(
        trace_id, name, given, by, get_text(value, "rationale"),
        get_time(value, "last_update_time", "create_time", "create_time_ms"),
        author=get_text(get_object(value, "source"), "source_id"), step_id=_id(value.get("span_id")),
    )  # fmt: skip
    if value.get("valid") is not False:
        yield from feedback_of(opinion, source)
