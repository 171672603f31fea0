"""Cohere: calls of its chat API, versions 1 (`message`, `chat_history`) and 2 (`messages`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source
from flywheel_pipeline.steps.capture.formats.lenient import get_count, get_list, get_object, get_text
from flywheel_pipeline.steps.capture.formats.pairs.exchange import (
    Call,
    Content,
    Messages,
    call_of,
    read_call,
)
from flywheel_pipeline.steps.capture.formats.row import with_system
from flywheel_pipeline.steps.capture.messages import to_messages

NAME = "cohere"


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record has a call whose response counts tokens and ends as this API has it."""
    call = call_of(record)
    if call is None:
        return False
    is_v2 = isinstance(call.response.get("message"), dict) and "finish_reason" in call.response
    return is_v2 or is_v1(call.request, call.response)


def is_v1(request: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
    """Return whether a call is of version 1: one message, beside it the history."""
    return isinstance(request.get("message"), str) and isinstance(response.get("text"), str)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the call as a trace, or as a step of the trace that it names."""
    call = call_of(record) or Call(record, {}, record)
    yield from read_call(NAME, call, content_of(call), source)


def content_of(call: Call) -> Content:
    """Return the conversation, model and tokens of a call."""
    request, response = call.request, call.response
    asked = _history(request) if "message" in request else to_messages(request.get("messages"))
    usage = get_object(response, "usage") or get_object(response, "meta")
    tokens = get_object(usage, "tokens") or get_object(usage, "billed_units")
    return Content(
        with_system(asked, request.get("preamble")),
        to_messages(response.get("message") or response.get("text"), "assistant"),
        get_text(response, "model") or get_text(request, "model") or get_text(call.record, "model"),
        get_count(tokens, "input_tokens"),
        get_count(tokens, "output_tokens"),
    )


def _history(request: Mapping[str, Any]) -> Messages:
    """Return the conversation of version 1, whose messages have their text under `message`."""
    turns = [t for t in get_list(request, "chat_history") if isinstance(t, dict)]
    turns = [*turns, {"role": "user", "message": request.get("message")}]
    return [m for t in turns for m in to_messages({"content": t.get("message", ""), "role": t.get("role")})]
