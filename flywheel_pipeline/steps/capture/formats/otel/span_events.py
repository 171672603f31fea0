"""Events of a span -> their content: the conversation, errors, documents, judgements, and further attributes.

Legacy OpenTelemetry GenAI (`gen_ai.user.message`, `gen_ai.choice`), its current
`gen_ai.client.inference.operation.details`, OpenLLMetry (`gen_ai.content.prompt`, `db.query.result`), Monocle
(`data.input`, `data.output`, `metadata`), `exception` and `gen_ai.evaluation.result`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import clean
from flywheel_pipeline.steps.capture.formats.otel.annotations import of_event
from flywheel_pipeline.steps.capture.formats.otel.documents import documents_of
from flywheel_pipeline.steps.capture.formats.otel.role_keyed import by_role, is_keyed
from flywheel_pipeline.steps.capture.messages import loads, message, to_messages


@dataclass(slots=True)
class EventContent:
    """What the events of a span hold."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    reply: list[dict[str, Any]] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    documents: list[dict[str, Any]] = field(default_factory=list)
    judgements: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    n_dropped: int = 0


def content_of_events(events: Iterable[tuple[str, Mapping[str, Any]]]) -> EventContent:
    """Return the content of events, each (name, attributes)."""
    content = EventContent()
    for name, attributes in events:
        handle = HANDLERS.get(name)
        if handle:
            handle(content, attributes)
        elif name in MESSAGE_EVENTS:
            _converse(content, name, attributes)
        elif attributes:
            content.n_dropped += 1
    return content


MESSAGE_EVENTS: Mapping[str, str] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "",
    "gen_ai.system_instructions": "system",
}
"""The events that are one message each, and its role; a choice is the answer."""


def exchange_of(value: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (messages, reply) of one list of both, as pydantic-ai writes it: messages, or message events."""
    items = loads(value)
    if not isinstance(items, list):
        return [], []
    content = EventContent()
    for item in items:
        name = item.get("event.name") if isinstance(item, dict) else None
        if isinstance(name, str) and name in MESSAGE_EVENTS:
            _converse(content, name, item)
        elif isinstance(item, dict) and "role" in item:
            content.messages += to_messages(item)
    if not content.reply and content.messages and content.messages[-1]["role"] == "assistant":
        content.reply = [content.messages.pop()]
    return content.messages, content.reply


def _converse(content: EventContent, name: str, attributes: Mapping[str, Any]) -> None:
    """Add the message of a message event; its body may be JSON in one attribute."""
    body = next((loads(attributes[k]) for k in ("gen_ai.event.content", "event_body", "body") if k in attributes), None)
    fields = {**attributes, **body} if isinstance(body, dict) else attributes
    if name == "gen_ai.choice":
        inner = loads(fields.get("message"))
        reply = to_messages(inner, "assistant") if inner not in (None, "", [], {}) else []
        content.reply += reply or to_messages({**fields, "role": "assistant"}, "assistant")
    elif any(fields.get(k) not in (None, "", [], {}) for k in ("content", "tool_calls", "parts")):
        content.messages += message({**fields, "role": fields.get("role") or MESSAGE_EVENTS[name]})
    elif isinstance(body, str) and body:
        content.messages.append({"role": MESSAGE_EVENTS[name], "content": body})


def _fail(content: EventContent, attributes: Mapping[str, Any]) -> None:
    parts = [str(attributes.get(k) or "") for k in ("exception.type", "exception.message")]
    content.error = clean(": ".join(p for p in parts if p)) or "exception"


def _add(content: EventContent, attributes: Mapping[str, Any]) -> None:
    content.attributes.update(attributes)


def _ask(content: EventContent, attributes: Mapping[str, Any]) -> None:
    _hear(
        content, "data.input", next((attributes[k] for k in ("input", "query", "question") if attributes.get(k)), None)
    )


def _answer(content: EventContent, attributes: Mapping[str, Any]) -> None:
    found = next((attributes[k] for k in ("response", "output", "answer") if attributes.get(k)), None)
    _hear(content, "data.output", found)
    content.attributes.update({k: v for k, v in attributes.items() if k == "finish_reason"})


def _hear(content: EventContent, name: str, value: Any) -> None:
    """Take what Monocle says went in or out: messages keyed by role, or text."""
    if value is None:
        return
    items = value if isinstance(value, list) else [value]
    if not any(is_keyed(i) for i in items):
        content.attributes[name] = items[0] if len(items) == 1 else items
        return
    reply = by_role(items, "user" if name == "data.input" else "assistant")
    (content.messages if name == "data.input" else content.reply).extend(reply)
    text = [m["content"] for m in reply if m["role"] in ("user", "assistant") and m.get("content")]
    if text:
        content.attributes[name] = text[-1]


def _retrieve(content: EventContent, attributes: Mapping[str, Any]) -> None:
    names = {k.removeprefix("db.query.result."): v for k, v in attributes.items()}
    content.documents += documents_of([names])


def _judge(content: EventContent, attributes: Mapping[str, Any]) -> None:
    content.judgements.append(of_event(attributes))


HANDLERS: Mapping[str, Callable[[EventContent, Mapping[str, Any]], None]] = {
    "exception": _fail,
    "gen_ai.client.inference.operation.details": _add,
    "gen_ai.content.prompt": _add,
    "gen_ai.content.completion": _add,
    "metadata": _add,
    "data.input": _ask,
    "data.output": _answer,
    "db.query.result": _retrieve,
    "gen_ai.evaluation.result": _judge,
}
