"""Streamed answers -> the answer that the same call gives without streaming.

A stream is logged as the text of server-sent events, as lines of JSON, or as the list of its chunks. Understood are
the chunks of OpenAI (chat, completions, Responses), Anthropic, Gemini, Ollama, Bedrock Converse and Cohere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Chunks = Sequence[Mapping[str, Any]]
_EVENT = re.compile(r"(?m)^data:[ \t]?(.*)$")
_DONE = "[DONE]"


def is_stream(value: Any) -> bool:
    """Return whether `value` is a stream: the text of events, or a list of chunks."""
    return chunks_of(value) is not None


def joined(value: Any) -> Any:
    """Return the answer that a stream comes to; anything else as it is."""
    chunks = chunks_of(value)
    join = None if chunks is None else _joiner(chunks)
    return value if chunks is None or join is None else join(chunks)


def chunks_of(value: Any) -> list[dict[str, Any]] | None:
    """Return the chunks of a stream, None if `value` is none."""
    if isinstance(value, str):
        value = _decoded(value)
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(v, str) and v.lstrip().startswith(("data:", "event:")) for v in value):
        value = _decoded("\n".join(v.rstrip("\n") for v in value))
    chunks = value if value and all(isinstance(c, dict) for c in value) else None
    return chunks if chunks and _joiner(chunks) else None


def _decoded(text: str) -> list[Any] | None:
    """Return the values in the text of server-sent events, or in lines of JSON."""
    start = text.lstrip()
    if start.startswith(("data:", "event:", "id:", ":")):
        lines = [line for line in _EVENT.findall(text) if line.strip() and line.strip() != _DONE]
    elif start.startswith("{"):
        lines = [line for line in text.split("\n") if line.strip()]
    else:
        return None
    try:
        return [json.loads(line) for line in lines] if len(lines) > 1 or start[:1] != "{" else None
    except (ValueError, RecursionError):
        return None


def _joiner(chunks: Chunks) -> Callable[[Chunks], dict[str, Any]] | None:
    """Return what joins such chunks; every stream has a chunk of a form that no answer without streaming has."""
    for fits, join in _JOINERS:
        if any(fits(c) for c in chunks):
            return join
    return None


def _items(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _index(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _shared(chunks: Chunks, *left_out: str) -> dict[str, Any]:
    """Return what the chunks say beside their parts, the last value of each key."""
    return {k: v for c in chunks for k, v in c.items() if k not in left_out and v not in (None, "", [], {})}


def _openai_chat(chunks: Chunks) -> dict[str, Any]:
    choices: dict[int, dict[str, Any]] = {}
    for choice in (i for c in chunks for i in _items(c.get("choices"))):
        made = choices.setdefault(_index(choice.get("index")), {"message": {"role": "assistant"}})
        delta = _object(choice.get("delta"))
        for key in ("content", "refusal"):
            if isinstance(delta.get(key), str):
                made["message"][key] = made["message"].get(key, "") + delta[key]
        if isinstance(choice.get("text"), str):
            made["message"]["content"] = made["message"].get("content", "") + choice["text"]
        _add_calls(made["message"], _items(delta.get("tool_calls")))
        made["finish_reason"] = choice.get("finish_reason") or made.get("finish_reason")
    return {**_shared(chunks, "choices"), "object": "chat.completion", "choices": [choices[i] for i in sorted(choices)]}


def _add_calls(message: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
    """Add parts of tool calls to those that the message has, by their index."""
    calls = message.setdefault("tool_calls", []) if deltas else []
    for delta in deltas:
        index = delta.get("index")
        at = index if isinstance(index, int) and 0 <= index <= len(calls) else len(calls)
        if at == len(calls):
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        function = _object(delta.get("function"))
        calls[at]["id"] = calls[at]["id"] or _text(delta.get("id"))
        calls[at]["function"]["name"] += _text(function.get("name"))
        calls[at]["function"]["arguments"] += _text(function.get("arguments"))


def _openai_responses(chunks: Chunks) -> dict[str, Any]:
    whole: list[dict[str, Any]] = [_object(c.get("response")) for c in chunks if _is_event_of_responses(c)]
    final: dict[str, Any] = next((r for r in reversed(whole) if r.get("output")), {})
    if final:
        return final
    final = next((r for r in reversed(whole) if r), {})
    items = [c["item"] for c in chunks if c.get("type") == "response.output_item.done" and _object(c.get("item"))]
    text = "".join(_text(c.get("delta")) for c in chunks if c.get("type") == "response.output_text.delta")
    output = items or [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]
    return {"object": "response", **final, "output": output}


def _anthropic(chunks: Chunks) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    made: dict[str, Any] = {"type": "message", "role": "assistant"}
    usage: dict[str, Any] = {}
    for chunk in chunks:
        started = _object(chunk.get("message"))
        made |= {k: v for k, v in {**started, **_object(chunk.get("delta"))}.items() if k in _ANTHROPIC and v}
        usage |= {k: v for k, v in {**_object(started.get("usage")), **_object(chunk.get("usage"))}.items() if v}
        index = _index(chunk.get("index"))
        if chunk.get("type") == "content_block_start":
            blocks[index] = {**_object(chunk.get("content_block"))}
        elif chunk.get("type") == "content_block_delta":
            _add_block(blocks.setdefault(index, {"type": "text", "text": ""}), _object(chunk.get("delta")))
    for block in blocks.values():
        if "partial" in block:
            block["input"] = block.pop("partial")
    return {**made, "usage": usage, "content": [blocks[i] for i in sorted(blocks)]}


_ANTHROPIC = ("id", "model", "stop_reason")


def _add_block(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for key in ("text", "thinking"):
        if isinstance(delta.get(key), str):
            block[key] = _text(block.get(key)) + delta[key]
    if isinstance(delta.get("partial_json"), str):
        block["partial"] = block.get("partial", "") + delta["partial_json"]


def _gemini(chunks: Chunks) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for candidate in (first for c in chunks for first in _items(c.get("candidates"))[:1]):
        for part in _items(_object(candidate.get("content")).get("parts")):
            if parts and _continues(part, parts[-1]):
                parts[-1] = {**parts[-1], "text": _text(parts[-1].get("text")) + _text(part.get("text"))}
            else:
                parts.append(part)
    return {**_shared(chunks, "candidates"), "candidates": [{"content": {"role": "model", "parts": parts}}]}


def _continues(part: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Return whether a part is more of the text, or more of the thought, of the last one."""
    is_text = part.keys() <= {"text", "thought"} and last.keys() <= {"text", "thought"}
    return is_text and bool(part.get("thought")) == bool(last.get("thought"))


def _ollama(chunks: Chunks) -> dict[str, Any]:
    made = _shared(chunks, "message", "response")
    messages = [_object(c.get("message")) for c in chunks]
    if any(messages):
        calls = [call for m in messages for call in _items(m.get("tool_calls"))]
        content = "".join(_text(m.get("content")) for m in messages)
        made["message"] = {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}
    else:
        made["response"] = "".join(_text(c.get("response")) for c in chunks)
    return made


def _converse(chunks: Chunks) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    made: dict[str, Any] = {}
    for chunk in chunks:
        start, delta = _object(chunk.get("contentBlockStart")), _object(chunk.get("contentBlockDelta"))
        index = _index(start.get("contentBlockIndex", delta.get("contentBlockIndex")))
        called = _object(_object(start.get("start")).get("toolUse"))
        if called:
            blocks[index] = {"toolUse": {**called, "input": ""}}
        held = _object(delta.get("delta"))
        if isinstance(held.get("text"), str):
            block = blocks.setdefault(index, {"text": ""})
            block["text"] = _text(block.get("text")) + held["text"]
        part = _text(_object(held.get("toolUse")).get("input"))
        if part and "toolUse" in blocks.get(index, {}):
            blocks[index]["toolUse"]["input"] += part
        made |= {k: v for k, v in _object(chunk.get("metadata")).items() if k in ("usage", "metrics")}
        made |= {k: v for k, v in _object(chunk.get("messageStop")).items() if k == "stopReason"}
    content = [blocks[i] for i in sorted(blocks)]
    return {**made, "output": {"message": {"role": "assistant", "content": content}}}


def _cohere(chunks: Chunks) -> dict[str, Any]:
    """Return the answer of Cohere's API, version 2."""
    content = [_object(_object(_object(c.get("delta")).get("message")).get("content")) for c in chunks]
    text = "".join(_text(c.get("text")) for c in content)
    usage = next((u for c in reversed(chunks) if (u := _object(_object(c.get("delta")).get("usage")))), {})
    return {"id": _shared(chunks).get("id"), "usage": usage, "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}  # fmt: skip


def _has_delta(chunk: Mapping[str, Any]) -> bool:
    choices = _items(chunk.get("choices"))
    return any("delta" in c for c in choices) or (chunk.get("object") == "text_completion" and bool(choices))


def _is_typed(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda chunk: chunk.get("type") in names


def _is_event_of_responses(chunk: Mapping[str, Any]) -> bool:
    return _text(chunk.get("type")).startswith("response.")


_JOINERS: tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Chunks], dict[str, Any]]], ...] = (
    (_has_delta, _openai_chat),
    (_is_event_of_responses, _openai_responses),
    (_is_typed("message_start", "content_block_delta", "message_delta"), _anthropic),
    (_is_typed("message-start", "content-delta", "message-end"), _cohere),
    (lambda c: "contentBlockDelta" in c or "messageStop" in c, _converse),
    (lambda c: isinstance(c.get("candidates"), list), _gemini),
    (lambda c: "done" in c and ("message" in c or "response" in c), _ollama),
)
