"""Braintrust: log exports as CSV or JSON rows, one a span.

Keys: `id, span_id, root_span_id, span_parents, is_root, created, input, output, expected, error, scores, metadata,
metrics {start, end, prompt_tokens, completion_tokens, estimated_cost}, span_attributes {name, type}`; in CSV the cells
hold JSON. The conversation is often in `input`, with an empty `output`.
"""

from __future__ import annotations

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
    get_number,
    get_object,
    get_text,
    get_time,
    scalars,
    tags_of,
)
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, feedback_of
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span

NAME = "braintrust"

KINDS: Mapping[str, str] = {
    "llm": "llm", "tool": "tool", "function": "tool", "task": "chain", "score": "evaluator", "eval": "chain",
    "retriever": "retriever", "review": "evaluator",
}  # fmt: skip
_KNOWN = {
    "id", "span_id", "root_span_id", "span_parents", "is_root", "created", "input", "output", "expected", "error",
    "scores", "metadata", "metrics", "span_attributes", "name", "type", "tags", "comments", "_xact_id", "project_id",
    "log_id", "org_id", "experiment_id", "dataset_id",
}  # fmt: skip


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a row of a log export."""
    own = {"root_span_id", "span_parents", "is_root", "span_attributes", "metrics", "scores", "_xact_id", "expected"}
    return "span_id" in record and "created" in record and "input" in record and bool(own & record.keys())


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the row as a step."""
    span_id = get_text(record, "span_id", "id")
    if not span_id:
        raise UnreadableError("the row has no span_id and no id")
    attributes, metrics = get_object(record, "span_attributes"), get_object(record, "metrics")
    started = get_time(metrics, "start") if get_number(metrics, "start") else None
    started = started or get_time(record, "created")
    if started is None:
        raise UnreadableError("the row has no time: neither `created` nor `metrics.start`")
    asked, answered = loads(record.get("input")), loads(record.get("output"))
    messages = to_messages(asked) if isinstance(asked, list | dict) else []
    kind = KINDS.get(str(attributes.get("type") or record.get("type") or "").lower(), "llm" if messages else "other")
    parents = get_list(record, "span_parents")
    yield Span(
        trace_id=clean(get_text(record, "root_span_id") or span_id),
        span_id=clean(span_id),
        parent_id=clean(str(parents[0])) if parents else None,
        name=get_text(attributes, "name") or get_text(record, "name") or "",
        kind=kind,
        started_at=started,
        ended_at=get_time(metrics, "end") if get_number(metrics, "end") else None,
        error=content(record.get("error")),
        input=content(asked),
        output=content(answered),
        messages=messages if kind != "tool" else [],
        reply=to_messages(answered, "assistant") if kind == "llm" else [],
        documents=documents_in(answered) if kind == "retriever" else [],
        model=get_text(get_object(record, "metadata"), "model"),
        session_id=get_text(get_object(record, "metadata"), "session_id", "thread_id", "conversation_id"),
        input_tokens=get_count(metrics, "prompt_tokens") or None,
        output_tokens=get_count(metrics, "completion_tokens") or None,
        cost_usd=get_cost(metrics, "estimated_cost"),
        tags=_tags(record),
        n_dropped=sum(k not in _KNOWN and v not in (None, "", [], {}) for k, v in record.items()),
    )
    yield from _scores(record, clean(get_text(record, "root_span_id") or span_id), started, source)


def _tags(record: Mapping[str, Any]) -> dict[str, Any]:
    named = tags_of(record, {"tags": "tags", "expected": "expected", "comments": "comments"})
    return {**scalars(get_object(record, "metadata")), **named}


def _scores(record: Mapping[str, Any], trace_id: str, at: datetime, source: Source) -> Iterator[Item]:
    """Yield the scores, which Braintrust keeps between 0 and 1; those of a span of type `review` are a reviewer's."""
    attributes, parents = get_object(record, "span_attributes"), get_list(record, "span_parents")
    is_review = "review" in (attributes.get("type"), record.get("type"))
    author, comment = _reviewer(record) if is_review else (None, None)
    step_id = get_text(record, "span_id", "id") if not is_review else str(parents[0]) if parents else None
    for name, value in get_object(record, "scores").items():
        opinion = Opinion(
            trace_id, str(name), value, "annotator" if is_review else "", comment, at, scale=(0, 1), alone=False,
            author=author, step_id=step_id,
        )  # fmt: skip
        yield from feedback_of(opinion, source)


def _reviewer(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return (the reviewer's name, the comment) of a review span."""
    listed = [c for c in get_list(record, "comments") if isinstance(c, dict)]
    texts = [get_text(get_object(c, "comment"), "text") or get_text(c, "comment", "text") for c in listed]
    named = [get_object(record, "user"), get_object(record, "created_by"), get_object(record, "metadata")]
    people = [*named, *(get_object(c, "user") for c in listed)]
    names = (get_text(p, "reviewer", "email", "user_email", "name", "user_id", "id") for p in people)
    return next((n for n in names if n), None), "\n".join(t for t in texts if t) or None
