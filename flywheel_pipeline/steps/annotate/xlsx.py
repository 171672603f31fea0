"""An Excel workbook <-> rows of cells, both as bytes; a stranger's file is measured before it is decompressed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from xml.etree import ElementTree

from flywheel_pipeline.steps.annotate.delimited import Line

MAX_UNPACKED, MAX_PARTS = 200_000_000, 2_000
"""Bytes that the parts of a workbook may decompress to by their own account, and how many parts there may be."""
MAX_ROWS, MAX_COLUMNS, MAX_CHARACTERS = 100_000, 200, 200_000_000
SHEET_ROWS = 1_048_576
"""Rows that a sheet of Excel can hold, empty ones included."""
_ROW = re.compile(rb"<(?:\w{1,8}:)?row[\s/>]")
MAX_CELL = 32_767
"""Characters that a cell of Excel can hold."""

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""How a workbook writes characters that XML cannot hold (ECMA-376, ST_Xstring)."""


class WorkbookError(Exception):
    """The bytes are no workbook that can be read, or the texts none that can be written; the text says why."""


@dataclass(frozen=True)
class Sheet:
    """The filled rows of one sheet, and notes on what is not plain in it."""

    title: str
    lines: Sequence[Line]
    notes: Sequence[str] = ()


@dataclass
class _Marks:
    """What the XML of a sheet says beyond the values of its cells; rows and columns from 1."""

    hidden: list[int]
    merged: list[tuple[int, int, int, int]]
    """(first row, first column, last row, last column)"""
    uncalculated: set[tuple[int, int]]


def read_sheets(data: bytes) -> list[Sheet]:
    """Return the sheets of a workbook that have rows.

    A cell that is merged over several rows is read in each of them; hidden rows are read, too.

    Raises:
        WorkbookError: it is not a whole .xlsx file, or too large.
    """
    _measure(data)
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            sheets = [_sheet(s, _marks(parts, getattr(s, "_worksheet_path", ""))) for s in book.worksheets]
    except WorkbookError:
        raise
    except Exception as error:  # openpyxl raises whatever the XML of a stranger makes it raise
        raise WorkbookError(f"not a readable .xlsx file ({type(error).__name__}): save it again as .xlsx") from None
    return [s for s in sheets if s.lines]


def _measure(data: bytes) -> None:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise WorkbookError("an old .xls file or one with a password: save it as .xlsx without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            parts = book.infolist()
            if len(parts) > MAX_PARTS or sum(p.file_size for p in parts) > MAX_UNPACKED:
                raise WorkbookError(f"decompressed it is larger than {MAX_UNPACKED // 10**6} MB: split it")
            named = [p for p in parts if p.filename.lower().endswith((".xml", ".rels"))]
            for part in named:
                _look_through(book, part)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise WorkbookError(f"not a whole .xlsx file ({error}): save it again, or wait until it is copied") from None


def _look_through(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a part that would take minutes or gigabytes to parse, before it is parsed."""
    tail, n_rows = b"", 0
    with book.open(part) as file:
        while chunk := file.read(1 << 20):
            text = tail + chunk.replace(b"\x00", b"")
            if b"<!DOCTYPE" in text:
                raise WorkbookError("its XML declares a document type, which no spreadsheet writes: save it again")
            n_rows += len(_ROW.findall(text)) - len(_ROW.findall(tail))
            if n_rows > SHEET_ROWS:
                raise WorkbookError(f"a sheet has more than {SHEET_ROWS:,} rows, which no spreadsheet holds: split it")
            tail = text[-32:]


def _marks(parts: zipfile.ZipFile, path: str) -> _Marks:
    found = _Marks([], [], set())
    if path.lstrip("/") not in parts.namelist():
        return found
    with parts.open(path.lstrip("/")) as part:
        for _, element in ElementTree.iterparse(part):
            name = element.tag.rpartition("}")[2]
            if name == "row":
                if element.get("hidden") in ("1", "true") and len(element):
                    found.hidden.append(int(element.get("r") or 0))
                element.clear()
            elif name == "c" and _is_uncalculated(element):
                found.uncalculated.add(_place(element.get("r") or "A1"))
            elif name == "mergeCell":
                first, _, last = (element.get("ref") or "A1").partition(":")
                found.merged.append((*_place(first), *_place(last or first)))
    return found


def _is_uncalculated(cell: ElementTree.Element) -> bool:
    """Return whether a cell is a formula without a value; one whose value is the empty text has been calculated."""
    children = {child.tag.rpartition("}")[2]: child for child in cell}
    value = children.get("v")
    return "f" in children and (value is None or (not value.text and cell.get("t") != "str"))


def _place(reference: str) -> tuple[int, int]:
    """Return the row and column of a cell such as `B7`, from 1."""
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?(\d{1,7})", reference)
    if not found:
        raise WorkbookError(f"a cell has the place {reference[:20]!r}, which no spreadsheet writes: save it again")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]), column


def _sheet(sheet: Any, marks: _Marks) -> Sheet:
    grid = dict(_rows(sheet))
    notes = []
    for top, left, bottom, _ in marks.merged:
        origin = grid.get(top, [])
        text = origin[left - 1] if left <= len(origin) else ""
        below = [n for n in range(top + 1, min(bottom, top + MAX_ROWS) + 1) if n in grid] if text.strip() else []
        for number in below:
            cells = grid[number]
            cells += [""] * (left - len(cells))
            cells[left - 1] = text
        if below:
            notes.append(f"the cell merged over rows {top} to {bottom} is read in each of them")
    if hidden := [n for n in marks.hidden if n in grid]:
        notes.append(f"hidden rows are read, too: {', '.join(map(str, hidden[:10]))}{' …' if hidden[10:] else ''}")
    blank: dict[int, list[int]] = {}
    for row, column in sorted(marks.uncalculated):
        blank.setdefault(row, []).append(column - 1)
    lines = [Line(n, cells, None, tuple(blank.get(n, ())), True) for n, cells in sorted(grid.items())]
    lines += [Line(n, [], None, tuple(columns), True) for n, columns in blank.items() if n not in grid]
    return Sheet(sheet.title, sorted(lines, key=lambda line: line.number), notes)


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # a file may understate them
    characters = 0
    for number, values in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True), 1):
        cells = ["" if v is None else _text(v) for v in values]
        filled = cells[: max((i for i, c in enumerate(cells, 1) if c.strip()), default=0)]
        characters += sum(map(len, filled))
        if number > MAX_ROWS or len(filled) > MAX_COLUMNS or characters > MAX_CHARACTERS:
            most = f"{MAX_ROWS} rows, {MAX_COLUMNS} columns or {MAX_CHARACTERS // 10**6} million characters"
            raise WorkbookError(f"more than {most}: split it")
        if filled:
            yield number, filled


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _ESCAPED.sub(lambda m: chr(int(m.group(1), 16)), value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def write_sheet(names: Sequence[str], rows: Sequence[Sequence[str]], choices: Mapping[str, Sequence[str]]) -> bytes:
    """Return a workbook of one sheet: every cell is text, a header that stays, and lists to choose from.

    Raises:
        WorkbookError: a text is longer than a cell can hold.
    """
    import openpyxl
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title, sheet.freeze_panes = "labels", "B2"
    for y, cells in enumerate([names, *rows], 1):
        for x, text in enumerate(cells, 1):
            _put(sheet.cell(y, x), text)
            sheet.cell(y, x).alignment = Alignment(wrap_text=y > 1, vertical="top")
    for x, name in enumerate(names, 1):
        sheet.cell(1, x).font = Font(bold=True)
        widest = max((len(r[x - 1]) for r in rows), default=0)
        sheet.column_dimensions[get_column_letter(x)].width = min(60, max(12, len(name) + 2, widest))
        if name in choices and rows:
            listed = DataValidation(type="list", formula1=f'"{",".join(choices[name])}"', allow_blank=True)
            sheet.add_data_validation(listed)
            listed.add(f"{get_column_letter(x)}2:{get_column_letter(x)}{len(rows) + 1}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _put(cell: Any, text: str) -> None:
    if not text:
        return
    escaped = _HIDDEN.sub(lambda m: f"_x{ord(m.group()):04X}_", text)
    if len(escaped) > MAX_CELL:
        raise WorkbookError(f"a text of {len(text)} characters is too long for a cell of Excel: use another format")
    cell.value, cell.data_type = escaped, "s"  # text also where it looks like a formula
