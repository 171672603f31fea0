"""A trace out of the files that people and runs wrote: the rows and entries about it, and nothing else."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePath
from typing import Any

SEPARATED = {".csv": ",;\t|", ".tsv": "\t"}
"""Delimiters of the endings of text tables."""


class CannotEditError(Exception):
    """A file is of a form that is not rewritten here; the text says which."""


def erase_from(name: str, data: bytes, ids: Collection[str]) -> tuple[bytes, int]:
    """Return a file's content without what is about the traces `ids`, and how many rows or entries that was.

    What is left is as it was, byte for byte in a table and in a file of lines.

    Raises:
        CannotEditError: the file names one of them and is neither a text table, nor JSON, nor lines of JSON.
    """
    if not any(i.encode() in data or json.dumps(i)[1:-1].encode() in data for i in ids):
        return data, 0
    edit = _EDITS.get(PurePath(name).suffix.lower())
    if edit is None:
        raise CannotEditError(f"a {PurePath(name).suffix or 'file without an ending'} is not edited here")
    try:
        text = data.decode("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")
        made, n = edit(text, ids)
    except (ValueError, RecursionError, csv.Error) as error:
        raise CannotEditError(f"it cannot be read ({error})") from None
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    return (mark + made.encode("utf-8"), n) if n else (data, 0)


def without(value: Any, ids: Collection[str]) -> tuple[Any, int]:
    """Return JSON values without the list items and the keys that are about the traces `ids`, and their number.

    An object is about a trace when one of its own values is the trace's id; the list that holds it loses it, and the
    object around that list stays.
    """
    if isinstance(value, list):
        kept = [without(item, ids) for item in value if not is_about(item, ids)]
        return [item for item, _ in kept], len(value) - len(kept) + sum(n for _, n in kept)
    if isinstance(value, Mapping):
        pairs = {k: without(v, ids) for k, v in value.items() if k not in ids and not _is_object_about(v, ids)}
        return {k: v for k, (v, _) in pairs.items()}, len(value) - len(pairs) + sum(n for _, n in pairs.values())
    return value, 0


def is_about(value: Any, ids: Collection[str]) -> bool:
    """Return whether a value is the id of one of the traces, or an object that names one."""
    if isinstance(value, Mapping):
        return any(is_about(v, ids) for v in value.values())
    return isinstance(value, str) and value in ids


def _is_object_about(value: Any, ids: Collection[str]) -> bool:
    return isinstance(value, Mapping) and is_about(value, ids)


def _lines(text: str, ids: Collection[str]) -> tuple[str, int]:
    kept, n = [], 0
    for line in _split(text):
        row = json.loads(line) if line.strip() else {}
        if is_about(row, ids):
            n += 1
            continue
        less, m = without(row, ids)
        kept.append(json.dumps(less, ensure_ascii=False) + "\n" if m else line)
        n += m
    return "".join(kept), n


def _split(text: str) -> list[str]:
    parts = text.split("\n")
    return [p + "\n" for p in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _document(text: str, ids: Collection[str]) -> tuple[str, int]:
    value, n = without(json.loads(text), ids)
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n", n


def _table(delimiters: str) -> Callable[[str, Collection[str]], tuple[str, int]]:
    def edit(text: str, ids: Collection[str]) -> tuple[str, int]:
        header = text.split("\n", 1)[0]
        delimiter = max(delimiters, key=header.count)
        lines = _split(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        kept, n, before = [], 0, 0
        for cells in reader:
            record = "".join(lines[before : reader.line_num])
            before = reader.line_num
            if any(cell in ids for cell in cells):
                n += 1
            else:
                kept.append(record)
        return "".join(kept), n

    return edit


_EDITS: Mapping[str, Callable[[str, Collection[str]], tuple[str, int]]] = {
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".json": _document,
    **{ending: _table(delimiters) for ending, delimiters in SEPARATED.items()},
}
