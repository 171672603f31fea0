"""Anthropic: Messages API calls and the results of message batches.

The system prompt stands beside the messages; `input_tokens` of the usage counts only what no cache held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source
from flywheel_pipeline.steps.capture.formats.lenient import get_count, get_object, get_text
from flywheel_pipeline.steps.capture.formats.pairs.exchange import (
    Call,
    Content,
    added,
    call_of,
    read_call,
    response_alone,
)
from flywheel_pipeline.steps.capture.formats.row import with_system
from flywheel_pipeline.steps.capture.messages import to_messages

NAME = "anthropic"
INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record has a message as the API answers it, or a request that names the API."""
    if is_message(record):
        return True
    call = call_of(record)
    return call is not None and ("anthropic_version" in call.request or is_message(answer_in(call.response)))


def is_message(response: Mapping[str, Any]) -> bool:
    """Return whether a response is a message, or an error, of this API."""
    kind = response.get("type")
    is_error = kind == "error" and isinstance(response.get("error"), dict)
    return is_error or (kind == "message" and isinstance(response.get("content"), list) and "role" in response)


def answer_in(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message in a response; in the results of a batch it is wrapped."""
    inner = next((m for k in ("message", "error") if (m := get_object(response, k)) and is_message(m)), None)
    return response if inner is None else inner


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the call as a trace, or as a step of the trace that it names."""
    call = call_of(record) or response_alone(record)
    call = Call(call.record, {} if is_message(record) else call.request, answer_in(call.response), call.text)
    yield from read_call(NAME, call, content_of(call), source)


def content_of(call: Call) -> Content:
    """Return the conversation, model and tokens of a call."""
    request, response = call.request, call.response
    usage = get_object(response, "usage")
    content = response.get("content")
    return Content(
        with_system(to_messages(request.get("messages")), request.get("system")),
        to_messages({"role": "assistant", "content": content}) if content else [],
        get_text(response, "model") or get_text(request, "model") or get_text(call.record, "model"),
        added(usage, *INPUT),
        get_count(usage, "output_tokens"),
    )
