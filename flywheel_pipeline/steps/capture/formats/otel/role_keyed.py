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
    if not isinstance(item, Mapping):
        return False
    if len(item) == 1:
        name = str(next(iter(item))).lower()
        return name in ROLES or name == "tools"
    return "tool_function" in item or set(item) == {"call_id", "output"}


def by_role(value: Any, role: str) -> list[dict[str, Any]]:
    """Return the conversation in `value`, of this form or of any that `to_messages` reads."""
    if isinstance(value, str) and value.lstrip()[:1] not in ("{", "["):
        return to_messages(value, role)
    items = loads(value)
    items = items if isinstance(items, list) else [items]
    if not any(is_keyed(i) for i in items):
        return to_messages(value, role)
    return [m for item in items for m in _of_item(loads(item), role)]


def _of_item(item: Any, role: str) -> list[dict[str, Any]]:
    if not is_keyed(item):
        return to_messages(item, role)
    if "output" in item:
        return message({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
    if len(item) > 1:
        return _calls([item])
    said, content = next(iter(item.items()))
    if content in (None, "", [], {}):
        return []
    inner = loads(content)
    calls = [loads(c) for c in (inner if isinstance(inner, list) else [inner])]
    if all(_is_call(c) for c in calls):
        return _calls(calls)
    return [] if said == "tools" else message({"role": said, "content": content}, role)


def _is_call(item: Any) -> bool:
    return isinstance(item, Mapping) and any(k in item for k in ("args", "tool_name", "tool_function"))


def _calls(items: list[Any]) -> list[dict[str, Any]]:
    calls = [{to: next((c[k] for k in names if k in c), "") for to, names in _CALL.items()} for c in items]
    return message({"role": "assistant", "content": "", "tool_calls": calls})
