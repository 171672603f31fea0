"""The parts of a message's content, and the items of the Responses API -> texts, thoughts, tool calls and results."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.capture.media import described


@dataclass(slots=True)
class Parts:
    """What a content holds, in OpenAI's form; thoughts are no part of what was said."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)


_OPENING = re.compile(r'\s*[{\["]')


def loads(value: Any) -> Any:
    """Return what JSON text holds, also where it was encoded twice; anything else as it is."""
    for _ in range(3):
        if not isinstance(value, str) or not _OPENING.match(value):
            return value
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


_MOST = 200_000
"""What Python printed is read up to this length."""


def of_python(value: Any) -> Any:
    """Return the object in what Python prints of dictionaries and lists; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{'", "[{'")) or len(value) > _MOST:
        return value
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def dump(value: Any) -> str:
    """Return a value as JSON text."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "[nested too deeply]"


_KEYS = {
    "type", "text", "function_call", "functionCall", "toolUse", "function_response", "functionResponse", "toolResult",
    "message_content", "toolName", "reasoningContent", "executableCode", "codeExecutionResult", "inlineData",
    "inline_data", "fileData", "file_data",
}  # fmt: skip
"""One of them is in every part of a content, whatever API it is of."""
_CALLED = ("function_call", "functionCall", "toolUse")
_ANSWERED = ("function_response", "functionResponse", "toolResult")
_THOUGHTS = {"thinking", "reasoning", "redacted_thinking", "thought", "reasoning_content"}
_TEXTS = ("text", "content", "output_text", "input_text", "refusal", "transcript")


def _may_be_part(value: Any) -> bool:
    return isinstance(value, dict) and not _KEYS.isdisjoint(value)


def parts_of(content: Any) -> Parts:
    """Return what a message's content holds: text, a part, or a list of parts, also as JSON text."""
    if isinstance(content, str) and content.lstrip()[:2] not in ("[{", "[ "):
        return Parts([content] if content else [])
    found = Parts()
    decoded = loads(content) if isinstance(content, str) else content
    if not (isinstance(decoded, list) and all(isinstance(p, dict | str) for p in decoded)):
        decoded = [content]
    elif decoded is not content and not (decoded and all(map(_may_be_part, decoded))):
        decoded = [content]  # text that only looks like a list of parts: somebody's JSON
    for part in decoded:
        _sort(part, found)
    return found


def _object(part: Mapping[str, Any], *keys: str) -> Mapping[str, Any] | None:
    return next((part[k] for k in keys if isinstance(part.get(k), dict)), None)


def _sort(part: Any, found: Parts) -> None:
    if not isinstance(part, dict):
        found.texts.append(part if isinstance(part, str) else dump(part))
        return
    part = _object(part, "message_content") or part
    kind = str(part.get("type") or "").replace("-", "_")
    called, answered = _object(part, *_CALLED), _object(part, *_ANSWERED)
    if "toolName" in part and "toolCallId" in part and not kind:
        kind = "tool_result" if "result" in part or "output" in part else "tool_call"
    if kind == "function" and _object(part, "function"):
        kind = "tool_call"
    if called or kind == "function_call" or kind.endswith(("tool_use", "tool_call")):
        found.calls.append(call_of(called or part))
    elif answered or kind == "function_call_output" or kind.endswith(("tool_result", "tool_call_response")):
        of = answered or part
        own = _object(of, "server_tool_call_response")
        output = next((of[k] for k in ("result", "response", "content", "output") if k in of), "")
        output = {k: v for k, v in own.items() if k != "type"} if own else output
        found.results.append(result_of(of, output))
    elif kind in _THOUGHTS or part.get("thought") is True or "reasoningContent" in part:
        thought = next((part[k] for k in ("thinking", "reasoning", *_TEXTS) if isinstance(part.get(k), str)), "")
        found.thoughts += [thought] if thought else []
    elif code := _object(part, "executableCode"):
        found.calls.append(call_of({"name": "code_execution", "arguments": code}))
    elif ran := _object(part, "codeExecutionResult"):
        found.results.append(result_of({"name": "code_execution"}, ran.get("output")))
    else:
        found.texts.append(_text(part, kind))


def _text(part: Mapping[str, Any], kind: str) -> str:
    if (media := described(part, kind)) is not None:
        return media
    text = next((part[k] for k in _TEXTS if part.get(k)), None)
    if isinstance(text, dict):
        text = text.get("value") or text.get("text")
    return text if isinstance(text, str) else f"[{kind}]" if kind and kind != "text" else dump(text or part)


_IDS = ("call_id", "tool_call_id", "tool_use_id", "toolCallId", "toolUseId", "id")
"""Keys of the id by which a call and its result find each other; items of the Responses API have another `id`, too."""


def call_of(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call of any form as OpenAI's."""
    call = _object(call, "tool_call") or call
    own = _object(call, "server_tool_call")
    if own:  # OpenTelemetry: a built-in tool, whose arguments are whatever its own object holds
        call = {**call, "arguments": {k: v for k, v in own.items() if k != "type"}}
    function = _object(call, "function") or call
    arguments = next(
        (function[k] for k in ("arguments", "args", "input", "parameters") if function.get(k) is not None), ""
    )
    return {
        "id": str(next((call[k] for k in _IDS if call.get(k)), "")),
        "type": "function",
        "function": {
            "name": str(function.get("name") or call.get("toolName") or call.get("name") or ""),
            "arguments": arguments if isinstance(arguments, str) else dump(arguments),
        },
    }


def result_of(value: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """Return a tool's result as a message."""
    made = {"role": "tool", "content": _result_text(result)}
    made["tool_call_id"] = str(next((value[k] for k in _IDS if value.get(k)), ""))
    name = value.get("name") or value.get("toolName")
    return {**made, "name": str(name)} if name else made


def _result_text(result: Any) -> str:
    if isinstance(result, dict) and result.keys() == {"type", "value"}:  # Vercel AI SDK 5
        result = result["value"]
    if (
        isinstance(result, list)
        and result
        and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in result)
    ):
        return "\n".join(p["text"] for p in result)
    return result if isinstance(result, str) else "" if result is None else dump(result)


BUILT_IN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "web_search_call": (("action", "query", "queries"), ("results",)),
    "file_search_call": (("queries", "query"), ("results",)),
    "code_interpreter_call": (("code",), ("outputs", "results")),
    "image_generation_call": (("revised_prompt", "prompt"), ()),
    "computer_call": (("action",), ()),
    "local_shell_call": (("action",), ()),
    "shell_call": (("action",), ()),
    "apply_patch_call": (("operation",), ()),
    "mcp_call": (("arguments",), ("output", "error")),
}
"""Tools that the Responses API runs itself: type of the item -> where its arguments and its result stand."""


def is_item(kind: str) -> bool:
    """Return whether a type is that of an item of the Responses API that is no message."""
    named = kind in BUILT_IN or kind in ("function_call", "reasoning", "mcp_list_tools")
    return named or kind.endswith(("tool_call", "call_output"))


def of_item(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an item of the Responses API as messages: a call, a result, both, or thoughts."""
    kind = str(item["type"])
    if kind in ("reasoning", "mcp_list_tools"):
        thoughts = [*_thoughts(item.get("summary")), *_thoughts(item.get("content"))]
        return [{"role": "assistant", "content": "", "reasoning_content": "\n".join(thoughts)}] if thoughts else []
    if kind.endswith("_output"):
        return [result_of(item, item.get("output"))]
    if kind not in BUILT_IN:
        return [{"role": "assistant", "content": "", "tool_calls": [call_of(item)]}]
    asked, answered = BUILT_IN[kind]
    name = item.get("name") or kind.removesuffix("_call")
    call = call_of({**item, "name": name, "arguments": next((item[k] for k in asked if item.get(k)), "")})
    made: list[dict[str, Any]] = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    result = next((item[k] for k in answered if item.get(k)), None)
    return made if result is None else [*made, result_of({"id": call["id"], "name": name}, result)]


def _thoughts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else []
    return [p["text"] for p in listed if isinstance(p, dict) and isinstance(p.get("text"), str) and p["text"]]
