"""A record that is a whole trace -> a row: what the formats without spans share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.records import CapturedTrace, Json
from flywheel_pipeline.steps.capture.formats.common import (
    Source,
    UnreadableError,
    as_json,
    clean,
    content_id,
    last_exchange,
)
from flywheel_pipeline.steps.capture.media import without_payloads
from flywheel_pipeline.steps.capture.messages import to_messages


def make_trace(
    name: str, source: Source, messages: Sequence[Mapping[str, Any]], values: Mapping[str, Any]
) -> CapturedTrace:
    """Return the trace of a conversation; `values` are its columns, Python values where they hold JSON.

    Raises:
        UnreadableError: there is no time, or neither question nor answer.
    """
    if values.get("started_at") is None:
        raise UnreadableError("no time: each trace needs the time at which it began")
    if not any(m.get("role") in ("user", "assistant") for m in messages):
        raise UnreadableError("no message of a user and none of the app")
    asked, answered = last_exchange(messages)
    optional: dict[str, Any] = {
        key: clean(v) if isinstance(v := values.get(key), str) else v
        for key in (
            "session_id", "latency_ms", "prompt_name", "prompt_version", "model", "error", "input_tokens",
            "output_tokens", "cost_usd",
        )
    }  # fmt: skip
    return CapturedTrace(
        trace_id=clean(values.get("trace_id") or _own_id(messages, values)),
        started_at=values["started_at"],
        app=clean(values.get("app") or source.app),
        input=without_payloads(asked),
        output=None if answered is None else without_payloads(answered),
        messages=Json(without_payloads(as_json(list(messages)))),
        retrieved=Json(as_json(values.get("retrieved") or [])),
        n_turns=sum(m.get("role") == "user" for m in messages),
        n_tool_calls=sum(len(m.get("tool_calls") or ()) for m in messages),
        feedback_score=None,
        feedback_comment=None,
        tags=Json(as_json(values.get("tags") or {})),
        source_format=name,
        source_file=source.file,
        source_line=source.line,
        n_rows=1,
        spans=None,
        **optional,
    )


def _own_id(messages: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> str:
    """Return the id of a trace without one: the same words at the same time are one trace, except in two sessions."""
    session = values.get("session_id")
    return content_id([messages, str(values["started_at"]), *([session] if session else [])])


def with_system(messages: list[dict[str, Any]], prompt: Any) -> list[dict[str, Any]]:
    """Return the messages behind the system prompt that stands beside them, unless they have one."""
    has_one = prompt in (None, "", [], {}) or any(m["role"] == "system" for m in messages)
    return messages if has_one else [*({**m, "role": "system"} for m in to_messages(prompt, "system")), *messages]
