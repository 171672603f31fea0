"""A trace out of the files that people and runs wrote: the rows and entries about it, and nothing else."""

from __future__ import annotations

import codecs
import csv
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePath
from typing import Any
from xml.sax.saxutils import escape

MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (b"", "utf-8"),
)  # fmt: skip
"""Byte order marks and their encodings; that of UTF-32 begins with that of UTF-16."""
ZIPPED = b"PK\x03\x04"
"""How a workbook and other compressed archives begin."""
BLOCK = 1 << 20
MOST_BYTES = 1 << 30
"""Bytes of a compressed file that are looked at, at most."""
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
    mark, encoding = next(m for m in MARKS if data.startswith(m[0]))
    forms = {form for i in ids for form in (i, json.dumps(i)[1:-1], escape(i))}
    if not _names(data, [form.encode(encoding, "replace") for form in forms]):
        return data, 0
    edit = _EDITS.get(PurePath(name).suffix.lower())
    if edit is None:
        raise CannotEditError(f"a {PurePath(name).suffix or 'file without an ending'} is not edited here")
    try:
        made, n = edit(data[len(mark) :].decode(encoding), ids)
        return (mark + made.encode(encoding), n) if n else (data, 0)
    except (ValueError, RecursionError, csv.Error) as error:
        raise CannotEditError(f"it cannot be read ({error})") from None


def _names(data: bytes, forms: Collection[bytes]) -> bool:
    """Return whether one of `forms` stands in a file or, where it is compressed as a workbook is, inside it.

    Raises:
        CannotEditError: it is compressed and cannot be looked into.
    """
    if any(form in data for form in forms):
        return True
    return data.startswith(ZIPPED) and any(form in text for text in _unzipped(data) for form in forms)


def _unzipped(data: bytes) -> Iterator[bytes]:
    """Yield what a compressed file holds, in pieces that overlap by more than an id's length."""
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    tail = b""
                    while block := file.read(BLOCK):
                        if (left := left - len(block)) < 0:
                            raise CannotEditError("it is too large to look into, and may name them")
                        yield tail + block
                        tail = block[-BLOCK // 16 :]
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise CannotEditError(f"it cannot be looked into ({error}), and may name them") from None


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
        reader = csv.reader(lines, delimiter=delimiter, strict=True)  # its line numbers are those of `lines`
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
