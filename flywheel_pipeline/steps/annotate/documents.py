"""JSON and JSON Lines text -> its items, whatever the file's ending says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PAGES = ("data", "items", "results", "records", "scores", "feedback", "traces", "content")
"""Keys under which the APIs of other tools answer with a list."""
MAX_NESTING = 100
"""Levels of lists and objects in an item; deeper ones are refused."""


@dataclass(frozen=True)
class Item:
    """One value, with its line or its number in the list, from 1; or the problem that keeps it from being read."""

    number: int
    value: Any
    text: str
    problem: str | None = None


def json_items(suffix: str, text: str) -> Iterator[Item]:
    """Yield the items of a text: of a list, of one page of an API's answer, or of lines."""
    if not _is_one_document(suffix, text):
        yield from (_item(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip())
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield Item(0, None, text[:1000], f"not valid JSON: {error}")
        return
    for number, value in enumerate(_listed(document), 1):
        yield Item(number, value, _excerpt(value))


def nesting_of(value: Any) -> int:
    """Return how many levels of lists and objects a value has."""
    depth, level = 0, [value]
    while level := [inner for v in level if isinstance(v, dict | list) for inner in _inner(v)]:
        depth += 1
        if depth > MAX_NESTING:
            break
    return depth


def _inner(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _item(number: int, line: str) -> Item:
    try:
        return Item(number, json.loads(line), line)
    except (ValueError, RecursionError) as error:
        return Item(number, None, line, f"not valid JSON: {error}")


def _excerpt(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def _is_one_document(suffix: str, text: str) -> bool:
    """Return whether the text is one JSON value, whatever its ending says of it."""
    first, _, rest = text.strip().partition("\n")
    if suffix == ".json":
        return not (rest and first.lstrip().startswith("{") and _is_json(first))
    return first.startswith(("[", "{")) and not _is_json(first) and _is_json(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _listed(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return [document]
    pages = [document[k] for k in PAGES if isinstance(document.get(k), list)]
    whole = [p for p in pages if p and all(isinstance(i, dict) for i in p)]
    return whole[0] if whole else [document]
