"""Conversations as the world writes them -> OpenAI-style messages.

A message is `{role, content, tool_calls?, tool_call_id?, name?}`: `role` one of system, user, assistant, tool;
`content` text; `tool_calls` a list of `{id, type: "function", function: {name, arguments: JSON text}}`.
Understood are OpenAI chat and Responses items, Anthropic blocks, Gemini parts, OpenTelemetry parts,
LangChain messages (plain, `{type, data}` and serialized), OpenInference `{message: …}`, each also as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

ROLES: Mapping[str, str] = {
    **{r: r for r in ("system", "user", "assistant", "tool")},
    "developer": "system", "function": "tool", "human": "user", "ai": "assistant", "model": "assistant",
    "bot": "assistant", "agent": "assistant", "asssistant": "assistant", "chatbot": "assistant",
    "humanmessage": "user", "aimessage": "assistant", "systemmessage": "system", "toolmessage": "tool",
    "humanmessagechunk": "user", "aimessagechunk": "assistant", "functionmessage": "tool", "chat": "user",
}  # fmt: skip
"""Roles as found in real exports, in lower case (one common exporter misspells one), and what they mean."""

MAX_DEPTH = 20
_HOLDERS = (
    "messages", "input_messages", "output_messages", "message", "chat_history", "choices", "generations", "contents",
    "candidates", "new_message", "input", "inputs", "prompt", "prompts", "question", "query", "user_input",
    "user_query",
    "text", "content", "parts", "output", "outputs", "response", "answer", "result", "completion", "value", "kwargs",
    "data",
)  # fmt: skip
"""Keys of an object that is no message itself under which a conversation is found, in the order tried."""
_ASKED = ("messages", "contents", "input", "prompt")
_SYSTEM = ("system", "instructions", "system_instruction", "systemInstruction", "system_prompt")
"""Keys of a request's messages, and of the system prompt that stands beside them."""


def loads(value: Any) -> Any:
    """Return what JSON text holds, also where it was encoded twice; anything else as it is."""
    for _ in range(3):
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
            return value
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def to_messages(value: Any, role: str = "user", depth: int = 0) -> list[dict[str, Any]]:
    """Return the conversation in `value`; plain text becomes one message of `role`, nothing an empty list."""
    decoded = loads(value)
    if decoded is None or decoded == "" or decoded == [] or decoded == {} or depth > MAX_DEPTH:
        return []
    if isinstance(decoded, list):
        return _of_list(decoded, role, depth)
    if isinstance(decoded, dict):
        return _of_object(decoded, role, depth)
    return [{"role": role, "content": value if isinstance(value, str) else str(decoded)}]


def to_text(value: Any) -> str:
    """Return the text in `value`: the last message's where it is a conversation, else JSON where it is none."""
    said = [m["content"] for m in to_messages(value) if m.get("content")]
    return str(said[-1]) if said else ""


def _of_list(items: Sequence[Any], role: str, depth: int) -> list[dict[str, Any]]:
    if all(isinstance(i, str) for i in items):
        texts = [loads(i) for i in items]
        if not any(isinstance(t, dict) for t in texts):
            return [{"role": role, "content": "\n".join(items)}]
    if all(isinstance(i, dict) and _is_part(i) for i in items):
        return message({"role": role, "content": list(items)})
    if items and all(isinstance(i, list) for i in items):
        return to_messages(items[0], role, depth + 1)
    return [m for i in items for m in to_messages(i, role, depth + 1)]


def _of_object(value: Mapping[str, Any], role: str, depth: int) -> list[dict[str, Any]]:
    if is_message(value):
        return message(value, role)
    for key in _HOLDERS:
        if value.get(key) not in (None, "", [], {}):
            found = to_messages(value[key], role, depth + 1)
            if found:
                return [*_instructions(value, found, depth), *found] if key in _ASKED else found
    return [{"role": role, "content": _dump(value)}]


def _instructions(value: Mapping[str, Any], found: list[dict[str, Any]], depth: int) -> list[dict[str, Any]]:
    """Return the system prompt of a request that tells it beside its messages (Anthropic, Responses, Gemini)."""
    config = value.get("config")
    for place in (value, config if isinstance(config, dict) else {}):
        told = next((place[k] for k in _SYSTEM if place.get(k) not in (None, "", [], {})), None)
        if told is not None and not any(m["role"] == "system" for m in found):
            return to_messages(told, "system", depth + 1)
    return []


def is_message(value: Any) -> bool:
    """Return whether an object is one message of any of the known forms."""
    if not isinstance(value, dict):
        return False
    if value.get("lc") == 1 and isinstance(value.get("kwargs"), dict):
        return True
    if isinstance(value.get("message"), dict) and is_message(value["message"]):
        return True
    kind = _role(value)
    if kind is not None and ("content" in value or "parts" in value or "tool_calls" in value or "contents" in value):
        return True
    data = value.get("data")
    if kind is not None and isinstance(data, dict) and "content" in data:
        return True
    return value.get("type") in ("function_call", "function_call_output", "reasoning")


def _role(value: Mapping[str, Any]) -> str | None:
    for key in ("role", "type", "author"):
        said = value.get(key)
        if isinstance(said, str) and said.lower() in ROLES:
            return ROLES[said.lower()]
    return None


def _is_part(value: Mapping[str, Any]) -> bool:
    if _role(value) or "role" in value:
        return False
    return isinstance(value.get("type"), str) and any(k in value for k in ("text", "content", "image_url", "input"))


def message(value: Mapping[str, Any], role: str = "user") -> list[dict[str, Any]]:
    """Return one message of any known form as OpenAI-style messages: several where it holds several tool results."""
    if isinstance(value.get("message"), dict):
        return message(value["message"], role)
    if value.get("lc") == 1 and isinstance(value.get("kwargs"), dict):
        names = value.get("id")
        kind = names[-1] if isinstance(names, list) and names else ""
        return message({"type": kind, **value["kwargs"]} if "role" not in value["kwargs"] else value["kwargs"], role)
    if isinstance(value.get("data"), dict) and "content" in value["data"]:
        return message({**value["data"], "role": value.get("type") or value.get("role")}, role)
    if value.get("type") == "reasoning":
        return []
    if value.get("type") == "function_call":
        return [{"role": "assistant", "content": "", "tool_calls": [_call(value)]}]
    if value.get("type") == "function_call_output":
        return [_result(value, value.get("output"))]
    return _plain(value, _role(value) or role)


def _plain(value: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
    content = next((value[k] for k in ("content", "parts", "contents") if value.get(k) not in (None, "", [])), "")
    texts, calls, results = _parts(content)
    extra = value.get("additional_kwargs")
    listed = loads(value.get("tool_calls") or (extra.get("tool_calls") if isinstance(extra, dict) else None))
    calls += [_call(c) for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    if isinstance(value.get("function_call"), dict) and not calls:
        calls = [_call(value["function_call"])]
    if role == "tool" and not results:
        return [_result(value, "\n".join(texts))]
    made: dict[str, Any] = {"role": role, "content": "\n".join(texts)}
    if isinstance(value.get("name"), str) and value["name"]:
        made["name"] = value["name"]
    if calls:
        made["tool_calls"] = calls
    return [*([made] if texts or calls or not results else []), *results]


_PART_KEYS = {
    "type", "text", "function_call", "functionCall", "toolUse", "function_response", "functionResponse", "toolResult",
    "message_content",
}  # fmt: skip
"""One of them is in every part of a content, whatever API it is of."""


def _may_be_part(value: Any) -> bool:
    return isinstance(value, dict) and not _PART_KEYS.isdisjoint(value)


def _parts(content: Any) -> tuple[list[str], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (texts, tool calls, tool results) of a message's content."""
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    decoded = loads(content) if isinstance(content, str) and content.lstrip()[:2] in ("[{", "[ ") else content
    if not (isinstance(decoded, list) and all(isinstance(p, dict | str) for p in decoded)):
        decoded = [content]
    elif decoded is not content and not (decoded and all(map(_may_be_part, decoded))):
        decoded = [content]  # text that only looks like a list of parts: somebody's JSON
    for part in decoded:
        _sort_part(part, texts, calls, results)
    return texts, calls, results


def _sort_part(part: Any, texts: list[str], calls: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
    if not isinstance(part, dict):
        texts.append(part if isinstance(part, str) else _dump(part))
        return
    inner = part.get("message_content")
    part = inner if isinstance(inner, dict) else part
    kind = str(part.get("type") or "")
    called = next(
        (part[k] for k in ("function_call", "functionCall", "toolUse") if isinstance(part.get(k), dict)), None
    )
    answered = next(
        (part[k] for k in ("function_response", "functionResponse", "toolResult") if isinstance(part.get(k), dict)),
        None,
    )
    if called or kind in ("tool_call", "tool_use", "tool-call", "function_call"):
        calls.append(_call(called or part))
    elif answered or kind in ("tool_call_response", "tool_result", "tool-result", "function_call_output"):
        of = answered or part
        results.append(_result(of, next((of[k] for k in ("result", "response", "content", "output") if k in of), "")))
    elif kind in ("thinking", "reasoning", "redacted_thinking"):
        return
    else:
        text = next((part[k] for k in ("text", "content", "output_text", "input_text", "refusal") if part.get(k)), None)
        if isinstance(text, dict):
            text = text.get("value") or text.get("text")
        texts.append(text if isinstance(text, str) else f"[{kind}]" if kind and kind != "text" else _dump(text or part))


_CALL_IDS = ("id", "call_id", "toolCallId", "tool_call_id", "toolUseId")


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call of any form as OpenAI's."""
    if isinstance(call.get("tool_call"), dict):
        call = call["tool_call"]
    function = call["function"] if isinstance(call.get("function"), dict) else call
    arguments = next(
        (function[k] for k in ("arguments", "args", "input", "parameters") if function.get(k) is not None), ""
    )
    return {
        "id": str(next((call[k] for k in _CALL_IDS if call.get(k)), "")),
        "type": "function",
        "function": {
            "name": str(function.get("name") or call.get("toolName") or call.get("name") or ""),
            "arguments": arguments if isinstance(arguments, str) else _dump(arguments),
        },
    }


def _result(value: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """Return a tool's result as a message."""
    keys = ("tool_call_id", "tool_use_id", "call_id", "toolCallId", "toolUseId", "id")
    made = {"role": "tool", "content": _result_text(result)}
    made["tool_call_id"] = str(next((value[k] for k in keys if value.get(k)), ""))
    name = value.get("name") or value.get("toolName")
    return {**made, "name": str(name)} if name else made


def _result_text(result: Any) -> str:
    if (
        isinstance(result, list)
        and result
        and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in result)
    ):
        return "\n".join(p["text"] for p in result)
    return result if isinstance(result, str) else "" if result is None else _dump(result)


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "[nested too deeply]"
