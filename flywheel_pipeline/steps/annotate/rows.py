"""The bytes of a label file -> rows of named cells, with the line that each began on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

csv.field_size_limit(2**31 - 1)  # the file is in memory already; its own bound would raise from deep inside


@dataclass(frozen=True)
class Row:
    """One row: its cells by the file's own column names, or the problem that keeps it from being read."""

    line: int
    cells: dict[str, Any]
    raw: str
    problem: str | None = None


def label_rows(file: str, data: bytes) -> Iterator[Row]:
    """Yield the rows of a label file by its ending: .csv, .tsv, .jsonl or .json."""
    suffix = PurePath(file).suffix.lower()
    text = data.decode("utf-8-sig", errors="surrogateescape").replace("\x00", "")
    if not text.strip():
        yield Row(0, {}, "", "the file is empty: hand it in again")
    elif suffix in (".csv", ".tsv"):
        yield from _csv_rows(text)
    elif suffix in (".jsonl", ".ndjson"):
        yield from _jsonl_rows(text)
    elif suffix == ".json":
        yield from _json_rows(text)
    else:
        yield Row(
            0,
            {},
            text[:200],
            f"unknown kind of label file {suffix or file!r}; known: .csv, .tsv, .jsonl, .json",
        )


def _csv_rows(text: str) -> Iterator[Row]:
    lines = io.StringIO(text, newline="").readlines()
    delimiter = max(",;\t", key=next(line for line in lines if line.strip()).count)
    reader = csv.reader(lines, delimiter=delimiter)
    names: list[str] | None = None
    line = 1
    for cells in reader:
        start, line = line, reader.line_num + 1
        if not any(c.strip() for c in cells):
            continue
        if names is None:
            names = cells
            continue
        problem = _csv_problem(cells, names, delimiter)
        if "".join(lines[start - 1 : line - 1]).count('"') % 2:
            problem = f"a quote is opened and never closed: everything up to line {line - 1} runs together"
        yield _checked(Row(start, dict(zip(names, cells, strict=False)), delimiter.join(cells), problem))


def _csv_problem(cells: list[str], names: list[str], delimiter: str) -> str | None:
    if len(cells) <= len(names):
        return None
    return f"{len(cells)} cells, but the header has {len(names)}: quote cells that hold {delimiter!r}"


def _jsonl_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _json_row(number, line)


def _json_rows(text: str) -> Iterator[Row]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield Row(0, {}, text[:200], f"not valid JSON: {error}")
        return
    for number, item in enumerate(items if isinstance(items, list) else [items], 1):
        yield _json_row(number, json.dumps(item, ensure_ascii=False))


def _json_row(number: int, line: str) -> Row:
    try:
        cells = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _checked(Row(number, {}, line, f"not valid JSON: {error}"))
    if not isinstance(cells, dict):
        return Row(number, {}, line, "must be a JSON object with trace_id and verdict")
    return _checked(Row(number, cells, line))


def _checked(row: Row) -> Row:
    broken = any("\udc80" <= c <= "\udcff" for c in row.raw)
    raw = row.raw.encode("utf-8", "replace").decode()
    return Row(row.line, row.cells, raw, "not valid UTF-8: save the file as UTF-8" if broken else row.problem)
