"""An Excel workbook <-> rows of cells, both as bytes; what a stranger packed is measured before it is opened."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

MAX_UNPACKED, MAX_PARTS = 200_000_000, 2_000
"""Bytes that the parts of a workbook may say they unpack to, and how many parts there may be."""
MAX_ROWS, MAX_COLUMNS, MAX_CHARACTERS = 100_000, 200, 200_000_000
MAX_CELL = 32_767
"""Characters that a cell of Excel can hold."""

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""How a workbook writes characters that XML can not hold (ECMA-376, ST_Xstring)."""


class WorkbookError(Exception):
    """The bytes are no workbook that can be read, or the texts none that can be written; the text says why."""


def sheet_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the first sheet that hold something, as texts up to the last one, with their numbers.

    Raises:
        WorkbookError: it is not a whole .xlsx file, too large, or has rows that would not be read.
    """
    _measure(data)
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        yield from _first_sheet(book)
    except WorkbookError:
        raise
    except Exception as error:  # openpyxl raises whatever the XML of a stranger makes it raise
        raise WorkbookError(f"not a readable .xlsx file ({type(error).__name__}): save it again as .xlsx") from None


def _measure(data: bytes) -> None:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise WorkbookError("an old .xls file or one with a password: save it as .xlsx without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            parts = book.infolist()
            if len(parts) > MAX_PARTS or sum(p.file_size for p in parts) > MAX_UNPACKED:
                raise WorkbookError(f"unpacked it is larger than {MAX_UNPACKED // 10**6} MB: split it")
            named = [p for p in parts if p.filename.lower().endswith((".xml", ".rels"))]
            if any(b"<!DOCTYPE" in book.read(p).replace(b"\x00", b"") for p in named):
                raise WorkbookError("its XML declares a document type, which no spreadsheet writes: save it again")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise WorkbookError(f"not a whole .xlsx file ({error}): save it again, or wait until it is copied") from None


def _first_sheet(book: Any) -> Iterator[tuple[int, list[str]]]:
    first, *others = book.worksheets or [None]
    if first is None:
        raise WorkbookError("the workbook has no sheet with cells")
    yield from _rows(first)
    for sheet in others:
        if next(_rows(sheet), None) is not None:
            raise WorkbookError(
                f"only the first sheet is read, and {sheet.title[:40]!r} has rows, too: move them there"
            )


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
