"""A logged call of a model's API: where its request, its response and its metadata stand, and the trace it makes.

A record is `{request, response}` (also `request_body`, `req`, `input`, each also as JSON text or with the body under
`body`, `json` or `data`), a line of batch output (`{custom_id, response: {body}}`), or the response alone. The response
may be text, a stream of events or the list of its chunks. A pair without any time takes the day in the file's name, as
in `trace_2024-01-15_120000.json`. Calls that name a `trace_id` and an id of their own are steps of that trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, clean, utc
from flywheel_pipeline.steps.capture.formats.lenient import (
    get_cost,
    get_count,
    get_number,
    get_object,
    get_text,
    get_time,
    scalars,
)
from flywheel_pipeline.steps.capture.formats.ratings import ratings_in
from flywheel_pipeline.steps.capture.formats.row import make_trace
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span
from flywheel_pipeline.steps.capture.streams import is_stream, joined

Messages = list[dict[str, Any]]
_PAIRS = (
    ("request", "response"), ("request_body", "response_body"), ("requestBody", "responseBody"), ("req", "resp"),
    ("full_request", "full_response"), ("input", "output"), ("body", "response"), ("params", "result"),
)  # fmt: skip
_BODIES = ("body", "json", "data")
_ANSWERED = {"choices", "output", "candidates", "content", "message", "messages", "response", "text"}
"""Keys of responses, one of which stands beside `data` only in the response itself."""
_TIMES = (
    "timestamp", "started_at", "start_time", "created_at", "time", "datetime", "ts", "created", "startTime",
    "createdAt", "request_time", "requestTime", "logged_at", "logging_time", "processed_time",
    "request_created_at", "requested_at", "request_timestamp", "created_on",
)  # fmt: skip
_NAMED = re.compile(
    r"(?<!\d)(20\d\d)[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[T_\- ]?([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?!\d))?"
)
_OWN_IDS = ("id", "request_id", "requestId", "custom_id", "call_id", "span_id", "key")
_KNOWN = {
    *_OWN_IDS, "trace_id", "session_id", "conversation_id", "thread_id", "workload_id", "app", "model", "object",
    "cost", "cost_usd", "latency_ms", "duration_ms", "error", "system_fingerprint", "service_tier", "provider", *_TIMES,
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A logged call: what was sent, what came back (a stream joined, text as text), and what was logged beside it."""

    record: Mapping[str, Any]
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    text: str | None = None


@dataclass(frozen=True)
class Content:
    """What an API's module makes of a call: the conversation, and the model and the tokens."""

    asked: Messages
    answer: Messages
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def call_of(record: Mapping[str, Any]) -> Call | None:
    """Return the call that a record logs; None if it has no request or response where they are looked for."""
    for asked, answered in _PAIRS:
        if asked not in record and not (answered in record and "custom_id" in record):
            continue
        request = _body(get_object(record, asked))
        response, text = _response(record.get(answered))
        if request or (response and "custom_id" in record):
            return Call(record, request, response, text)
    return None


def response_alone(record: Mapping[str, Any]) -> Call:
    """Return a record that is the response itself, perhaps with the messages of its request, as a call."""
    return Call(record, record, record)


def _body(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body of a request or response that was logged with its headers or status."""
    inner = next((b for key in _BODIES if (b := get_object(value, key))), None)
    is_wrapped = inner is not None and not {"messages", "choices", "contents", "prompt"} & value.keys()
    return inner if inner is not None and is_wrapped else value


def _response(value: Any) -> tuple[Mapping[str, Any], str | None]:
    """Return (the response, its text where it is no object); streams are joined."""
    value = loads(value)
    if isinstance(value, Mapping):
        inner = next((v for k in _BODIES if isinstance(v := value.get(k), str) or is_stream(v)), None)
        return (_body(value), None) if inner is None or _ANSWERED & value.keys() else _response(inner)
    value = joined(value)
    if isinstance(value, Mapping):
        return value, None
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return {}, "".join(value)
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return _of_list(value), None
    return {}, value if isinstance(value, str) and value else None


def _of_list(items: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return what a list as the response is: messages, the parts of one, or the response in a list of its own."""
    if all("role" in item for item in items):
        return {"messages": items}
    return items[0] if len(items) == 1 and "text" not in items[0] else {"content": items}


def read_call(name: str, call: Call, content: Content, source: Source) -> Iterator[Item]:
    """Yield the call as a trace, or as a step of the trace that it names.

    Raises:
        UnreadableError: it has no time, or neither question nor answer.
    """
    answer = content.answer or (to_messages(call.text, "assistant") if call.text else [])
    if not content.asked and not answer:
        raise UnreadableError("neither a request nor a response with text is there: export both")
    messages = whole_conversation(content.asked, answer)
    values = {**_values(call, source), "model": content.model, **content.values}
    values["input_tokens"], values["output_tokens"] = content.input_tokens, content.output_tokens
    own = values.pop("span_id")
    made: Span | CapturedTrace
    if own and get_text(call.record, "trace_id"):
        made = _step(name, messages, answer, {**values, "span_id": own})
    else:
        made = make_trace(name, source, messages, values)
    yield made
    if call.request is not call.record and not isinstance(call.record.get("feedback"), list):
        yield from ratings_in(call.record, _KNOWN, made.trace_id, source)


def _values(call: Call, source: Source) -> dict[str, Any]:
    """Return the columns that stand beside request and response."""
    record, response = call.record, call.response
    is_alone = call.request is call.record
    own = get_text(record, *_OWN_IDS) or get_text(response, "id", "responseId", "request_id")
    metadata = {**get_object(call.request, "metadata"), **get_object(record, "metadata", "tags")}
    return {
        "trace_id": get_text(record, "trace_id") or own,
        "span_id": own,
        "started_at": time_of(call, source),
        "latency_ms": get_number(record, "latency_ms", "duration_ms"),
        "session_id": get_text(record, "session_id", "conversation_id", "thread_id"),
        "app": get_text(record, "workload_id", "app"),
        "error": _error(record, response),
        "cost_usd": get_cost(record, "cost_usd", "cost", "response_cost"),
        "tags": {**scalars(metadata), **({} if is_alone else _rest(record))},
    }


def _step(name: str, messages: Messages, answer: Messages, values: dict[str, Any]) -> Span:
    """Return the call as a step of a trace."""
    started, latency = values["started_at"], values.pop("latency_ms")
    n_answer = len(answer) if messages[len(messages) - len(answer) :] == answer else 0
    return Span(
        trace_id=clean(values.pop("trace_id")),
        span_id=clean(values.pop("span_id")),
        name=name,
        kind="llm",
        ended_at=None if started is None or latency is None else started + timedelta(milliseconds=min(latency, 1e10)),
        messages=messages[: len(messages) - n_answer],
        reply=messages[len(messages) - n_answer :],
        **values,
    )


def whole_conversation(asked: Messages, answer: Messages) -> Messages:
    """Return the whole conversation: some log all of it as the response."""
    texts = [m.get("content") for m in answer if m["role"] == "user"]
    is_all = texts and all(m.get("content") in texts for m in asked if m["role"] == "user")
    return answer if is_all else [*asked, *answer]


def added(usage: Mapping[str, Any], *keys: str) -> int | None:
    """Return the sum of the token counts under `keys`, which exclude each other; None where none is there."""
    found = [n for k in keys if (n := get_count(usage, k)) is not None]
    return sum(found) if found else None


def time_of(call: Call, source: Source) -> datetime | None:
    """Return when a call was made: as logged, as its response says, or by the day in the file's name."""
    found = get_time(call.record, *_TIMES) or get_time(call.response, "created", "created_at", "createTime")
    named = _NAMED.search(source.file) if found is None else None
    if named is None:
        return found
    year, month, day, *clock = named.groups()
    try:
        return utc(f"{year}-{month}-{day}T{':'.join(clock) if clock[0] else '00:00:00'}")
    except UnreadableError:
        return None


def _error(record: Mapping[str, Any], response: Mapping[str, Any]) -> str | None:
    found = get_object(response, "error") or get_object(record, "error")
    return get_text(found, "message", "code", "type") or get_text(response, "error") or get_text(record, "error")


def _rest(record: Mapping[str, Any]) -> dict[str, Any]:
    sides = {side for pair in _PAIRS for side in pair}
    return scalars({k: v for k, v in record.items() if k not in _KNOWN and k not in sides})
