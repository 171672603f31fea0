"""Chat JSONL: one conversation per line, `messages` in OpenAI's chat form, everything else optional.

| key | meaning |
|---|---|
| `messages` | required: `{role, content, tool_calls, tool_call_id}` |
| `created_at`, `started_at`, `start_time` or `timestamp` | required: when it began |
| `trace_id` or `id` | the id; a hash of the content where absent |
| `session_id`, `app`, `prompt_name`, `prompt_version`, `model`, `error` | texts |
| `latency_ms`, `input_tokens`, `output_tokens`, `cost_usd` | numbers |
| `feedback` | `{score, comment}`; a score from 0 to 1, or on the scale that all of the file's show |
| `retrieved` | documents `{id, title, content, score}` |

Whatever else a line holds is kept in `tags`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.records import CapturedTrace, Json
from flywheel_pipeline.steps.capture.formats.amounts import cost_in, milliseconds_in
from flywheel_pipeline.steps.capture.formats.common import (
    Item,
    Source,
    UnreadableError,
    as_json,
    clean,
    content_id,
    last_exchange,
    number,
    text,
    utc,
    whole,
)
from flywheel_pipeline.steps.capture.formats.ratings import ratings_in
from flywheel_pipeline.steps.capture.media import without_payloads
from flywheel_pipeline.steps.capture.messages import ROLES, is_message, message, role_of

NAME = "chat"

_MEANT = frozenset(("system", "user", "assistant", "tool"))
_BLOCKS = ("tool_result", "tool_use", "toolResult", "toolUse", "functionResponse", "functionCall")
"""Types or keys of parts that are tool calls and results: the role of their message does not say whose turn it is."""
_SYSTEM = (
    "system", "system_prompt", "system_message", "system_instruction", "instructions", "systemPrompt", "systemMessage",
    "systemInstruction",
)  # fmt: skip
TIMES = ("started_at", "created_at", "start_time", "timestamp")
KNOWN = frozenset({
    "messages", "trace_id", "id", "session_id", "app", "prompt_name", "prompt_version", "model", "error",
    "latency_ms", "input_tokens", "output_tokens", "cost_usd", "feedback", "retrieved", *TIMES,
})  # fmt: skip
"""Keys with a meaning of their own; all else is a tag."""
_OTHERS = {
    "call_type", "run_type", "request", "response", "choices", "span_id", "observations", "spans", "info", "inputs",
    "standard_logging_object", "kwargs", "traceId", "root_span_id", "resourceSpans", "custom_id", "epoch",
}  # fmt: skip


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record holds a conversation, and nothing that only another format has."""
    return isinstance(record.get("messages"), list) and _OTHERS.isdisjoint(record)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the trace; see the module for the keys."""
    messages, n_turns, n_tool_calls = conversation(record.get("messages"))
    messages = _with_system(record, messages)
    asked, answered = last_exchange(messages)
    trace_id = text(record, "trace_id") or text(record, "id") or content_id(record)
    yield CapturedTrace(
        trace_id=trace_id,
        session_id=text(record, "session_id"),
        started_at=utc(time_of(record)),
        latency_ms=number(record, "latency_ms", milliseconds_in),
        app=text(record, "app") or source.app,
        prompt_name=text(record, "prompt_name"),
        prompt_version=text(record, "prompt_version"),
        model=text(record, "model"),
        input=without_payloads(asked),
        output=None if answered is None else without_payloads(answered),
        messages=Json(without_payloads(as_json(messages))),
        retrieved=Json(as_json(documents(record["retrieved"])) if record.get("retrieved") is not None else "[]"),
        n_turns=n_turns,
        n_tool_calls=n_tool_calls,
        feedback_score=None,
        feedback_comment=None,
        error=text(record, "error"),
        input_tokens=whole(record, "input_tokens"),
        output_tokens=whole(record, "output_tokens"),
        cost_usd=number(record, "cost_usd", cost_in),
        tags=Json(as_json({k: v for k, v in record.items() if k not in KNOWN})),
        source_format=NAME,
        source_file=source.file,
        source_line=source.line,
        n_rows=1,
        spans=None,
    )
    yield from ratings_in(record, KNOWN, trace_id, source)


def conversation(found: Any) -> tuple[list[dict[str, Any]], int, int]:
    """Return (messages, how many are of the user, how many tools they call)."""
    if not isinstance(found, list):
        raise UnreadableError("`messages` must be a list of {role, content}")
    messages: list[dict[str, Any]] = []
    for index, one in enumerate(found):
        content = one.get("content") if type(one) is dict and type(one.get("role")) is str else None
        if type(content) is str and one["role"] in _MEANT and "tool_calls" not in one:
            messages.append(one)  # a call per message would take as long as all the rest
        else:
            messages += _read_message(one, index)
    if not any(m["role"] in ("user", "assistant") for m in messages):
        raise UnreadableError("no message has the role `user` or `assistant`")
    n_turns = sum(m["role"] == "user" for m in messages)
    return messages, n_turns, sum(len(m.get("tool_calls") or ()) for m in messages)


def _read_message(value: Any, index: int) -> list[dict[str, Any]]:
    """Return a message as it is, with a role that means one thing; blocks of tools become messages of their own.

    Messages of other forms that say who speaks (LangChain's `type`, ShareGPT's `from`) are read as such.
    """
    if isinstance(value, dict) and "role" not in value and is_message(value):
        return message(value)
    role = value.get("role") if isinstance(value, dict) else None
    meant = role_of(role) if isinstance(role, str) else None
    if not isinstance(value, dict) or meant is None:
        raise UnreadableError(f"message {index} has the role {str(role)[:40]!r}; known: {', '.join(ROLES)}")
    calls = value.get("tool_calls")
    if calls is not None and not (isinstance(calls, list) and all(isinstance(c, dict) for c in calls)):
        raise UnreadableError(f"message {index}: tool_calls must be a list of objects")
    content = value.get("content")
    parts = [p for p in content if isinstance(p, dict)] if isinstance(content, list) else []
    if "parts" in value or any(str(p.get("type")) in _BLOCKS or not p.keys().isdisjoint(_BLOCKS) for p in parts):
        return message(value)
    return [value if meant == role else {**value, "role": meant}]


def _with_system(record: Mapping[str, Any], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages behind the system prompt that stands beside them."""
    prompt = next((record[k] for k in _SYSTEM if isinstance(record.get(k), str) and record[k].strip()), None)
    has_one = prompt is None or any(m["role"] == "system" for m in messages)
    return messages if has_one else [{"role": "system", "content": prompt}, *messages]


def time_of(record: Mapping[str, Any]) -> Any:
    """Return when a record says that it began, in whatever form."""
    for key in TIMES:
        if record.get(key) is not None:
            return record[key]
    raise UnreadableError(f"no time; one of {', '.join(TIMES)} is needed")


def documents(value: Any) -> list[dict[str, Any]]:
    """Return the documents of `retrieved`."""
    if not isinstance(value, list):
        raise UnreadableError("retrieved must be a list of documents")
    return [d if isinstance(d, dict) else {"content": clean(str(d))} for d in value]
