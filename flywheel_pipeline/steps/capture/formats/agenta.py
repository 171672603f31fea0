"""Agenta: spans with `ag.` attributes, nested or joined by dots; flat lists, trees of spans, annotations.

`attributes.ag` (or the keys themselves) holds `data.{inputs, outputs, internals, parameters}`,
`metrics.{tokens, costs, duration}.{incremental, cumulative}`, `type.{trace, span, node}`, `meta`, `session.id`;
`references` or `refs` name the application's variant and revision. Trees are `{traces: {id: {spans: {name: {…}}}}}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, clean
from flywheel_pipeline.steps.capture.formats.lenient import (
    content,
    documents_in,
    first,
    get_count,
    get_number,
    get_object,
    get_text,
    get_time,
    scalars,
    tags_of,
)
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, feedback_of, is_verdict
from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

NAME = "agenta"

KINDS: Mapping[str, str] = {
    "chat": "llm", "completion": "llm", "llm": "llm", "query": "retriever", "rerank": "retriever", "tool": "tool",
    "embedding": "embedding", "agent": "agent", "workflow": "chain", "chain": "chain", "task": "chain",
}  # fmt: skip
MAX_DEPTH = 100


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a span, an annotation, or a response that holds spans."""
    if isinstance(record.get("traces"), dict | list) or isinstance(record.get("annotations"), list):
        return any(_is_span(s) for s in _held(record)) or ("annotations" in record and "count" in record)
    if isinstance(record.get("spans"), list | dict):
        return any(_is_span(s) for s in _held(record))
    return _is_span(record) or _is_annotation(record)


def _is_span(value: Any) -> bool:
    if not isinstance(value, dict) or not {"trace_id", "span_id"} <= value.keys():
        return False
    attributes = value.get("attributes")
    held = attributes if isinstance(attributes, dict) else value
    return "ag" in held or any(isinstance(k, str) and k.startswith("ag.") for k in held)


def _is_annotation(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("links"), dict | list) and "data" in value and ("origin" in value or "kind" in value)


def _held(record: Mapping[str, Any], depth: int = 0) -> Iterator[Any]:
    """Yield the spans of a response, those within others included."""
    for key in ("traces", "spans", "children", "nodes"):
        inner = record.get(key)
        for value in inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ():
            for span in value if isinstance(value, list) else [value]:
                if isinstance(span, dict) and depth < MAX_DEPTH:
                    if "span_id" in span:
                        yield span
                    yield from _held(span, depth + 1)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the spans and the annotations."""
    inner = record.get("annotation")
    if isinstance(inner, dict) or _is_annotation(record):
        yield from _annotation(inner if isinstance(inner, dict) else record, source)
        return
    for annotation in record.get("annotations") or () if isinstance(record.get("annotations"), list) else ():
        if isinstance(annotation, dict):
            yield from _annotation(annotation, source)
    if "span_id" in record:
        yield _span(record)
    for span in _held(record):
        yield _span(span)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with dots in their names as nested objects."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = str(name).split(".")[:20]
        at = made
        for key in path:
            at = at.setdefault(key, {}) if isinstance(at.setdefault(key, {}), dict) else {}
        if isinstance(at.get(last), dict) and isinstance(value, dict):
            at[last].update(value)
        else:
            at[last] = value
    return made


def _span(value: Mapping[str, Any]) -> Item:
    trace_id, own = get_text(value, "trace_id"), get_text(value, "span_id")
    if not trace_id or not own:
        return Unreadable("a span without trace_id or span_id", str(value.get("span_name")))
    attributes = get_object(value, "attributes")
    ag = get_object(_nested(attributes or {k: v for k, v in value.items() if str(k).startswith("ag.")}), "ag")
    data, type_ = get_object(ag, "data"), get_object(ag, "type")
    kind = KINDS.get(str(first(type_, "span", "node") or value.get("span_type") or "").lower(), "other")
    inputs, outputs = data.get("inputs"), data.get("outputs")
    metrics, meta = get_object(ag, "metrics"), get_object(ag, "meta")
    tokens = get_object(get_object(metrics, "tokens"), "incremental")
    references = _references(value, ag)
    return Span(
        trace_id=clean(trace_id.replace("-", "")),
        span_id=clean(own.replace("-", "")),
        parent_id=(get_text(value, "parent_id") or "").replace("-", "") or None,
        name=get_text(value, "span_name", "name") or "",
        kind=kind,
        started_at=get_time(value, "start_time", "created_at"),
        ended_at=get_time(value, "end_time"),
        error=_error(value),
        input=content(inputs),
        output=content(outputs),
        messages=to_messages(_asked(inputs)) if kind == "llm" else [],
        reply=to_messages(outputs, "assistant") if kind == "llm" else [],
        documents=documents_in(outputs) if kind == "retriever" else [],
        model=_model(meta, data),
        session_id=get_text(get_object(ag, "session"), "id"),
        prompt_name=references.get("application_variant") or references.get("application"),
        prompt_version=references.get("application_revision"),
        input_tokens=get_count(tokens, "prompt"),
        output_tokens=get_count(tokens, "completion"),
        cost_usd=get_number(get_object(get_object(metrics, "costs"), "incremental"), "total"),
        tags={**tags_of(get_object(ag, "user"), {"id": "user_id"}), **scalars(get_object(ag, "tags"))},
        n_dropped=sum(not str(k).startswith("ag") for k in attributes),
    )


def _asked(inputs: Any) -> Any:
    """Return the conversation in the inputs of a model call: the prompt's messages, else all."""
    return first(inputs, "messages", "prompt") or inputs if isinstance(inputs, dict) else inputs


def _model(meta: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    configuration = get_object(meta, "configuration")
    model = get_text(get_object(meta, "response"), "model") or get_text(get_object(meta, "request"), "model")
    return model or get_text(configuration, "model") or get_text(get_object(data, "parameters"), "model")


def _references(value: Mapping[str, Any], ag: Mapping[str, Any]) -> dict[str, str]:
    """Return {what is referred to: its version, slug or id}."""
    held = first(value, "references") or first(ag, "refs", "references")
    listed = held if isinstance(held, list) else []
    items = held.items() if isinstance(held, dict) else [(_key(r), r) for r in listed if isinstance(r, dict)]
    found = {k: get_text(r, "version", "slug", "id") for k, r in items if isinstance(r, dict)}
    return {str(k): v for k, v in found.items() if v}


def _key(reference: Mapping[str, Any]) -> str:
    return str(get_object(reference, "attributes").get("key"))


def _error(value: Mapping[str, Any]) -> str | None:
    if "ERROR" not in str(value.get("status_code") or value.get("status") or "").upper():
        return None
    return get_text(value, "status_message") or get_text(get_object(value, "exception"), "message") or "ERROR"


def _annotation(value: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the outputs of an annotation by name; a text among them that is no verdict is the comment."""
    links = value.get("links")
    held = list(links.values()) if isinstance(links, dict) else links if isinstance(links, list) else []
    link = next((link for link in held if isinstance(link, dict) and get_text(link, "trace_id")), {})
    trace_id, step_id = get_text(link, "trace_id"), (get_text(link, "span_id") or "").replace("-", "") or None
    if not trace_id:
        yield Unreadable("an annotation that links to no trace", str(links))
        return
    data = get_object(value, "data")
    outputs = get_object(data, "outputs") or data
    comment = next((v for v in outputs.values() if isinstance(v, str) and v.strip() and not is_verdict(v)), None)
    evaluator = get_text(get_object(get_object(value, "references"), "evaluator"), "slug") or ""
    n = 0
    for name, given in outputs.items():
        if given is comment:
            continue
        opinion = Opinion(
            trace_id.replace("-", ""), f"{evaluator}.{name}" if evaluator else str(name), given,
            _giver(value, evaluator, str(name)), None if n else comment, get_time(value, "created_at", "updated_at"),
            alone=not n, author=get_text(value, "created_by", "created_by_id"), step_id=step_id,
        )  # fmt: skip
        for item in feedback_of(opinion, source):
            n += 1
            yield item
    if not n and comment:
        opinion = Opinion(
            trace_id.replace("-", ""), evaluator or "comment", None, _giver(value, evaluator, "comment"), comment,
            get_time(value, "created_at", "updated_at"),
        )  # fmt: skip
        yield from feedback_of(opinion, source)
    elif not n:
        raise UnreadableError("an annotation that holds neither a verdict nor a comment")


def _giver(value: Mapping[str, Any], evaluator: str, name: str) -> str:
    """Return who annotated: an app sends its users' feedback as `custom`, mostly as a bare score."""
    origin = str(value.get("origin") or "custom").lower()
    if origin == "custom" and value.get("kind") != "eval" and not evaluator:
        return "user" if name in ("score", "comment", "value", "rating") else "custom"
    return origin
