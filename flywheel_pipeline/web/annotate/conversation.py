"""A trace as the parts of a conversation that a page shows: messages, calls with their results, documents.

Every text has an address, such as `m5.0` (the first part of message 5), `m5.c1` (its second call) or `d2` (the third
document), and is sent in pieces: its beginning with the conversation, the rest on demand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from flywheel_pipeline.web.annotate.media import (
    KINDS,
    PLACEHOLDER,
    describe_data,
    describe_part,
    describe_url,
    without_data,
)
from flywheel_pipeline.words import first_line

LONGEST_JSON = 2_000_000
"""Characters of a text that is parsed as JSON, to indent it."""
LONG_JSON = 1_500
"""Characters of indented JSON in a message above which it is folded."""
LONG_STRING = 200
ROLES = ("system", "developer", "user", "assistant", "tool")

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """One text of a trace. `kind` is `markdown`, `plain`, `json` or `media`; with a `title` it is folded under it."""

    address: str
    kind: str
    content: str
    title: str = ""


@dataclass(frozen=True)
class Call:
    """A tool call, and (step, message) of its result if there is one."""

    text: Text
    result: tuple[int, Message] | None


class Transcript(Protocol):
    """What a conversation is read from, such as a trace: JSON lists of messages and documents."""

    @property
    def messages(self) -> str:
        """The messages."""
        ...

    @property
    def input(self) -> str:
        """The user's message, shown where there are no messages."""
        ...

    @property
    def retrieved(self) -> str:
        """The documents."""
        ...

    @property
    def error(self) -> str | None:
        """The error that ended it."""
        ...


class Conversation:
    """The messages and documents of one trace."""

    def __init__(self, trace: Transcript) -> None:
        listed = _loaded(trace.messages)
        self.messages: dict[int, Message] = {n: m for n, m in enumerate(listed) if isinstance(m, Mapping)}
        if not self.messages:
            self.messages = {0: {"role": "user", "content": trace.input}}
        self.documents = [d for d in _loaded(trace.retrieved) if isinstance(d, Mapping)]
        self.error = Text("e0", "plain", trace.error or "")

    @cached_property
    def results(self) -> dict[int, dict[int, int]]:
        """{step of a message with calls: {place of the call: step of its result}}, by id or else in order."""
        found: dict[int, dict[int, int]] = {}
        for step, message in self.messages.items():
            calls, after, at = calls_of(message), [], step + 1
            while calls and role_of(message) != "tool" and self.messages.get(at, {}).get("role") == "tool":
                after.append(at)
                at += 1
            ids = {str(self.messages[s].get("tool_call_id")): s for s in reversed(after)}
            named = {place: ids[str(c["id"])] for place, c in enumerate(calls) if c.get("id") and str(c["id"]) in ids}
            others = iter([s for s in after if s not in named.values()])
            found[step] = {p: s for p in range(len(calls)) if (s := named.get(p) or next(others, 0))}
        return found

    @cached_property
    def steps(self) -> list[int]:
        """The steps of all messages but the results that are shown next to their call."""
        answers = {step for places in self.results.values() for step in places.values()}
        return [step for step in self.messages if step not in answers]

    def calls(self, step: int) -> list[Call]:
        """Return the tool calls of a message."""
        results = self.results.get(step, {})
        listed = calls_of(self.messages[step])
        return [
            Call(_call(f"m{step}.c{n}", call), (results[n], self.messages[results[n]]) if n in results else None)
            for n, call in enumerate(listed)
        ]

    def texts(self, step: int) -> list[Text]:
        """Return the parts of a message's content."""
        message = self.messages[step]
        role, parts = role_of(message), list(_parts(message.get("content")))
        return [_part(f"m{step}.{n}", role, kind, content) for n, (kind, content) in enumerate(parts)]

    def document(self, n: int) -> Text:
        """Return a retrieved document."""
        found = self.documents[n]
        content = "\n\n".join(c for _, c in _parts(found.get("content")))
        return Text(f"d{n}", *_formatted(content), title=_title(found))

    def text(self, address: str) -> Text:
        """Return the text of an address.

        Raises:
            LookupError: there is none.
        """
        number = address[1:].partition(".")[0]
        at = int(number) if number.isdecimal() and len(number) < 10 else -1
        texts = [self.error]
        if address[:1] == "d" and 0 <= at < len(self.documents):
            texts = [self.document(at)]
        elif address[:1] == "m" and at in self.messages:
            texts = [*self.texts(at), *(c.text for c in self.calls(at))]
        found = next((t for t in texts if t.address == address), None)
        if found is None:
            raise LookupError(f"this trace has no text {address[:40]!r}")
        return found

    def outline(self, most: int) -> list[tuple[int, str, str]]:
        """Return (step, role, first line) of the first `most` messages, for a list to jump from."""
        return [(n, role_of(m), _summary(m)) for n, m in list(self.messages.items())[:most]]


def answer_texts(address: str, output: str, tool_calls: str) -> list[Text]:
    """Return an answer of the app as texts: what it says, and the tools that it calls."""
    kind, content = _formatted(without_data(output))
    said = Text(f"{address}.0", "json", content) if kind == "json" else Text(f"{address}.0", "markdown", content)
    calls = calls_of({"tool_calls": _loaded(tool_calls)})
    return [said, *(_call(f"{address}.c{n}", call) for n, call in enumerate(calls))]


def _loaded(text: str) -> list[Any]:
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        if isinstance(value, list):
            return value
    return []


def calls_of(message: Message) -> list[Message]:
    """Return the tool calls of a message that have a function."""
    calls = message.get("tool_calls")
    listed = calls if isinstance(calls, list) else []
    return [c for c in listed if isinstance(c, Mapping) and isinstance(c.get("function"), Mapping)]


def role_of(message: Message) -> str:
    """Return the role of a message as it is written, or "unknown"."""
    return str(message.get("role") or "unknown")[:40]


def _summary(message: Message) -> str:
    text = next((content for kind, content in _parts(message.get("content")) if content.strip()), "")
    if not text and (calls := calls_of(message)):
        return f"Calls {str(calls[0]['function'].get('name') or 'a tool')[:40]}"
    return first_line(text, 60)


def _parts(content: Any) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of every part of a content: kind is `text`, `json` or `media`."""
    if isinstance(content, str):
        yield from _split_placeholders(content)
    elif isinstance(content, list) and all(isinstance(p, str) or _is_part(p) for p in content):
        texts: list[str] = []
        for part in content:
            media = None if isinstance(part, str) else describe_part(part)
            text = part if isinstance(part, str) else part.get("text")
            if media is None and isinstance(text, str):
                texts.append(text)
                continue
            if texts:
                yield "text", "\n\n".join(texts)
                texts = []
            yield ("json", indented(part)) if media is None else ("media", media)
        if texts:
            yield "text", "\n\n".join(texts)
    elif content is not None:
        yield "json", indented(content)


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("type"), str)


def _split_placeholders(text: str) -> Iterator[tuple[str, str]]:
    """Yield a text, and instead of every line that stands for an image or a file what was there."""
    if "[" not in text or not any(PLACEHOLDER.fullmatch(line.strip()) for line in text.splitlines()):
        yield "text", text
        return
    lines: list[str] = []
    for line in text.split("\n"):
        found = PLACEHOLDER.fullmatch(line.strip())
        if found is None:
            lines.append(line)
            continue
        if any(x.strip() for x in lines):
            yield "text", "\n".join(lines)
        lines = []
        yield "media", describe_url(KINDS[found[1]], "", found[2] or "")
    if any(x.strip() for x in lines):
        yield "text", "\n".join(lines)


def _part(address: str, role: str, kind: str, content: str) -> Text:
    if kind == "media":
        return Text(address, "media", content)
    if kind == "text":
        content = without_data(content)
    shape, shown = ("json", content) if kind == "json" else _formatted(content)
    if role in ("system", "developer"):
        return Text(address, shape, shown, "System prompt")
    if role == "tool":
        return Text(address, shape, shown, f"Result: {first_line(shown)}")
    if shape == "json":
        return Text(address, shape, shown, f"JSON: {first_line(shown)}" if len(shown) > LONG_JSON else "")
    return Text(address, "markdown", content)


def _call(address: str, call: Message) -> Text:
    function = call["function"]
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, default=str)
    kind, content = _formatted(text)
    title = f"Calls {str(function.get('name') or 'a tool')[:80]}: {first_line(content)}"
    return Text(address, kind, content, title.rstrip(": "))


def _title(document: Mapping[str, Any]) -> str:
    score = document.get("score")
    shown = f" · score {score:.3g}" if isinstance(score, int | float) and not isinstance(score, bool) else ""
    return f"{str(document.get('title') or document.get('id') or 'document')[:120]}{shown}"


def _formatted(text: str) -> tuple[str, str]:
    """Return (kind, text): JSON objects and lists indented, anything else as it is."""
    if len(text) <= LONGEST_JSON and text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return "json", indented(json.loads(text))
    return "plain", text


def indented(value: Any) -> str:
    """Return a value as indented JSON, with a description in the place of images and other data in base64."""
    try:
        return json.dumps(_described(value), ensure_ascii=False, indent=2, default=str)
    except RecursionError:
        return "[nested too deeply]"


def _described(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _described(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_described(v) for v in value]
    if isinstance(value, str) and len(value) > LONG_STRING and (description := describe_data(value)):
        return f"[data, not shown: {description}]"
    return value
