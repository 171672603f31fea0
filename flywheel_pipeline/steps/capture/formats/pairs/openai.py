"""OpenAI, and the many APIs that copy it: chat completions, completions, the Responses API, batches, stored answers.

Usage counts cached and reasoning tokens within `prompt_tokens` and `completion_tokens`. NVIDIA's flywheel records are
such pairs with `timestamp`, `workload_id` and `client_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source
from flywheel_pipeline.steps.capture.formats.lenient import first, get_count, get_list, get_object, get_text
from flywheel_pipeline.steps.capture.formats.pairs.exchange import (
    Call,
    Content,
    call_of,
    read_call,
    response_alone,
)
from flywheel_pipeline.steps.capture.formats.row import with_system
from flywheel_pipeline.steps.capture.messages import to_messages

NAME = "openai"
_COMPLETIONS = ("chat.completion", "response", "text_completion")
_ASKED = ("messages", "input", "prompt")
_ANSWERED = ("choices", "output", "messages", "error", "content")

_OWN = ("message", "answer", "text", "completion", "output_text", "generated_text", "reply", "result", "response")
"""Keys of an answer in responses that apps make themselves."""


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record has a request with messages, or a completion."""
    return _call(record) is not None


def _call(record: Mapping[str, Any]) -> Call | None:
    if record.get("object") in _COMPLETIONS and ("choices" in record or "output" in record):
        return response_alone(record)
    call = call_of(record)
    if call is None:
        return None
    asked = any(k in call.request for k in _ASKED)
    answered = any(k in call.response for k in _ANSWERED)
    if "input" in record and "request" not in record and not ("messages" in call.request and answered):
        return None  # `input` and `output` are columns of many tables
    if asked and (answered or not call.response or isinstance(call.request.get("messages"), list)):
        return call
    return call if answered and "custom_id" in record else None


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the call as a trace, or as a step of the trace that it names."""
    call = _call(record) or call_of(record) or response_alone(record)
    yield from read_call(NAME, call, content_of(call), source)


def content_of(call: Call) -> Content:
    """Return the conversation, model and tokens of a call."""
    request, response = call.request, call.response
    asked = to_messages(next((request[k] for k in _ASKED if request.get(k)), None))
    choices = sorted(get_list(response, "choices"), key=_index)[:1]
    answers = [c.get("message") or c.get("text") for c in choices if isinstance(c, dict)]
    answer = to_messages(answers or response.get("messages") or response.get("content"), "assistant")
    if not answers and isinstance(response.get("output"), list):
        answer = to_messages(response["output"], "assistant")
    if not answer and not any(k in response for k in _ANSWERED):
        answer = to_messages(first(response, *_OWN), "assistant")
    usage = get_object(response, "usage")
    return Content(
        with_system(asked, request.get("instructions") or response.get("instructions")),
        answer,
        get_text(response, "model") or get_text(request, "model") or get_text(call.record, "model"),
        get_count(usage, "prompt_tokens", "input_tokens"),
        get_count(usage, "completion_tokens", "output_tokens"),
    )


def _index(choice: Any) -> int:
    """Return the place of a choice: of several answers the first is the one that is used."""
    index = choice.get("index") if isinstance(choice, dict) else None
    return index if isinstance(index, int) else 0
