"""Conversations as the world writes them -> OpenAI-style messages.

A message is `{role, content, tool_calls?, tool_call_id?, name?}`: `role` one of system, user, assistant, tool;
`content` text; `tool_calls` a list of `{id, type: "function", function: {name, arguments: JSON text}}`.
Understood are OpenAI chat and Responses items, Anthropic blocks, Gemini parts, OpenTelemetry parts,
LangChain messages (plain, `{type, data}` and serialized), OpenInference `{message: …}`, each also as JSON text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.capture.envelopes import inside
from flywheel_pipeline.steps.capture.parts import call_of, dump, is_item, loads, of_item, of_python, parts_of, result_of
from flywheel_pipeline.steps.capture.streams import joined
from flywheel_pipeline.steps.capture.turns import transcript

__all__ = ["ROLES", "is_message", "loads", "message", "of_python", "role_of", "text_said", "to_messages", "to_text"]

ROLES: Mapping[str, str] = {
    **{r: r for r in ("system", "user", "assistant", "tool")},
    "developer": "system", "function": "tool", "human": "user", "ai": "assistant", "model": "assistant",
    "bot": "assistant", "agent": "assistant", "asssistant": "assistant", "chatbot": "assistant",
    "humanmessage": "user", "aimessage": "assistant", "systemmessage": "system", "toolmessage": "tool",
    "humanmessagechunk": "user", "aimessagechunk": "assistant", "functionmessage": "tool", "chat": "user",
    "gpt": "assistant", "chatgpt": "assistant",
}  # fmt: skip
"""Roles as found in real exports, in lower case (one common exporter misspells one), and what they mean."""

MAX_DEPTH = 20
_TOOLS = re.compile(
    r"(?<![a-z])(?:tool|function|observation|environment|ipython|plugin|retriev|result|search|code_exec)"
)
_USERS = re.compile(r"(?<![a-z])(?:end)?(?:user|human|customer|client|visitor|guest|caller|patient|student|question)")
_SYSTEM = ("system", "instructions", "system_instruction", "systemInstruction", "system_prompt", "systemPrompt")
"""Keys of the system prompt that stands beside the messages of a request."""
_WORDS = ("text", "value", "message")
"""Keys of a message's text where it has no content (ShareGPT, chat widgets)."""
_REASONING = ("reasoning_content", "reasoning", "thinking")
_THOUGHT = re.compile(r"(?s)\s*<(think|thinking|thought|reasoning)>(.*?)</\1>\s*")


def role_of(name: str) -> str | None:
    """Return the role that a name means, None where it could be anybody's."""
    lowered = name.strip().lower()
    known = ROLES.get(lowered)
    if known or not lowered:
        return known
    return "tool" if _TOOLS.search(lowered) else "user" if _USERS.search(lowered) else None


def to_messages(value: Any, role: str = "user", depth: int = 0) -> list[dict[str, Any]]:
    """Return the conversation in `value`; plain text becomes one message of `role`, nothing an empty list."""
    decoded = loads(value)
    if decoded is None or decoded == "" or decoded == [] or decoded == {} or depth > MAX_DEPTH:
        return []
    if role == "assistant" and isinstance(decoded, str | list):
        decoded = joined(decoded)
    if isinstance(decoded, list):
        return _of_list(decoded, role, depth)
    if isinstance(decoded, dict):
        return _of_object(decoded, role, depth)
    text = value if isinstance(value, str) else str(decoded)
    turns = transcript(text) if role == "user" else []
    return turns or [_spoken({"role": role, "content": text})]


def _spoken(found: dict[str, Any]) -> dict[str, Any]:
    """Return a message of plain text, its thoughts apart."""
    text, thoughts = without_thoughts(found["content"]) if found["role"] == "assistant" else (found["content"], [])
    return {**found, "content": text, "reasoning_content": "\n".join(thoughts)} if thoughts else found


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
    if items and all(_is_pair(i) for i in items):
        return [{"role": ROLES[i[0].lower()], "content": i[1]} for i in items]
    if items and all(isinstance(i, list) for i in items):
        return to_messages(items[0], role, depth + 1)
    return _with_thoughts([m for i in items for m in to_messages(i, role, depth + 1)])


def _is_pair(value: Any) -> bool:
    """Return whether a list is a message as LangChain abbreviates it, (role, text)."""
    is_pair = isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)
    return is_pair and value[0].lower() in ROLES


def _with_thoughts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages; thoughts that stand alone go to the message of the app that follows."""
    made: list[dict[str, Any]] = []
    for found in messages:
        last = made[-1] if made else {}
        alone = last.keys() == {"role", "content", "reasoning_content"} and not last["content"]
        if alone and found["role"] == "assistant":
            made.pop()
            thoughts = (last["reasoning_content"], found.get("reasoning_content"))
            found = {**found, "reasoning_content": "\n".join(t for t in thoughts if t)}
        made.append(found)
    return made


def _of_object(value: Mapping[str, Any], role: str, depth: int) -> list[dict[str, Any]]:
    if is_message(value):
        return message(value, role)
    for _, inner in inside(value, role):
        found = to_messages(inner, role, depth + 1)
        if found:
            return [*_instructions(value, found, depth), *found]
    return [{"role": role, "content": dump(value)}]


def _instructions(value: Mapping[str, Any], found: list[dict[str, Any]], depth: int) -> list[dict[str, Any]]:
    """Return the system prompt that stands beside the messages (Anthropic, Bedrock, Gemini, Responses)."""
    config = value.get("config")
    for place in (value, config if isinstance(config, dict) else {}):
        prompt = next((place[k] for k in _SYSTEM if isinstance(place.get(k), str | list | dict) and place[k]), None)
        if prompt is not None and not any(m["role"] == "system" for m in found):
            return [{"role": "system", "content": m["content"]} for m in to_messages(prompt, "system", depth + 1)]
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
    if kind is not None and "type" not in value and any(isinstance(value.get(k), str) for k in _WORDS):
        return True
    return isinstance(value.get("type"), str) and is_item(value["type"])


def _role(value: Mapping[str, Any]) -> str | None:
    role = value.get("role")
    if isinstance(role, str) and role.strip():
        return role_of(role) or "assistant"  # agents go by names of their own
    for key in ("type", "author", "sender", "from"):
        name = None if key == "type" and isinstance(value.get("function"), dict) else value.get(key)
        if isinstance(name, str) and name.lower() in ROLES:
            return ROLES[name.lower()]
    return None


def _is_part(value: Mapping[str, Any]) -> bool:
    if _role(value) or "role" in value:
        return False
    if ("toolName" in value and "toolCallId" in value) or isinstance(value.get("function"), dict):
        return True
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
    kind = value.get("type")
    if "role" not in value and isinstance(kind, str) and is_item(kind):
        return of_item(value)
    return _plain(value, _role(value) or role)


def _plain(value: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
    content = next((value[k] for k in ("content", "parts", "contents") if value.get(k) not in (None, "", [])), "")
    content = content or next((value[k] for k in _WORDS if isinstance(value.get(k), str)), "")
    found = parts_of(content)
    extra = value.get("additional_kwargs")
    listed = loads(value.get("tool_calls") or (extra.get("tool_calls") if isinstance(extra, dict) else None))
    found.calls += [call_of(c) for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    if isinstance(value.get("function_call"), dict) and not found.calls:
        found.calls = [call_of(value["function_call"])]
    if role == "tool" and not found.results:
        return [result_of(value, "\n".join(found.texts))]
    if not found.texts and role == "assistant":
        found.texts = _unsaid(value)
    role = "assistant" if found.calls and role == "user" else role  # nobody but the app calls tools
    made: dict[str, Any] = {"role": role, "content": "\n".join(found.texts)}
    if isinstance(value.get("name"), str) and value["name"]:
        made["name"] = value["name"]
    if found.calls:
        made["tool_calls"] = found.calls
    thoughts = [*found.thoughts, *(value[k] for k in _REASONING if isinstance(value.get(k), str) and value[k])]
    if role == "assistant":
        made["content"], thought = without_thoughts(made["content"])
        if thought or thoughts:
            made["reasoning_content"] = "\n".join(dict.fromkeys([*thoughts, *thought]))
    return [*([made] if found.texts or found.calls or thoughts or not found.results else []), *found.results]


def _unsaid(value: Mapping[str, Any]) -> list[str]:
    """Return what the app said where it is no content: a refusal, or the words of an audio answer."""
    audio = value.get("audio")
    words = (value.get("refusal"), audio.get("transcript") if isinstance(audio, dict) else None)
    return [w for w in words if isinstance(w, str) and w]


def without_thoughts(text: str) -> tuple[str, list[str]]:
    """Return (a text without the thoughts that a model wrote at its beginning, these)."""
    if "<" not in text[:40] or not (found := _THOUGHT.match(text)):
        return text, []
    return text[found.end() :], [found[2].strip()] if found[2].strip() else []


def text_said(found: Mapping[str, Any]) -> str:
    """Return the text of a message as it was logged: thoughts are none of it, a refusal is."""
    content = found.get("content")
    if not isinstance(content, str):
        if not content:
            return "\n".join(_unsaid(found))
        content = "\n".join(parts_of(content).texts)
    return without_thoughts(content)[0] if found.get("role") == "assistant" else content
