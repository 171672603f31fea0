"""Gemini: `generateContent` of the Gemini API and of Vertex AI, request-response logs and batches of both.

Keys are in camelCase or, from the Python SDK, in snake_case. `candidatesTokenCount` does not hold thoughts, and
`promptTokenCount` holds what was cached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source
from flywheel_pipeline.steps.capture.formats.lenient import first, get_list, get_object, get_text
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

NAME = "gemini"
_SYSTEM = ("systemInstruction", "system_instruction")
_USAGE = ("usageMetadata", "usage_metadata")
_INPUT = (("promptTokenCount", "prompt_token_count"), ("toolUsePromptTokenCount", "tool_use_prompt_token_count"))
_OUTPUT = (("candidatesTokenCount", "candidates_token_count"), ("thoughtsTokenCount", "thoughts_token_count"))


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record has contents and candidates as this API calls them."""
    if _is_response(record):
        return True
    call = call_of(record)
    return call is not None and ("contents" in call.request or _is_response(call.response))


def _is_response(response: Mapping[str, Any]) -> bool:
    is_answer = isinstance(response.get("candidates"), list) and any(k in response for k in (*_USAGE, "modelVersion"))
    return is_answer or isinstance(response.get("promptFeedback"), dict)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the call as a trace, or as a step of the trace that it names."""
    call = call_of(record) or response_alone(record)
    yield from read_call(NAME, call, content_of(call), source)


def content_of(call: Call) -> Content:
    """Return the conversation, model and tokens of a call."""
    record, request, response = call.record, call.request, call.response
    candidates = [c for c in get_list(response, "candidates") if isinstance(c, dict)]
    usage = get_object(response, *_USAGE)
    system = first(request, *_SYSTEM) or first(get_object(request, "config"), *_SYSTEM)
    blocked = get_text(get_object(response, "promptFeedback", "prompt_feedback"), "blockReason", "block_reason")
    return Content(
        with_system(to_messages(request.get("contents")), system),
        to_messages(candidates[0].get("content"), "assistant") if candidates else [],
        get_text(response, "modelVersion", "model_version") or get_text(request, "model") or get_text(record, "model"),
        added(usage, *(k for names in _INPUT for k in names)),
        added(usage, *(k for names in _OUTPUT for k in names)),
        {"error": f"blocked: {blocked}"} if blocked else {},
    )
