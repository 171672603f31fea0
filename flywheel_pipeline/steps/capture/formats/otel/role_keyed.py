"""Conversations whose items are keyed by role, `{"user": "Hi"}`, as Monocle and the first OpenLLMetry write them.

The content may be text, parts, or tool calls (`{name, args, id}`, `{tool_function, tool_arguments, call_id}`, also
under `tools`), each also as JSON text; `{call_id, output}` is a tool's result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.steps.capture.messages import ROLES, loads, message, to_messages

_CALL: Mapping[str, tuple[str, ...]] = {
    "name": ("tool_function", "tool_name", "name"),
    "arguments": ("tool_arguments", "args", "arguments"),
    "id": ("call_id", "tool_id", "id"),
}


def is_keyed(value: Any) -> bool:
    """Return whether an item, or its JSON text, is of one of these forms."""
    item = loads(value)
    if not isinstance(item, dict):
        return False
    if len(item) == 1:
        name = str(next(iter(item))).lower()
        return name in ROLES or name == "tools"
    return "tool_function" in item or set(item) == {"call_id", "output"}


def by_role(value: Any, role: str) -> list[dict[str, Any]]:
    """Return the conversation in `value`, of this form or of any that `to_messages` reads."""
    items = loads(value)
    if isinstance(items, str):
        return to_messages(value, role)
    items = items if isinstance(items, list) else [items]
    made = [_simple(i) for i in items]
    if None not in made:
        return [m for m in made if m is not None]
    if not any(is_keyed(i) for i in items):
        return to_messages(items if len(items) > 1 else items[0] if items else None, role)
    return [m for item in items for m in _of_item(loads(item), role)]


def _simple(item: Any) -> dict[str, Any] | None:
    """Return a message that is no more than a role and one text: most are, and this is several times faster."""
    if type(item) is not dict:
        return None
    inner = item.get("message") if len(item) == 1 else item
    if type(inner) is not dict or len(inner) > 3:
        return None
    role, content = inner.get("role"), inner.get("content")
    n = 2
    if content is None:
        parts = inner.get("parts")
        if type(parts) is list and len(parts) == 1 and type(parts[0]) is dict and len(parts[0]) == 2:
            content = parts[0].get("content") if parts[0].get("type") == "text" else None
        n += "finish_reason" in inner
    if type(content) is not str or len(inner) != n or content[:1] in "[ \n\t" or type(role) is not str:
        return None
    meant = ROLES.get(role)
    return {"role": meant, "content": content} if meant and meant != "tool" and content else None


def _of_item(item: Any, role: str) -> list[dict[str, Any]]:
    if not is_keyed(item):
        return to_messages(item, role)
    if "tool_function" not in item and "output" in item:
        return message({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
    if len(item) > 1:
        return _calls([item])
    named, content = next(iter(item.items()))
    if content in (None, "", [], {}):
        return []
    inner = loads(content)
    calls = [loads(c) for c in (inner if isinstance(inner, list) else [inner])]
    if all(_is_call(c) for c in calls):
        return _calls(calls)
    return [] if named == "tools" else message({"role": named, "content": content}, role)


def _is_call(item: Any) -> bool:
    return isinstance(item, dict) and any(k in item for k in ("args", "tool_name", "tool_function"))


def _calls(items: list[Any]) -> list[dict[str, Any]]:
    calls = [{to: next((c[k] for k in names if k in c), "") for to, names in _CALL.items()} for c in items]
    return message({"role": "assistant", "content": "", "tool_calls": calls})
