"""ShareGPT: `{conversations: [{from, value}]}`, as training sets and chat exporters write conversations.

Speakers are `human`, `gpt`, `system`, `function_call` (its value is the call as JSON) and `observation` (a tool's
result). Everything beside the conversation is read as in chat JSONL; the files often have no time, and each trace needs
one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture.formats import chat
from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.table import OBVIOUS
from flywheel_pipeline.steps.capture.messages import loads, role_of
from flywheel_pipeline.steps.capture.parts import call_of

NAME = "sharegpt"
_LISTS = ("conversations", "conversation", "dialog", "dialogue")
_OWN = "conversations"
"""The key under which turns may be called otherwise than `from` and `value`; the other keys are those of any table."""
_SPEAKERS = ("from", "role", "speaker", "author", "sender", "user")
_SAID = ("value", "content", "text", "message", "markdown", "html")
_APPS = frozenset("gpt chatgpt bing bard claude gemini llama model bot ai assistant chat_gpt".split())


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record holds a list of turns, each with its speaker."""
    return _turns(record) is not None and "messages" not in record


def _turns(record: Mapping[str, Any]) -> list[Any] | None:
    for key in _LISTS:
        held = loads(record.get(key))
        if isinstance(held, list) and held and isinstance(held[0], dict):
            is_own = {"from", "value"} <= held[0].keys() or key == _OWN
            return held if is_own and _of(held[0], _SPEAKERS) and _of(held[0], _SAID) is not None else None
    return None


def _of(turn: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((turn[n] for n in names if isinstance(turn.get(n), str | list)), None)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the trace, and what the user thought of it."""
    messages = _with_ids([_message(turn, n) for n, turn in enumerate(_turns(record) or (), 1)])
    started = next((record[k] for k in OBVIOUS["started_at"] if record.get(k) not in (None, "")), None)
    if started is None:
        raise UnreadableError(
            "a ShareGPT conversation without a time: add `started_at` to each, which every trace needs"
        )
    rest = {k: v for k, v in record.items() if k not in _LISTS}
    for item in chat.read({**rest, "started_at": started, "messages": messages}, source):
        yield replace(item, source_format=NAME) if isinstance(item, CapturedTrace) else item


def _message(turn: Any, number: int) -> dict[str, Any]:
    speaker = _of(turn, _SPEAKERS) if isinstance(turn, dict) else None
    if not isinstance(speaker, str):
        raise UnreadableError(f"turn {number} does not say who speaks")
    said = _of(turn, _SAID) or ""
    if speaker == "function_call":
        call = loads(said)
        calls = call if isinstance(call, list) else [call]
        if not all(isinstance(c, dict) for c in calls):
            raise UnreadableError(f"turn {number} is a function call that is no JSON object")
        return {"role": "assistant", "content": "", "tool_calls": [call_of(c) for c in calls]}
    role = "assistant" if speaker.strip().lower() in _APPS else role_of(speaker)
    if role is None:
        raise UnreadableError(
            f"turn {number} is by {speaker[:40]!r}; known: human, gpt, system, function_call, observation"
        )
    return {"role": role, "content": said}


def _with_ids(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages, tool calls and their results joined by ids, which the format does not have."""
    waiting: list[str] = []
    for number, found in enumerate(messages):
        for place, call in enumerate(found.get("tool_calls", ())):
            call["id"] = call.get("id") or f"call_{number}_{place}"
            waiting.append(call["id"])
        if found["role"] == "tool" and waiting:
            found["tool_call_id"] = waiting.pop(0)
    return messages
