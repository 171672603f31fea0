"""A trace -> HTML that is harmless whatever it holds.

All text is escaped. Markdown is rendered by markdown-it with raw HTML and images off; links that are not http(s) or
mail stay text. What is too long to read is cut, with a word on how much there is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt

from flywheel_pipeline.records import RawTrace

MAX_MARKDOWN, MAX_TEXT, MAX_ALL = 20_000, 50_000, 20_000_000
"""Characters: rendered as Markdown, shown of one text, and shown of one text when all of it is asked for."""
SCHEMES = ("http", "https", "mailto")


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable("table").disable("image")
    markdown.validateLink = _is_safe_link  # type: ignore[method-assign]
    return markdown


def _is_safe_link(url: str) -> bool:
    try:
        return urlsplit(url.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


def render_markdown(text: str) -> str:
    """Return Markdown as HTML; links open elsewhere and do not tell where they were."""
    html = _markdown().render(text)
    return str(html).replace("<a href=", '<a target="_blank" rel="noopener noreferrer nofollow" href=')


def render_trace(trace: RawTrace, whole: bool = False) -> str:
    """Return the conversation, and the documents that were retrieved for it; `whole` shows long texts to their end."""
    messages = _loaded(trace.messages, [])
    parts = [_message(m, step, whole) for step, m in enumerate(messages) if isinstance(m, Mapping)]
    if not parts:
        parts = [_message({"role": "user", "content": trace.input}, 0, whole)]
    if trace.error:
        parts.append(f'<p class="error"><strong>Error</strong> {escape(trace.error[:MAX_TEXT])}</p>')
    return _documents(_loaded(trace.retrieved, []), whole) + "".join(parts)


def _loaded(text: str, default: Any) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return default
    return value if isinstance(value, type(default)) else default


def _message(message: Mapping[str, Any], step: int, whole: bool) -> str:
    role = str(message.get("role") or "unknown")
    kind = role if role in ("system", "user", "assistant", "tool", "developer") else "other"
    text = _text(message.get("content"))
    calls = message.get("tool_calls")
    body = _body(kind, text, whole) + "".join(map(_call, calls if isinstance(calls, list) else []))
    name = f" · {escape(str(message['name'])[:80])}" if message.get("name") else ""
    mark = f'<button type="button" class="step" data-step="{step}" aria-pressed="false">first failure here</button>'
    return (
        f'<article class="message {kind}" data-step="{step}"><header><h3>{escape(role[:40])}{name}</h3>{mark}</header>'
        f"{body}</article>"
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n\n".join(_part(p) for p in content)
    return "" if content is None else json.dumps(content, ensure_ascii=False, indent=2)


def _part(part: Any) -> str:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, Mapping) else None
    return f"[{kind}]" if isinstance(kind, str) else str(part)[:MAX_TEXT]


def _body(kind: str, text: str, whole: bool) -> str:
    if not text.strip():
        return ""
    if kind in ("system", "developer"):
        return _folded(f"System prompt, {len(text):,} characters", _plain(text, whole))
    if kind == "tool":
        return _folded(f"Result: {_first_line(text)}", _pretty(text, whole))
    if len(text) <= MAX_MARKDOWN:
        return f'<div class="text">{render_markdown(text)}</div>'
    return _plain(text, whole)


def _call(call: Any) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return ""
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return _folded(f"Calls {str(function.get('name') or 'a tool')[:80]}: {_first_line(text)}", _pretty(text, False))


def _documents(documents: list[Any], whole: bool) -> str:
    found = [d for d in documents if isinstance(d, Mapping)]
    if not found:
        return ""
    items = "".join(_folded(_title(d), _plain(_text(d.get("content")), whole)) for d in found)
    return f'<section class="documents"><h3>Retrieved documents ({len(found)})</h3>{items}</section>'


def _title(document: Mapping[str, Any]) -> str:
    score = document.get("score")
    told = f" · score {score:.3g}" if isinstance(score, int | float) else ""
    return f"{str(document.get('title') or document.get('id') or 'document')[:120]}{told}"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def _first_line(text: str) -> str:
    line = " ".join(text[:400].split())
    return line if len(line) <= 90 else line[:89] + "…"


def _pretty(text: str, whole: bool) -> str:
    if len(text) <= MAX_TEXT:
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    return _plain(text, whole)


def _plain(text: str, whole: bool) -> str:
    limit = MAX_ALL if whole else MAX_TEXT
    more = len(text) - limit
    button = "" if whole else ' <button type="button" class="whole">Show all</button>'
    told = f'<p class="cut">… {more:,} more characters.{button}</p>' if more > 0 else ""
    return f"<pre>{escape(text[:limit])}</pre>{told}"
