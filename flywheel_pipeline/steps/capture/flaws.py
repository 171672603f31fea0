"""JSON with values that JSON forbids: one bad value costs the row that holds it, not the document.

`parse_marked` puts a `Flaw` where a value cannot be kept: NaN and Infinity, numbers beyond a float, an object with a
repeated key. `isolate` moves each flaw up to the row that holds it; `without_flaws` takes such rows out of a record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import UnreadableError, finite
from flywheel_pipeline.steps.capture.pages import PAGES
from flywheel_pipeline.steps.capture.parse import AS_UTF8, TOO_DEEP, unique_keys

ROWS = frozenset((
    "spans", "traces", "observations", "scores", "runs", "post", "patch", "child_runs", "resourceSpans", "scopeSpans",
    "batches", "resource_spans", "scope_spans", "resourceLogs", "scopeLogs", "logRecords", "assessments",
    "feedback_scores",
))  # fmt: skip
"""Keys of lists, anywhere in a document, whose items are rows of their own: a flaw in one leaves the others."""
_BAD_BYTES = re.compile("[\udc80-\udcff]")
_TOKEN = re.compile(rb'(?s)"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]')
_OPENING, _CLOSING = (b"{", b"["), (b"}", b"]")
NOT_UTF8 = f"not valid UTF-8: {AS_UTF8}"


def not_utf8_in(row: Mapping[str, Any]) -> str | None:
    """Return why a row of a table whose text is not UTF-8 is refused; None if it is."""
    for column, cell in row.items():
        for text in (column, cell):
            if isinstance(text, str) and not text.isascii() and _BAD_BYTES.search(text):
                shown = text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")[:60]
                name = column.encode("utf-8", "replace").decode()
                return (
                    f"not valid UTF-8 in column {name!r} (as Windows-1252 it would be {shown!r}): save the file as CSV "
                    "UTF-8, or state its encoding in capture.sources"
                )
    return None


@dataclass(frozen=True)
class Flaw:
    """What stands in the place of a value or a row that cannot be kept."""

    reason: str
    excerpt: str = ""


@dataclass(frozen=True)
class Damaged:
    """A record in which flaws may be left; `isolate` has moved them to rows of it."""

    value: Any


def parse_marked(raw: bytes) -> Any:
    """Return the JSON value in `raw`, with a `Flaw` for each value in it that cannot be kept.

    Raises:
        UnreadableError: it is not JSON even so, or is nested too deeply.
    """
    text = raw.decode("utf-8", "surrogateescape")
    try:
        value = json.loads(
            text, parse_constant=_constant, parse_float=_float, parse_int=_int, object_pairs_hook=_object
        )
        return isolate(value, has_bad_bytes=_BAD_BYTES.search(text) is not None)
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    except ValueError as error:
        raise UnreadableError(f"not valid JSON: {error}") from None


def _constant(name: str) -> Flaw:
    return Flaw(f"not valid JSON: {name} is not JSON")


def _float(digits: str) -> float | Flaw:
    try:
        return finite(digits)
    except ValueError as error:
        return Flaw(f"not valid JSON: {error}")


def _int(digits: str) -> int | Flaw:
    try:
        return int(digits)
    except ValueError as error:
        return Flaw(f"not valid JSON: {error}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Flaw:
    try:
        return unique_keys(pairs)
    except ValueError as error:
        return Flaw(f"not valid JSON: {error}", str(dict(pairs))[:500])


def isolate(value: Any, has_bad_bytes: bool = False) -> Any:
    """Return `value` with every flaw in it moved up to the row that holds it: an item of a list of rows, or all."""
    return _isolated(value, True, True, has_bad_bytes)


def _isolated(value: Any, is_rows: bool, is_page: bool, bad: bool) -> Any:
    if isinstance(value, str):
        return Flaw(NOT_UTF8) if bad and _BAD_BYTES.search(value) else value
    if isinstance(value, list):
        items = [_isolated(item, False, False, bad) for item in value]
        return items if is_rows else next((i for i in items if isinstance(i, Flaw)), items)
    if isinstance(value, dict):
        on_page = PAGES if is_page and "role" not in value else frozenset[str]()  # a message's `content` is no page
        made = {k: _isolated(v, k in ROWS or k in on_page, k in on_page, bad) for k, v in value.items()}
        flaw = next((v for v in made.values() if isinstance(v, Flaw)), None)
        return made if flaw is None else Flaw(flaw.reason, flaw.excerpt or str(value)[:500])
    return value


def without_flaws(value: Any) -> tuple[Any, list[Flaw]]:
    """Return an isolated value without its flawed rows, and these."""
    lost: list[Flaw] = []
    return _without(value, lost), lost


def _without(value: Any, lost: list[Flaw]) -> Any:
    if isinstance(value, list):
        lost.extend(i for i in value if isinstance(i, Flaw))
        return [_without(i, lost) for i in value if not isinstance(i, Flaw)]
    if isinstance(value, dict):
        return {k: _without(v, lost) for k, v in value.items()}
    return value


def pieces_of(raw: bytes) -> list[bytes]:
    """Return the rows of a document that does not parse as a whole, as bytes; none where there are none.

    They are the items of an array, or of the lists in the objects of an answer (see `pages`). What is left of a
    document that breaks off within a row is the last piece.
    """
    pieces: list[bytes] = []
    stack: list[tuple[bytes, bool]] = []  # the open brackets, each with whether it is of the answer, not of a row
    begin, depth, key = -1, 0, ""
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in _OPENING:
            if begin < 0 and stack and stack[-1] == (b"[", True):
                begin, depth = token.start(), len(stack)
            stack.append((mark, begin < 0 and (not stack or (stack[-1] == (b"{", True) and key in PAGES))))
        elif mark in _CLOSING:
            if not stack:
                break
            stack.pop()
            if begin >= 0 and len(stack) == depth:
                pieces.append(raw[begin : token.end()])
                begin = -1
        elif begin < 0:
            key = mark.strip(b'"').decode("utf-8", "replace")
    return pieces if begin < 0 else [*pieces, raw[begin:]]
