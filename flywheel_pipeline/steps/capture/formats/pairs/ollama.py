"""Ollama: calls of `/api/chat` and `/api/generate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source
from flywheel_pipeline.steps.capture.formats.lenient import get_count, get_number, get_text
from flywheel_pipeline.steps.capture.formats.pairs.exchange import (
    Call,
    Content,
    call_of,
    read_call,
    response_alone,
)
from flywheel_pipeline.steps.capture.formats.row import with_system
from flywheel_pipeline.steps.capture.messages import to_messages

NAME = "ollama"


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record has a response that says `done`, with a message or a text."""
    call = call_of(record)
    return _is_response(record if call is None else call.response)


def _is_response(response: Mapping[str, Any]) -> bool:
    is_answer = isinstance(response.get("message"), dict) or isinstance(response.get("response"), str)
    return isinstance(response.get("done"), bool) and is_answer


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the call as a trace, or as a step of the trace that it names."""
    call = call_of(record) or response_alone(record)
    yield from read_call(NAME, call, content_of(call), source)


def content_of(call: Call) -> Content:
    """Return the conversation, model and tokens of a call."""
    request, response = call.request, call.response
    asked = to_messages(request.get("messages")) or to_messages(request.get("prompt"))
    nanoseconds = get_number(response, "total_duration")
    latency = get_number(call.record, "latency_ms", "duration_ms")
    if latency is None and nanoseconds is not None:
        latency = nanoseconds / 1e6
    return Content(
        with_system(asked, request.get("system")),
        to_messages(response.get("message") or response.get("response"), "assistant"),
        get_text(response, "model") or get_text(request, "model"),
        get_count(response, "prompt_eval_count"),
        get_count(response, "eval_count"),
        {} if latency is None else {"latency_ms": latency},
    )
