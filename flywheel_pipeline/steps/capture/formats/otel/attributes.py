"""A span of OpenTelemetry, whatever its encoding and whoever named its attributes -> `Span`.

The format modules decode a record to `RawSpan`; `items_of` makes of it what it stands for. The names are in
`semconv`: one pass over the attributes sorts them, then each field is made of what was found for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flywheel_pipeline.steps.capture import semconv
from flywheel_pipeline.steps.capture.formats.common import Item, Source, as_json, clean
from flywheel_pipeline.steps.capture.formats.opinions import feedback_of
from flywheel_pipeline.steps.capture.formats.otel.annotations import listed, opinion_of
from flywheel_pipeline.steps.capture.formats.otel.documents import documents_of
from flywheel_pipeline.steps.capture.formats.otel.role_keyed import by_role
from flywheel_pipeline.steps.capture.formats.otel.span_events import EventContent, content_of_events, exchange_of
from flywheel_pipeline.steps.capture.formats.usage import is_in_buckets, tokens_in_buckets, tokens_of
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

MAX_TAG = 500
MAX_OWN_TAG = 200
MAX_OWN_TAGS = 20
"""How much is kept of attributes that the app itself set, under names that no convention knows."""

_UNCOUNTED = ("embedding", "tool", "retriever", "evaluator")
"""Steps whose tokens are not those of the conversation."""
_LAST = 1_000
_EMPTY = ("{}", "[]", "null")


@dataclass(slots=True)
class RawSpan:
    """A span as OpenTelemetry has it, decoded: `failed` is its status (None if unset), ids are normalised."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failed: bool | None = None
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[tuple[str, Mapping[str, Any]]] = ()
    links: Sequence[tuple[str, str]] = ()
    app: str | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """The attributes of a span, sorted: field -> value, tags, and how many were kept nowhere."""

    values: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)
    n_dropped: int = 0
    ranks: dict[str, int] = field(default_factory=dict)
    trees: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    own: list[tuple[str, Any]] = field(default_factory=list)


def items_of(raw: RawSpan, source: Source) -> Iterator[Item]:
    """Yield what a span stands for: itself, and the scores that it carries, which may be about another trace."""
    try:
        span, judgements, target = _judged_span(raw)
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        yield Unreadable(f"span {raw.span_id}: {reason}", raw.name)
        return
    is_step = target is None or bool(span.input or span.output or span.messages)
    if is_step:
        yield span
    about, n = target or (raw.trace_id, raw.span_id), int(is_step)
    for judgement in judgements:
        for row in feedback_of(opinion_of(judgement, about, raw.started_at, alone=not n), source):
            n += 1
            yield row
    if not n:
        yield Unreadable(f"span {raw.span_id} links to another trace, but holds neither score nor comment", raw.name)


def resource_of(attributes: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return (app, tags) of what an OpenTelemetry resource says about the process."""
    names = (attributes.get(k) for k in ("service.name", "openinference.project.name"))
    app = next((n for n in names if isinstance(n, str) and n and not n.startswith("unknown_service")), None)
    wanted = {k: semconv.TAGS.get(k) for k in attributes if k.startswith("deployment.") or k.startswith("langfuse.")}
    tags = {tag: kept for k, tag in wanted.items() if tag and (kept := tag_value(attributes[k], MAX_TAG)) is not None}
    version = tag_value(attributes.get("service.version"), MAX_TAG)
    if version is not None:
        tags.setdefault("release", version)
    return (clean(app) if app else None), tags


def collect(attributes: Mapping[str, Any]) -> Found:
    """Sort attributes by the field that they hold; of several names of one field the preferred one counts."""
    found, slot_of = Found(), semconv.slot_of
    for name, value in attributes.items():
        if not value and value is not False and value != 0:
            continue
        slot = slot_of(name)
        if slot is None:
            found.n_dropped += 1
        else:
            _sort(found, slot, value)
    for (field_, rank), tree in found.trees.items():
        if rank < found.ranks.get(field_, _LAST):
            found.ranks[field_] = rank
            found.values[field_] = semconv.unflatten(tree)
    for name, value in found.own:
        _tag_own(found, name, value)
    return found


def _sort(found: Found, slot: semconv.Slot, value: Any) -> None:
    field_, rank, path = slot
    if field_ == semconv.TAG:
        if rank:
            found.own.append((path[0], value))
        else:
            _tag(found, path[0], value, MAX_TAG)
    elif path:
        _plant(found.trees.setdefault((field_, rank), {}), path, value)
    elif field_ == "metadata":
        _tag_metadata(found, value)
    elif rank < found.ranks.get(field_, _LAST):
        if field_ == "kind":
            value = semconv.KINDS.get(str(value).strip('"').lower())
        if value is not None and value not in _EMPTY:
            found.ranks[field_] = rank
            found.values[field_] = value


def tag_value(value: Any, limit: int) -> Any:
    """Return a value worth keeping as a tag: a scalar or a short list of scalars; None if it is neither."""
    if isinstance(value, str):
        if value[:1] == "[" and isinstance(items := loads(value), list):
            return tag_value(items, limit)
        return storable(value) if value and len(value) <= limit else None
    if isinstance(value, int | float):
        return value if abs(value) < 2**63 else None
    if isinstance(value, list) and 0 < len(value) <= 20:
        items = [tag_value(v, limit) for v in value if not isinstance(v, list)]
        return items if len(items) == len(value) and None not in items else None
    return None


def _tag(found: Found, name: str, value: Any, limit: int) -> None:
    kept = tag_value(value, limit)
    if kept is None:
        found.n_dropped += 1
        return
    found.tags.setdefault(
        clean(name), kept[0] if isinstance(kept, list) and len(kept) == 1 and name != "tags" else kept
    )


def _tag_own(found: Found, name: str, value: Any) -> None:
    if len(found.tags) < MAX_OWN_TAGS:
        _tag(found, name, value, MAX_OWN_TAG)
    else:
        found.n_dropped += 1


def _tag_metadata(found: Found, value: Any) -> None:
    """Keep the entries of a metadata object as tags of their own."""
    decoded = loads(value)
    if isinstance(decoded, dict):
        for name, inner in decoded.items():
            if inner not in (None, "", [], {}):
                _tag_own(found, str(name), inner)
    else:
        _tag(found, "metadata", value, MAX_TAG)


def _plant(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        branch = tree.get(part)
        if not isinstance(branch, dict):
            branch = tree[part] = {}
        tree = branch
    tree[path[-1]] = value


def _judged_span(raw: RawSpan) -> tuple[Span, list[Mapping[str, Any]], tuple[str, str] | None]:
    """Return (the span, the judgements that it carries, the ids of trace and span that they are about, if others)."""
    content = content_of_events(raw.events) if raw.events else EventContent()
    found = collect({**content.attributes, **raw.attributes} if content.attributes else raw.attributes)
    values = found.values
    span = _make(raw, found, content)
    if not (content.judgements or "annotations" in values or "evaluations" in values):
        return span, [], None
    items = [i for key in ("annotations", "evaluations") if key in values for i in listed(values[key])]
    bare = not (span.input or span.output or span.messages or span.reply)
    linked = len(raw.links) == 1 and ("evaluations" in values or bare)
    return span, [*items, *content.judgements], raw.links[0] if linked else None


def _make(raw: RawSpan, found: Found, content: EventContent) -> Span:
    values = found.values
    if "entity" in values:
        _read_entities(values)
    kind = values.get("kind") or next((k for field_, k in semconv.HINTS if field_ in values), "other")
    messages, reply = _conversation(values, content, kind)
    error = _error(raw, values, content)
    output = _text(_decoded(values.get("output")))
    if error and output and output.strip() and output.strip() in error:  # some put the error's text there (Monocle)
        output, reply = None, []
    counts = kind not in _UNCOUNTED  # a sum above the calls counts only where they say nothing, see `assemble`
    prompt = loads(values.get("prompt"))
    prompt = prompt if isinstance(prompt, dict) else {}
    return Span(
        trace_id=raw.trace_id,
        span_id=raw.span_id,
        parent_id=None if values.get("as_root") in (True, "true") else raw.parent_id,
        name=_text(values.get("tool_name") if kind == "tool" else None) or storable(raw.name),
        kind=kind,
        started_at=raw.started_at,
        ended_at=raw.ended_at,
        error=error,
        input=_text(_decoded(values.get("input"))),
        output=output,
        messages=_tidy(messages),
        reply=_tidy(reply),
        documents=_documents(values, content, kind),
        model=_text(values.get("model")),
        app=raw.app or _text(values.get("app")),
        session_id=_text(values.get("session_id")),
        prompt_name=_text(values.get("prompt_name", prompt.get("name"))),
        prompt_version=_text(values.get("prompt_version", prompt.get("version"))),
        input_tokens=_tokens(values, "input") if counts else None,
        output_tokens=_tokens(values, "output") if counts else None,
        cost_usd=_cost(values) if counts or kind == "embedding" else None,
        tags={**raw.tags, **found.tags} if raw.tags else found.tags,
        n_dropped=found.n_dropped + content.n_dropped,
    )


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return storable(value) if isinstance(value, str) else as_json(value)


def _decoded(value: Any) -> Any:
    """Return the text that JSON text is, where a library writes texts as JSON too; all else as it is."""
    decoded = loads(value) if isinstance(value, str) and value[:1] == '"' else value
    return decoded if isinstance(decoded, str) else value


def storable(value: str) -> str:
    """Return `clean` text, at once where there is nothing to clean."""
    return value if value.isascii() and "\x00" not in value else clean(value)


def _read_entities(values: dict[str, Any]) -> None:
    """Take model and tool from Monocle's `entity.N.{type,name}`."""
    entities = values["entity"] if isinstance(values["entity"], list) else []
    for entity in entities:
        kind, name = (entity.get("type"), entity.get("name")) if isinstance(entity, dict) else (None, None)
        if isinstance(kind, str) and name:
            key = "model" if kind.startswith("model.") else "tool_name" if kind.startswith(("tool.", "mcp.")) else ""
            values.setdefault(key, name)


def _conversation(
    values: Mapping[str, Any], content: EventContent, kind: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (messages, reply) from attributes, else events, else (of a generation) input and output."""
    asked = by_role(values["messages"], "user") if "messages" in values else content.messages
    said = by_role(_first_choice(values["reply"]), "assistant") if "reply" in values else content.reply
    said = said or _spoken(values)
    if "exchange" in values and not (asked and said):
        before, after = exchange_of(values["exchange"])
        asked, said = asked or before, said or after
    if kind == "llm":
        asked = asked or to_messages(_decoded(values.get("input")), "user")
        said = said or to_messages(_decoded(values.get("output")), "assistant")
    system = to_messages(values["system"], "system") if "system" in values else []
    return [*(m for m in system if m not in asked), *asked], said


def _first_choice(reply: Any) -> Any:
    """Return the first of several answers of which each says why it ended: the app asked for a choice."""
    choices = loads(reply)
    several = isinstance(choices, list) and len(choices) > 1
    return choices[:1] if several and all(isinstance(c, dict) and c.get("finish_reason") for c in choices) else reply


def _spoken(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the answer where text and tool calls are kept apart (Vercel AI SDK)."""
    if "reply_text" not in values and "reply_calls" not in values:
        return []
    return to_messages(
        {
            "role": "assistant",
            "content": _text(values.get("reply_text")) or "",
            "tool_calls": loads(values.get("reply_calls")),
        }
    )


def _tidy(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with texts that can be stored."""
    for message in messages:
        _tidy_values(message)
        for call in message.get("tool_calls") or ():
            _tidy_values(call)
            _tidy_values(call["function"])
    return messages


def _tidy_values(values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, str):
            values[key] = storable(value)


def _documents(values: Mapping[str, Any], content: EventContent, kind: str) -> list[dict[str, Any]]:
    if "documents" in values:
        return documents_of(values["documents"])
    if content.documents or kind != "retriever":
        return content.documents
    output = loads(values.get("output"))
    return documents_of([output] if isinstance(output, str) else output)


def _error(raw: RawSpan, values: Mapping[str, Any], content: EventContent) -> str | None:
    """Return why the step failed: its status decides, an exception that it got over is none."""
    failed = raw.failed or str(values.get("level") or "").upper() == "ERROR"
    if not failed and (raw.failed is False or not (content.error or values.get("error_type"))):
        return None
    named = [str(values[k]) for k in ("error_type", "error") if k in values]
    return clean(content.error or raw.status_message or ": ".join(named) or "error")


def _tokens(values: Mapping[str, Any], side: str) -> int | None:
    found = _number(values.get(f"{side}_tokens"))
    usage = loads(values.get("usage")) if found is None else None
    if isinstance(usage, dict):
        counts = tokens_in_buckets(usage) if is_in_buckets(usage) else tokens_of(usage)
        found = counts[side == "output"]
    return None if found is None or found >= 2**63 else int(found)


def _cost(values: Mapping[str, Any]) -> float | None:
    found = loads(values.get("cost"))
    if isinstance(found, dict):
        parts = (
            found
            if "total" not in found and "total_cost" not in found
            else {"": found.get("total", found.get("total_cost"))}
        )
        found = _sum(parts.values())
    total = _number(found)
    return _sum([values.get("cost_input"), values.get("cost_output")]) if total is None else total


def _sum(values: Any) -> float | None:
    known = [n for v in values if (n := _number(v)) is not None]
    return sum(known) if known else None


def _number(value: Any) -> float | None:
    """Return a number of at least 0, also from text; None of anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < 1e300 else None
