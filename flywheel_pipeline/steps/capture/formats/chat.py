"""Chat JSONL: one conversation a line, `messages` in OpenAI's chat form, everything else optional.

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

from flywheel_pipeline.records import CapturedTrace, Feedback, Json
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
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, feedback_of

NAME = "chat"

ROLES: Mapping[str, str] = {
    **{r: r for r in ("system", "developer", "user", "assistant", "tool", "function")},
    "human": "user", "ai": "assistant", "bot": "assistant", "asssistant": "assistant",
}  # fmt: skip
"""Roles as found in real exports (one common exporter misspells one) and what they mean."""

_MEANT = frozenset(ROLES.values())
_TIMES = ("started_at", "created_at", "start_time", "timestamp")
KNOWN = frozenset({
    "messages", "trace_id", "id", "session_id", "app", "prompt_name", "prompt_version", "model", "error",
    "latency_ms", "input_tokens", "output_tokens", "cost_usd", "feedback", "retrieved", *_TIMES,
})  # fmt: skip
"""Keys with a meaning of their own; all else is a tag."""
_RATINGS = {
    "rating", "stars", "star_rating", "thumbs", "thumb", "thumbs_up", "thumbs_down", "user_rating", "user_feedback",
    "like", "liked", "dislike", "disliked", "csat", "nps",
}  # fmt: skip
"""Keys, of a line or of its `feedback`, under which users' scores are found beside `feedback.score`."""
_SAID = {"feedback", *_RATINGS}
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
    asked, answered = last_exchange(messages)
    trace_id = text(record, "trace_id") or text(record, "id") or content_id(record)
    yield CapturedTrace(
        trace_id=trace_id,
        session_id=text(record, "session_id"),
        started_at=utc(time_of(record)),
        latency_ms=number(record, "latency_ms"),
        app=text(record, "app") or source.app,
        prompt_name=text(record, "prompt_name"),
        prompt_version=text(record, "prompt_version"),
        model=text(record, "model"),
        input=asked,
        output=answered,
        messages=Json(as_json(messages)),
        retrieved=Json(as_json(documents(record["retrieved"])) if record.get("retrieved") is not None else "[]"),
        n_turns=n_turns,
        n_tool_calls=n_tool_calls,
        feedback_score=None,
        feedback_comment=None,
        error=text(record, "error"),
        input_tokens=whole(record, "input_tokens"),
        output_tokens=whole(record, "output_tokens"),
        cost_usd=number(record, "cost_usd"),
        tags=Json(as_json({k: v for k, v in record.items() if k not in KNOWN})),
        source_format=NAME,
        source_file=source.file,
        source_line=source.line,
        n_rows=1,
        spans=None,
    )
    if not _SAID.isdisjoint(record):
        yield from _opinions(record, trace_id, source)


def conversation(found: Any) -> tuple[list[dict[str, Any]], int, int]:
    """Return (messages, how many are of the user, how many tools they call)."""
    if not isinstance(found, list):
        raise UnreadableError("`messages` must be a list of {role, content}")
    messages, n_turns, n_tool_calls = [], 0, 0
    for index, one in enumerate(found):
        role = one.get("role") if type(one) is dict else None
        if type(role) is not str or role not in _MEANT or "tool_calls" in one:  # a call a message would take as long
            one = _message(one, index)
            role = one["role"]
            n_tool_calls += len(one.get("tool_calls") or ())
        n_turns += role == "user"
        messages.append(one)
    if not n_turns:
        raise UnreadableError("no message has the role `user`")
    return messages, n_turns, n_tool_calls


def _message(message: Any, index: int) -> dict[str, Any]:
    role = message.get("role") if isinstance(message, dict) else None
    meant = ROLES.get(role.lower()) if isinstance(role, str) else None
    if not isinstance(message, dict) or meant is None:
        raise UnreadableError(f"message {index} has the role {str(role)[:40]!r}; known: {', '.join(ROLES)}")
    calls = message.get("tool_calls")
    if calls is not None and not (isinstance(calls, list) and all(isinstance(c, dict) for c in calls)):
        raise UnreadableError(f"message {index}: tool_calls must be a list of objects")
    return message if meant == role else {**message, "role": meant}


def time_of(record: Mapping[str, Any]) -> Any:
    """Return when a record says that it began, in whatever form."""
    for key in _TIMES:
        if record.get(key) is not None:
            return record[key]
    raise UnreadableError(f"no time; one of {', '.join(_TIMES)} is needed")


def _opinions(record: Mapping[str, Any], trace_id: str, source: Source) -> Iterator[Feedback]:
    """Yield what the user said: `feedback`, and the columns whose names leave no doubt."""
    told = record.get("feedback")
    if isinstance(told, list):
        raise UnreadableError("feedback must be an object with `score` and `comment`, or a score")
    given = dict(told) if isinstance(told, dict) else {"score": told}
    comment = text(given, "comment")
    scores = {("feedback" if k == "score" else k): given[k] for k in given if k in ("score", *_RATINGS)}
    scores |= {k: record[k] for k in _RATINGS & record.keys()}
    n = 0
    for name, value in scores.items():
        opinion = Opinion(trace_id, name, value, "user", None if n else comment, alone=False)
        for row in feedback_of(opinion, source):
            n += 1
            yield row
    if not n and comment:
        yield from feedback_of(Opinion(trace_id, "feedback", None, "user", comment, alone=False), source)


def documents(value: Any) -> list[dict[str, Any]]:
    """Return the documents of `retrieved`."""
    if not isinstance(value, list):
        raise UnreadableError("retrieved must be a list of documents")
    return [d if isinstance(d, dict) else {"content": clean(str(d))} for d in value]
