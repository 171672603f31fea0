"""CSV and TSV text -> lines of cells, with the separator that its header shows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t")
_HEAD = 60
"""Lines in which the header is looked for."""
_NAMED = re.compile(r"\"?sep=(.)\"?\s*", re.I)
"""The line by which Excel names the separator of a file."""

csv.field_size_limit(2**31 - 1)  # the file is in memory already; its own bound would raise from deep inside


@dataclass(frozen=True)
class Line:
    """A filled row of a spreadsheet, with its number and its cells as text."""

    number: int
    cells: Sequence[str]
    problem: str | None = None
    uncalculated: Sequence[int] = ()
    """Indices of cells that are a formula without a stored value."""
    is_padded: bool = False
    """Whether cells that are missing at its end are empty ones."""


def delimited_lines(text: str, is_header: Callable[[Sequence[str]], bool]) -> tuple[list[Line], str]:
    """Return the filled lines of a CSV text and its separator, the one by which a line is a header."""
    lines = io.StringIO(text, newline="").readlines()
    first = next(i for i, line in enumerate(lines) if line.strip())
    named = _NAMED.fullmatch(lines[first])
    delimiter = named[1] if named else _delimiter(lines[first : first + _HEAD], is_header)
    start = first + 1 if named else 0
    return _lines(lines[start:], delimiter, start), delimiter


def _delimiter(head: Sequence[str], is_header: Callable[[Sequence[str]], bool]) -> str:
    def columns(delimiter: str) -> int:
        found = [cells for cells in _cells(head, delimiter) if is_header(cells)]
        return max(map(len, found), default=0)

    best = max(DELIMITERS, key=columns)
    return best if columns(best) else max(DELIMITERS, key=head[0].count)


def _cells(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    return [cells for cells in csv.reader(lines, delimiter=delimiter) if any(c.strip() for c in cells)]


def _lines(lines: Sequence[str], delimiter: str, offset: int) -> list[Line]:
    reader = csv.reader(lines, delimiter=delimiter)
    found: list[Line] = []
    start = 1
    for cells in reader:
        begun, start = start, reader.line_num + 1
        if not any(c.strip() for c in cells):
            continue
        problem = None
        if "".join(lines[begun - 1 : start - 1]).count('"') % 2:
            problem = f"a quote is opened and never closed: everything up to line {start - 1 + offset} runs together"
        found.append(Line(begun + offset, cells, problem))
    return found
