"""LangSmith: runs as exported (JSONL, lists, CSV), batches of `post` and `patch` as its clients send them, feedback.

Keys of a run: `id, name, run_type, start_time, end_time, inputs, outputs, error, extra, tags, trace_id, dotted_order,
parent_run_id, session_name, feedback_stats, prompt_tokens, completion_tokens, total_cost`. Outputs arrive in the patch:
runs with one id are one step. Times are ISO 8601 or, from JavaScript, epoch milliseconds. Feedback is
`{run_id, trace_id, key, score, value, comment}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flywheel_pipeline.records import Feedback
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
    opinion,
    scalars,
    tags_of,
)
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

NAME = "langsmith"

KINDS: Mapping[str, str] = {
    "llm": "llm", "chain": "chain", "tool": "tool", "retriever": "retriever", "embedding": "embedding",
    "prompt": "other", "parser": "other",
}  # fmt: skip
_ORDER = re.compile(r"(\d{8}T\d{6})(\d{6})Z([0-9a-fA-F-]{36})")
_KNOWN = {
    "id", "name", "run_type", "start_time", "end_time", "inputs", "outputs", "error", "extra", "events", "tags",
    "trace_id", "dotted_order", "parent_run_id", "session_id", "session_name", "reference_example_id", "feedback_stats",
    "status", "prompt_tokens", "completion_tokens", "total_tokens", "total_cost", "first_token_time", "serialized",
    "child_runs", "child_run_ids", "parent_run_ids", "attachments", "app_path", "inputs_preview", "outputs_preview",
    "in_dataset", "manifest_id", "prompt_cost", "completion_cost", "metadata", "is_root", "tenant_id", "latency",
}  # fmt: skip


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a run, a batch of them, or feedback on one."""
    if any(isinstance(record.get(k), list) for k in ("post", "patch")) or isinstance(record.get("runs"), list):
        return True
    is_run = "run_type" in record and ("inputs" in record or "start_time" in record)
    is_patch = "dotted_order" in record and ("outputs" in record or "end_time" in record)
    return is_run or is_patch or ("run_id" in record and "key" in record and ("score" in record or "comment" in record))


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the runs as steps, and the feedback."""
    batches = [record[k] for k in ("post", "patch", "runs") if isinstance(record.get(k), list)]
    if not batches:
        yield from _read_one(record, source)
        return
    for run in (r for batch in batches for r in batch):
        if isinstance(run, dict):
            yield from _read_one(run, source, in_batch=True)
        else:
            yield Unreadable("a run of the batch is no object", str(run)[:200])


def _read_one(record: Mapping[str, Any], source: Source, in_batch: bool = False) -> Iterator[Item]:
    try:
        if "run_id" in record and "key" in record:
            yield _feedback(record, source)
        else:
            yield _run(record)
            for child in get_list(record, "child_runs"):
                if isinstance(child, dict):
                    yield from _read_one(child, source, in_batch=True)
    except UnreadableError as error:
        if not in_batch:
            raise
        yield Unreadable(str(error), str(record.get("id") or record.get("name")))


def _feedback(record: Mapping[str, Any], source: Source) -> Item:
    trace_id = get_text(record, "trace_id", "run_id")
    score, comment = opinion(first(record, "score", "value")), get_text(record, "comment")
    score = opinion(record.get("score")) if score is None else score
    if not trace_id or (score is None and not comment):
        raise UnreadableError("feedback without a run, or with neither a score between 0 and 1 nor a comment")
    at = get_time(record, "created_at", "modified_at")
    return Feedback(trace_id, score, comment, at, source.file, source.line)


def _run(run: Mapping[str, Any]) -> Span:
    """Return a run as a step; a patch says only what is new."""
    order = _ORDER.findall(str(run.get("dotted_order") or ""))
    own = get_text(run, "id") or (order[-1][2] if order else None)
    if not own:
        raise UnreadableError("the run has neither id nor dotted_order")
    parent = get_text(run, "parent_run_id") or (order[-2][2] if len(order) > 1 else None)
    trace_id = get_text(run, "trace_id") or (order[0][2] if order else None) or own
    kind = KINDS.get(str(run.get("run_type")), "other")
    inputs, outputs = loads(run.get("inputs")), loads(run.get("outputs"))
    is_model = kind == "llm" or (kind == "other" and "choices" in get_object(run, "outputs"))
    extra = get_object(run, "extra")
    metadata = {**get_object(run, "metadata"), **get_object(extra, "metadata")}
    span = Span(
        trace_id=clean(trace_id),
        span_id=clean(own),
        parent_id=parent,
        name=get_text(run, "name") or "",
        kind="llm" if is_model else kind,
        started_at=get_time(run, "start_time") or _time_of(order),
        ended_at=get_time(run, "end_time"),
        error=content(run.get("error")),
        input=content(inputs),
        output=content(outputs),
        session_id=get_text(metadata, "session_id", "thread_id", "conversation_id"),
        tags={**tags_of(run, {"tags": "tags", "session_name": "project"}), **scalars(metadata)},
        n_dropped=sum(k not in _KNOWN and v not in (None, "", [], {}) for k, v in run.items()),
        **_verdict(get_object(run, "feedback_stats")),
    )
    if is_model:
        _fill_model(span, run, inputs, outputs, metadata)
    elif kind == "retriever":
        span.documents = documents_in(outputs)
    return span


def _time_of(order: list[tuple[str, str, str]]) -> datetime | None:
    if not order:
        return None
    day, micros, _ = order[-1]
    text = f"{day[:4]}-{day[4:6]}-{day[6:8]}T{day[9:11]}:{day[11:13]}:{day[13:15]}.{micros}"
    return get_time({"at": text}, "at")


def _fill_model(span: Span, run: Mapping[str, Any], inputs: Any, outputs: Any, metadata: Mapping[str, Any]) -> None:
    """Add what only model calls have: conversation, model, tokens and cost."""
    said = outputs if isinstance(outputs, dict) else {}
    generations = said.get("generations")
    span.messages = to_messages(inputs)
    span.reply = to_messages(_last(generations) if generations else outputs, "assistant")
    usage = get_object(said, "usage_metadata", "usage") or _nested_usage(said)
    asked = inputs if isinstance(inputs, dict) else {}
    invocation = get_object(get_object(run, "extra"), "invocation_params")
    span.model = (
        get_text(said, "model") or get_text(metadata, "ls_model_name") or get_text(invocation, "model", "model_name")
        or get_text(asked, "model")
    )  # fmt: skip
    span.input_tokens = get_count(run, "prompt_tokens") or get_count(usage, "input_tokens", "prompt_tokens")
    span.output_tokens = get_count(run, "completion_tokens") or get_count(usage, "output_tokens", "completion_tokens")
    span.cost_usd = get_number(run, "total_cost")


def _last(generations: Any) -> Any:
    """Return the message of the first of LangChain's generations, which may be lists of candidates."""
    while isinstance(generations, list) and generations:
        generations = generations[0]
    return generations.get("message") or generations.get("text") if isinstance(generations, dict) else generations


def _nested_usage(outputs: Mapping[str, Any]) -> dict[str, Any]:
    told = get_object(outputs, "llm_output")
    message = _last(outputs.get("generations"))
    kwargs = get_object(message, "kwargs") if isinstance(message, dict) else {}
    return get_object(told, "token_usage", "usage") or get_object(kwargs, "usage_metadata")


def _verdict(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user's feedback of `feedback_stats`: {key: {n, avg}}."""
    for key, value in stats.items():
        if isinstance(value, dict) and any(w in key.lower() for w in ("user", "thumb", "feedback")):
            return {"feedback_score": opinion(value.get("avg"))}
    return {}
