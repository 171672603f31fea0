"""The bytes of a label file -> rows of named cells, with the line that each began on."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from flywheel_pipeline.csv_injection import plain
from flywheel_pipeline.steps.annotate.columns import is_header
from flywheel_pipeline.steps.annotate.delimited import Line, delimited_lines
from flywheel_pipeline.steps.annotate.documents import MAX_NESTING, Item, json_items, nesting_of
from flywheel_pipeline.steps.annotate.xlsx import Sheet, WorkbookError, read_sheets

MAX_BYTES = 100_000_000
"""The largest label file that is read."""
HEADER_WITHIN = 20
"""Filled rows among which the header is looked for, below a title or notes."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
"""Byte order marks and their encodings; that of UTF-32 begins with that of UTF-16."""


@dataclass(frozen=True)
class Row:
    """One row: its cells by the file's own column names, or the problem that keeps it from being read."""

    line: int
    cells: dict[str, Any]
    raw: str
    problem: str | None = None
    uncalculated: frozenset[str] = frozenset()
    """Columns whose cell is a formula that no program has calculated."""


@dataclass(frozen=True)
class Rows:
    """The rows of a file, and notes on how it was read."""

    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())


class _FileError(Exception):
    """The file is refused as a whole; the text says why and what to do."""


def read_rows(file: str, data: bytes, columns: Mapping[str, str | None]) -> Rows:
    """Return the rows of a label file, read by its ending and content; a file that is refused is one row that says why.

    `columns` are the columns that people named (`labels.columns`), by which a header is recognised.
    """
    try:
        return _read(PurePath(file).suffix.lower() or file, data, columns)
    except (_FileError, WorkbookError) as error:
        return Rows([Row(0, {}, "", str(error))])


def _read(suffix: str, data: bytes, columns: Mapping[str, str | None]) -> Rows:
    if len(data) > MAX_BYTES:
        raise _FileError(f"larger than {MAX_BYTES // 10**6} MB: split it into several files")
    if suffix in (".xlsx", ".xlsm") and data.strip():
        return _workbook(read_sheets(data), columns)
    if suffix not in (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xlsx", ".xlsm"):
        raise _FileError(f"unknown kind of label file {suffix!r}; known: .csv, .tsv, .xlsx, .jsonl, .json")
    text = _decode(data)
    if not text.strip():
        raise _FileError("the file is empty: save it again")
    notes = ["the file contains U+FFFD (\ufffd): characters were lost before it came here"] if "\ufffd" in text else []
    if suffix in (".csv", ".tsv"):
        lines, delimiter = delimited_lines(text, lambda cells: is_header(cells, columns))
        return _table(lines, delimiter, columns, notes)
    return Rows([_json_row(item) for item in json_items(suffix, text)], notes)


def _decode(data: bytes) -> str:
    """Return the text of a file by its byte order mark, else as UTF-8.

    Raises:
        _FileError: it is in another encoding; nothing of it is read, since every accent in it would be lost.
    """
    mark, encoding = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _FileError(f"not valid {encoding.upper()} (line {line}): save the file as UTF-8") from None
    if not mark and text.count("\x00") * 4 > len(text) > 8:
        raise _FileError("not UTF-8, perhaps UTF-16 without a byte order mark: save the file as UTF-8")
    return text.replace("\x00", "")


def _workbook(sheets: Sequence[Sheet], columns: Mapping[str, str | None]) -> Rows:
    """Return the rows of every sheet that has columns of labels, else those of the first sheet with rows."""
    labelled = [s for s in sheets if _header_at([line.cells for line in s.lines], columns) is not None]
    chosen = labelled or sheets[:1]
    if not chosen:
        raise _FileError("the first sheet is empty: no sheet of the workbook has rows")
    notes = [
        f"sheet {s.title[:40]!r} was not read: it has no columns trace_id and verdict"
        for s in sheets
        if s not in chosen
    ]
    found: list[Row] = []
    for sheet in chosen:
        table = _table(sheet.lines, " | ", columns, sheet.notes)
        where = {"sheet": sheet.title} if len(chosen) > 1 else {}
        found += [replace(r, cells={**where, **r.cells}) if not r.problem else r for r in table.rows]
        notes += table.notes
    return Rows(found, notes)


def _header_at(lines: Sequence[Sequence[str]], columns: Mapping[str, str | None]) -> int | None:
    return next((i for i, cells in enumerate(lines[:HEADER_WITHIN]) if is_header(cells, columns)), None)


def _table(lines: Sequence[Line], delimiter: str, columns: Mapping[str, str | None], notes: Sequence[str]) -> Rows:
    """Return the rows below the header; where none of the first rows is one, below the first with several cells."""
    at = _header_at([line.cells for line in lines], columns)
    if at is None:
        several = (i for i, line in enumerate(lines[:HEADER_WITHIN]) if sum(bool(c.strip()) for c in line.cells) > 1)
        at = next(several, 0)
    titles = _passed_over([line.number for line in lines[:at]])
    names = list(lines[at].cells) if lines else []
    return Rows([_row(line, names, delimiter) for line in lines[at + 1 :]], [*notes, *titles])


def _passed_over(numbers: Sequence[int]) -> list[str]:
    if len(numbers) < 2:
        return [f"row {n} above the header was passed over" for n in numbers]
    return [f"rows {' and '.join(map(str, numbers))} above the header were passed over"]


def _row(line: Line, names: Sequence[str], delimiter: str) -> Row:
    cells = list(line.cells)
    while len(cells) > len(names) and not cells[-1].strip():
        cells.pop()
    named = {n: plain(c) for n, c in zip(names, cells, strict=False) if n.strip() or c.strip()}
    named |= {n: "" for n in names[len(cells) :] if n.strip()} if line.is_padded else {}
    twice = sorted({n for n in names if n.strip() and names.count(n) > 1})
    problem = f"the columns {', '.join(twice)} appear twice: rename one" if twice else None
    if len(cells) > len(names):
        problem = f"{len(cells)} cells, but the header has {len(names)}: quote cells that hold {delimiter!r}"
    formulas = frozenset(names[i] for i in line.uncalculated if i < len(names))
    raw = delimiter.join(c[:200] for c in line.cells)
    return Row(line.number, named, raw, line.problem or problem, formulas)


def _json_row(item: Item) -> Row:
    raw = item.text[:1000]
    if item.problem:
        return Row(item.number, {}, raw, item.problem)
    if not isinstance(item.value, dict):
        return Row(item.number, {}, raw, "must be a JSON object with trace_id and verdict")
    if nesting_of(item.value) > MAX_NESTING:
        return Row(item.number, {}, raw, "nested too deeply")
    return Row(item.number, item.value, raw)
