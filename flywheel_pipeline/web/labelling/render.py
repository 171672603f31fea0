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
LONG_JSON = 1_500
"""Characters of JSON, indented, above which it is folded."""
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
    messages = {step: m for step, m in enumerate(_loaded(trace.messages, [])) if isinstance(m, Mapping)}
    results = _results(messages)
    beside = {step for found in results.values() for step in found.values()}
    parts = [
        _message(m, step, whole, {place: (at, messages[at]) for place, at in results.get(step, {}).items()})
        for step, m in messages.items()
        if step not in beside
    ]
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


def _results(messages: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[int, int]]:
    """Return {step of a message with calls: {place of the call: step of its result}}, by id or else in order."""
    found: dict[int, dict[int, int]] = {}
    for step, message in messages.items():
        calls, after, at = _calls(message), [], step + 1
        while calls and messages.get(at, {}).get("role") == "tool":
            after.append(at)
            at += 1
        ids = {str(messages[s].get("tool_call_id")): s for s in reversed(after)}
        named = {place: ids[str(c["id"])] for place, c in enumerate(calls) if c.get("id") and str(c["id"]) in ids}
        others = iter([s for s in after if s not in named.values()])
        found[step] = {p: s for p in range(len(calls)) if (s := named.get(p) or next(others, 0))}
    return found


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    calls = message.get("tool_calls")
    listed = calls if isinstance(calls, list) else []
    return [c for c in listed if isinstance(c, Mapping) and isinstance(c.get("function"), Mapping)]


Results = Mapping[int, tuple[int, Mapping[str, Any]]]
"""{place of a call in its message: (step, message) of its result}"""


def _message(message: Mapping[str, Any], step: int, whole: bool, results: Results | None = None) -> str:
    role = str(message.get("role") or "unknown")
    kind = role if role in ("system", "user", "assistant", "tool", "developer") else "other"
    text = _text(message.get("content"))
    exchanges = [_exchange(call, (results or {}).get(place), whole) for place, call in enumerate(_calls(message))]
    body = _body(kind, text, whole) + "".join(exchanges)
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
    if (told := _as_json(text)) is not None:
        pretty = _plain(told, whole)
        return _folded(f"JSON: {_first_line(text)}", pretty) if len(told) > LONG_JSON else pretty
    if len(text) <= MAX_MARKDOWN:
        return f'<div class="text">{render_markdown(text)}</div>'
    return _plain(text, whole)


def _exchange(call: Mapping[str, Any], result: tuple[int, Mapping[str, Any]] | None, whole: bool) -> str:
    """Return a call and beside it what came of it."""
    answer = _message(result[1], result[0], whole) if result else ""
    return f'<div class="exchange"><div class="call">{_call(call)}</div>{answer}</div>'


def _call(call: Mapping[str, Any]) -> str:
    function = call["function"]
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
    return _plain(_as_json(text) or text, whole)


def _as_json(text: str) -> str | None:
    """Return a text that is a JSON object or list, indented; None where it is none, or too long to look."""
    if len(text) <= MAX_TEXT and text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    return None


def _plain(text: str, whole: bool) -> str:
    limit = MAX_ALL if whole else MAX_TEXT
    more = len(text) - limit
    button = "" if whole else ' <button type="button" class="whole">Show all</button>'
    told = f'<p class="cut">… {more:,} more characters.{button}</p>' if more > 0 else ""
    return f"<pre>{escape(text[:limit])}</pre>{told}"
