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
            yield from _feedback(record, source)
        else:
            run = _run(record)
            yield run
            yield from _statistics(run, get_object(record, "feedback_stats"), source)
            for child in get_list(record, "child_runs"):
                if isinstance(child, dict):
                    yield from _read_one(child, source, in_batch=True)
    except UnreadableError as error:
        if not in_batch:
            raise
        yield Unreadable(str(error), str(record.get("id") or record.get("name")))


def _feedback(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    trace_id = get_text(record, "trace_id", "run_id")
    if not trace_id:
        raise UnreadableError("feedback without a run")
    config = get_object(record, "feedback_config")
    low, high = config.get("min"), config.get("max")
    by = get_object(record, "feedback_source")
    opinion = Opinion(
        trace_id, get_text(record, "key") or "score", record.get("score"), get_text(by, "type") or "",
        get_text(record, "comment"), get_time(record, "modified_at", "created_at"), record.get("value"),
        (float(low), float(high)) if isinstance(low, int | float) and isinstance(high, int | float) else None,
        author=get_text(by, "user_name", "email", "name", "user_id", "ls_user_id"),
        step_id=get_text(record, "run_id"),
    )  # fmt: skip
    found = list(feedback_of(opinion, source))
    if not found:
        raise UnreadableError("feedback with neither a score, a value nor a comment")
    yield from found


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
    )
    if kind in ("chain", "other"):  # a sum, which counts where the calls below report none
        span.input_tokens, span.output_tokens = get_count(run, "prompt_tokens"), get_count(run, "completion_tokens")
        span.cost_usd = get_cost(run, "total_cost")
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
    answer = outputs if isinstance(outputs, dict) else {}
    generations = answer.get("generations")
    span.messages = to_messages(inputs)
    span.reply = to_messages(_last(generations) if generations else outputs, "assistant")
    usage = get_object(answer, "usage_metadata", "usage") or _nested_usage(answer)
    asked = inputs if isinstance(inputs, dict) else {}
    invocation = get_object(get_object(run, "extra"), "invocation_params")
    span.model = (
        get_text(answer, "model") or get_text(metadata, "ls_model_name") or get_text(invocation, "model", "model_name")
        or get_text(asked, "model")
    )  # fmt: skip
    span.input_tokens = get_count(run, "prompt_tokens") or get_count(usage, "input_tokens", "prompt_tokens")
    span.output_tokens = get_count(run, "completion_tokens") or get_count(usage, "output_tokens", "completion_tokens")
    span.cost_usd = get_cost(run, "total_cost")


def _last(generations: Any) -> Any:
    """Return the message of the first of LangChain's generations, which may be lists of candidates."""
    while isinstance(generations, list) and generations:
        generations = generations[0]
    return generations.get("message") or generations.get("text") if isinstance(generations, dict) else generations


def _nested_usage(outputs: Mapping[str, Any]) -> dict[str, Any]:
    llm_output = get_object(outputs, "llm_output")
    message = _last(outputs.get("generations"))
    kwargs = get_object(message, "kwargs") if isinstance(message, dict) else {}
    return get_object(llm_output, "token_usage", "usage") or get_object(kwargs, "usage_metadata")


def _statistics(run: Span, stats: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the feedback that an export sums up as {key: {n, avg, values, comments}}."""
    for key, statistics in stats.items():
        if isinstance(statistics, dict):
            values = statistics.get("values")
            words = list(values) if isinstance(values, dict) else []
            comments = [c for c in get_list(statistics, "comments") if isinstance(c, str)]
            by = " ".join(map(str, get_list(statistics, "sources")))
            kind = next((k for k in ("model", "auto_eval", "app") if f'"{k}"' in by or k == by), "")
            opinion = Opinion(
                run.trace_id, str(key), statistics.get("avg"), kind, "\n".join(comments) or None,
                label=words[0] if len(words) == 1 else None, alone=False,
            )  # fmt: skip
            yield from feedback_of(opinion, source)
