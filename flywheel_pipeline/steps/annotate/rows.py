"""The bytes of a label file -> rows of named cells, with the line that each began on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from flywheel_pipeline.csv_injection import plain
from flywheel_pipeline.steps.annotate.shapes import translate
from flywheel_pipeline.steps.annotate.xlsx import WorkbookError, sheet_rows

MAX_BYTES = 100_000_000
"""The largest label file that is read."""
PAGES = ("data", "items", "results", "records", "scores", "feedback")
"""Keys under which the APIs of other tools answer with a list."""

csv.field_size_limit(2**31 - 1)  # the file is in memory already; its own bound would raise from deep inside


@dataclass(frozen=True)
class Row:
    """One row: its cells by the file's own column names, or the problem that keeps it from being read."""

    line: int
    cells: dict[str, Any]
    raw: str
    problem: str | None = None


def label_rows(file: str, data: bytes) -> Iterator[Row]:
    """Yield the rows of a label file by its ending, and those within an item by its content (see `shapes`)."""
    for row in _file_rows(PurePath(file).suffix.lower() or file, data):
        yield from _translated(row)


def _translated(row: Row) -> Iterator[Row]:
    try:
        if row.problem:
            yield row
        else:
            yield from [replace(row, cells=cells, problem=problem) for cells, problem in translate(row.cells)]
    except RecursionError:
        yield replace(row, cells={}, problem="nested too deeply")


def _file_rows(suffix: str, data: bytes) -> Iterator[Row]:
    if len(data) > MAX_BYTES:
        yield Row(0, {}, "", f"larger than {MAX_BYTES // 10**6} MB: split it into several files")
    elif suffix in (".xlsx", ".xlsm") and data.strip():
        yield from _sheet_rows(data)
    else:
        yield from _text_rows(suffix, data.decode("utf-8-sig", errors="surrogateescape").replace("\x00", ""))


def _text_rows(suffix: str, text: str) -> Iterator[Row]:
    if not text.strip():
        yield Row(0, {}, "", "the file is empty: hand it in again")
    elif suffix in (".csv", ".tsv"):
        yield from _csv_rows(text)
    elif suffix in (".jsonl", ".ndjson", ".json"):
        yield from _json_rows(text) if _is_one_document(suffix, text) else _jsonl_rows(text)
    else:
        problem = f"unknown kind of label file {suffix!r}; known: .csv, .tsv, .xlsx, .jsonl, .json"
        yield Row(0, {}, text[:200], problem)


def _sheet_rows(data: bytes) -> Iterator[Row]:
    names: list[str] | None = None
    try:
        for number, cells in sheet_rows(data):
            if names is None:
                names = cells
                continue
            yield _spreadsheet_row(number, names, cells + [""] * (len(names) - len(cells)), " | ")
        if not names:
            yield Row(0, {}, "", "the first sheet is empty: hand it in again")
    except WorkbookError as error:
        yield Row(0, {}, "", str(error))


def _spreadsheet_row(line: int, names: list[str], cells: list[str], delimiter: str) -> Row:
    named = {n: plain(c) for n, c in zip(names, cells, strict=False) if n.strip() or c.strip()}
    twice = sorted({n for n in names if n.strip() and names.count(n) > 1})
    problem = f"the columns {', '.join(twice)} are there twice: rename one" if twice else None
    if len(cells) > len(names):
        problem = f"{len(cells)} cells, but the header has {len(names)}: quote cells that hold {delimiter!r}"
    return Row(line, named, delimiter.join(c[:200] for c in cells), problem)


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
        row = _spreadsheet_row(start, names, cells, delimiter)
        if "".join(lines[start - 1 : line - 1]).count('"') % 2:
            problem = f"a quote is opened and never closed: everything up to line {line - 1} runs together"
            row = replace(row, problem=problem)
        yield _checked(row, delimiter.join(cells))


def _jsonl_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _json_row(number, line)


def _is_one_document(suffix: str, text: str) -> bool:
    """Return whether the text is one JSON value, whatever its ending says of it."""
    first, _, rest = text.strip().partition("\n")
    if suffix == ".json":
        return not (rest and first.lstrip().startswith("{") and _is_json(first))
    return first.startswith("[") and not _is_json(first) and _is_json(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_rows(text: str) -> Iterator[Row]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield Row(0, {}, text[:200], f"not valid JSON: {error}")
        return
    for number, item in enumerate(_items(document), 1):
        yield _json_row(number, json.dumps(item, ensure_ascii=False))


def _items(document: Any) -> list[Any]:
    """Return the items of a JSON document: of a list, or of one page of an API's answer."""
    if isinstance(document, list):
        return document
    page = next((document[k] for k in PAGES if k in document), None) if isinstance(document, dict) else None
    return page if isinstance(page, list) and page and all(isinstance(i, dict) for i in page) else [document]


def _json_row(number: int, line: str) -> Row:
    try:
        cells = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _checked(Row(number, {}, line[:1000], f"not valid JSON: {error}"), line)
    if not isinstance(cells, dict):
        return Row(number, {}, line[:1000], "must be a JSON object with trace_id and verdict")
    return _checked(Row(number, cells, line[:1000]), line)


def _checked(row: Row, text: str) -> Row:
    broken = any("\udc80" <= c <= "\udcff" for c in text)
    raw = row.raw.encode("utf-8", "replace").decode()
    return replace(row, raw=raw, problem="not valid UTF-8: save the file as UTF-8" if broken else row.problem)
