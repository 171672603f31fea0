"""OpenAI: pairs of a request and its response, in the wrappings in which they are logged.

`{request, response}` (also NVIDIA's flywheel records, with `timestamp`, `workload_id` and `client_id`), the same under
`body`, lines of batch output (`{custom_id, response: {body}}`), stored completions, and the Responses API. A pair
without any time takes the day that the file's name tells, as in `trace_2024-01-15_120000.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, utc
from flywheel_pipeline.steps.capture.formats.lenient import (
    get_count,
    get_number,
    get_object,
    get_text,
    get_time,
    scalars,
)
from flywheel_pipeline.steps.capture.formats.row import make_trace
from flywheel_pipeline.steps.capture.messages import to_messages

NAME = "openai"

_PAIRS = (("request", "response"), ("request_body", "response_body"), ("req", "resp"), ("input", "output"))
_COMPLETIONS = ("chat.completion", "response", "text_completion")
_TIMES = ("timestamp", "started_at", "start_time", "created_at", "time", "datetime", "ts", "created")
_NAMED = re.compile(
    r"(?<!\d)(20\d\d)[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[T_\- ]?([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?!\d))?"
)
_KNOWN = {
    "id", "trace_id", "request_id", "custom_id", "session_id", "conversation_id", "thread_id", "workload_id", "app",
    "model", "object", "cost", "cost_usd", "latency_ms", "duration_ms", "error", "system_fingerprint", "service_tier",
    *_TIMES,
}  # fmt: skip


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record holds a request with messages and an answer, or a completion alone."""
    request, response = _pair(record)
    asked = any(k in request for k in ("messages", "input", "prompt"))
    answered = any(k in response for k in ("choices", "output", "messages", "error", "content"))
    return (asked and (answered or not response)) or (answered and "custom_id" in record) or _is_completion(record)


def _is_completion(record: Mapping[str, Any]) -> bool:
    return record.get("object") in _COMPLETIONS and ("choices" in record or "output" in record)


def _pair(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    if _is_completion(record):
        return dict(record), dict(record)
    for asked, answered in _PAIRS:
        request, response = get_object(record, asked), get_object(record, answered)
        if (request or response) and (asked != "input" or ("messages" in request and "choices" in response)):
            return _body(request), _body(response)
    return {}, {}


def _body(value: dict[str, Any]) -> dict[str, Any]:
    return value if "messages" in value or "choices" in value else get_object(value, "body", "json", "data") or value


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the pair as a trace: the messages of the request and the answer."""
    request, response = _pair(record)
    messages = [
        *_instructions(request),
        *to_messages(request.get("messages") or request.get("input") or request.get("prompt")),
    ]
    answer = to_messages(response.get("choices") or response.get("messages") or response.get("content"), "assistant")
    if not response.get("choices") and isinstance(response.get("output"), list):
        answer = to_messages(response["output"], "assistant")
    if not messages and not any(m["role"] == "user" for m in answer):
        raise UnreadableError("the request is not there: a response alone does not say what was asked")
    usage = get_object(response, "usage")
    yield make_trace(
        NAME,
        source,
        _joined(messages, answer),
        {
            "trace_id": get_text(record, "trace_id", "id", "request_id", "custom_id") or get_text(response, "id"),
            "started_at": _time(record, response, source),
            "latency_ms": get_number(record, "latency_ms", "duration_ms"),
            "session_id": get_text(record, "session_id", "conversation_id", "thread_id"),
            "app": get_text(record, "workload_id", "app"),
            "model": get_text(response, "model") or get_text(request, "model"),
            "error": _error(record, response),
            "input_tokens": get_count(usage, "prompt_tokens", "input_tokens"),
            "output_tokens": get_count(usage, "completion_tokens", "output_tokens"),
            "cost_usd": get_number(record, "cost_usd", "cost"),
            "tags": {**scalars(get_object(record, "metadata", "tags")), **_rest(record)},
        },
    )


def _instructions(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    text = get_text(request, "instructions")
    return [{"role": "system", "content": text}] if text else []


def _joined(asked: list[dict[str, Any]], answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the whole conversation: some log all of it as the response."""
    texts = [m.get("content") for m in answer if m["role"] == "user"]
    return (
        answer if texts and all(m.get("content") in texts for m in asked if m["role"] == "user") else [*asked, *answer]
    )


def _time(record: Mapping[str, Any], response: Mapping[str, Any], source: Source) -> datetime | None:
    told = get_time(record, *_TIMES) or get_time(response, "created", "created_at")
    named = _NAMED.search(source.file) if told is None else None
    if named is None:
        return told
    year, month, day, *clock = named.groups()
    try:
        return utc(f"{year}-{month}-{day}T{':'.join(clock) if clock[0] else '00:00:00'}")
    except UnreadableError:
        return None


def _error(record: Mapping[str, Any], response: Mapping[str, Any]) -> str | None:
    told = get_object(response, "error") or get_object(record, "error")
    return get_text(told, "message", "code", "type") or get_text(response, "error") or get_text(record, "error")


def _rest(record: Mapping[str, Any]) -> dict[str, Any]:
    return scalars({k: v for k, v in record.items() if k not in _KNOWN})
