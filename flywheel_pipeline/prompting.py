"""How a step speaks to a model: instructions from a Markdown file beside it, data fenced as JSON.

Traces, comments and documents come from strangers. They reach a model only inside one JSON document, in
which no text can close its own string, and every instruction says that the document is data. That bounds
prompt injection; it does not make it impossible.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel

from flywheel_pipeline.ports import Ask, Message

MAX_TEXT = 6_000
"""Characters of any one text that a model is shown; longer ones are cut in the middle, with a mark."""

_OPEN, _CLOSE = "```json\n", "\n```"


@cache
def load_prompt(package: str, name: str) -> str:
    """Return the text of `name`.md, which is part of the code of `package`."""
    return files(package).joinpath(f"{name}.md").read_text(encoding="utf-8")


def ask_about(
    role: str, instructions: str, data: Mapping[str, Any], schema: type[BaseModel], whole: Collection[str] = ()
) -> Ask:
    """Build the question of `role` on `data`: instructions as the system message, fenced data as the user's.

    Texts are cut to `MAX_TEXT`, but for those under the keys `whole`, which must not lose anything.
    """
    user = {"role": "user", "content": fence({k: v if k in whole else _bounded(v) for k, v in data.items()})}
    return Ask(role, ({"role": "system", "content": instructions}, user), schema)


def fence(data: Any) -> str:
    """Return `data` as one fenced JSON block that no text inside it can break out of."""
    return _OPEN + json.dumps(data, ensure_ascii=False, sort_keys=True) + _CLOSE


def read_fence(text: str) -> Any:
    """Return the data of the last fenced JSON block of `text`, or None; the inverse of `fence`."""
    start = text.rfind(_OPEN)
    end = text.find(_CLOSE, start + len(_OPEN))
    return json.loads(text[start + len(_OPEN) : end]) if start >= 0 and end >= 0 else None


def plain_messages(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Return a conversation as {role, content} pairs for a model to read, tool calls written out."""
    return [{"role": str(m.get("role")), "content": _content(m)} for m in messages]


def _content(message: Message) -> str:
    return text_of(message.get("content")) + "".join(f"[calls {c}]" for c in tool_calls(message))


def tool_calls(message: Message) -> list[str]:
    """Return the tool calls of a message as `name(arguments)`."""
    calls = [c for c in message.get("tool_calls") or [] if isinstance(c, Mapping)]
    functions = [c["function"] if isinstance(c.get("function"), Mapping) else c for c in calls]
    return [f"{f.get('name')}({f.get('arguments') or ''})" for f in functions]


def text_of(content: Any) -> str:
    """Return the text of a message's content: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(p.get("text") or "") if isinstance(p, Mapping) else str(p) for p in content)
    return "" if content is None else str(content)


def _bounded(data: Any) -> Any:
    if isinstance(data, str):
        half = MAX_TEXT // 2
        return data if len(data) <= MAX_TEXT else f"{data[:half]} [… cut …] {data[-half:]}"
    if isinstance(data, Mapping):
        return {k: _bounded(v) for k, v in data.items()}
    return [_bounded(v) for v in data] if isinstance(data, list | tuple) else data
