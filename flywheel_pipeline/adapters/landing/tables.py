"""CSV and Parquet -> blocks of rows, {column: value}; of CSV every value is text."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from flywheel_pipeline.adapters.landing.unpack import Stream, UnpackError
from flywheel_pipeline.ports import Block

ROWS, BYTES = 2_000, 4_000_000
"""The most rows of a block, and about the most bytes."""
STEP = 1 << 20


def csv_blocks(stream: Stream, max_cell: int) -> Iterator[Block]:
    """Yield the rows of a CSV file with a header, whose delimiter is the most frequent of `,`, `;` and tab there.

    The number of a row is that of its last line: a cell may hold line breaks.
    """
    csv.field_size_limit(max_cell)
    reader = csv.reader(_texts(stream, max_cell), delimiter=_delimiter(stream))
    header: list[str] | None = None
    rows: list[tuple[int, dict[str, Any]]] = []
    size = 0
    while True:
        try:
            cells = next(reader, None)
        except (csv.Error, UnpackError) as error:
            yield from _full(rows)
            yield Block("rows", reader.line_num, problem=f"not valid CSV: {error}: the rest was not read")
            return
        if cells is None:
            break
        if header is None:
            header = [c.strip() for c in cells]
            continue
        if any(c.strip() for c in cells):
            rows.append((reader.line_num, _row(header, cells)))
            size += sum(map(len, cells))
        if len(rows) >= ROWS or size >= BYTES:
            yield from _full(rows)
            rows, size = [], 0
    yield from _full(rows) if rows or header is None else _nothing(reader.line_num)


def _full(rows: list[tuple[int, dict[str, Any]]]) -> Iterator[Block]:
    if rows:
        yield Block("rows", rows[0][0], rows=tuple(rows))


def _nothing(line: int) -> Iterator[Block]:
    yield Block("rows", line, problem="a header without rows: export the file again")


def _row(header: list[str], cells: list[str]) -> dict[str, Any]:
    """Return {column: cell}; under the empty name a list of what no column takes.

    That are cells beyond the header, and those of a column named twice that differ.
    """
    named: dict[str, Any] = dict(zip(header, cells, strict=False))
    surplus = cells[len(header) :]
    if len(named) < min(len(header), len(cells)):
        surplus = [c for name, c in zip(header, cells, strict=False) if named[name] != c] + surplus
    return {**named, "": surplus} if surplus else named


def _delimiter(stream: Stream) -> str:
    first = stream.peek(1 << 16).decode("utf-8-sig", "replace").lstrip().split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _texts(stream: Stream, max_line: int) -> Iterator[str]:
    """Yield the lines as text; bytes that are not UTF-8 become lone surrogates, by which capture finds them.

    NUL is left out.

    Raises:
        UnpackError: a line is too long.
    """
    held, first = b"", True
    while data := stream.read(STEP):
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            yield _decode(line, first) + "\n"
            first = False
        if len(held) > max_line:
            raise UnpackError(f"a line longer than {max_line} bytes: raise capture.max_line_mb to take it")
    if held:
        yield _decode(held, first)


def _decode(line: bytes, first: bool) -> str:
    return line.decode("utf-8-sig" if first else "utf-8", "surrogateescape").replace("\x00", "")


def parquet_blocks(path: Path, stream: Stream, max_bytes: int) -> Iterator[Block]:
    """Yield the rows of a Parquet file, numbered from 1; a compressed one is decompressed to a temporary file first."""
    with tempfile.TemporaryDirectory() as folder:
        plain = path
        if stream.converted:
            plain = Path(folder) / "decompressed.parquet"
            with plain.open("wb") as file:
                for data in iter(lambda: stream.read(STEP), b""):
                    file.write(data)
        yield from _parquet_rows(plain)


def _parquet_rows(path: Path) -> Iterator[Block]:
    con = duckdb.connect(":memory:")
    number = 1
    try:
        con.execute("set timezone = 'UTC'")
        found = con.execute("select * from read_parquet(?)", [[str(path)]])
        names = [d[0] for d in found.description or ()]
        while batch := _batch(found):
            yield Block("rows", number, rows=tuple(_numbered(number, names, batch)))
            number += len(batch)
        if number == 1:
            yield Block("rows", 1, problem="a Parquet file without rows: export the file again")
    except duckdb.Error as error:
        yield Block("rows", number, problem=f"not a readable Parquet file: {str(error)[:300]}")
    finally:
        con.close()


def _batch(found: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Return the next rows, as many as a block may hold."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    while len(rows) < ROWS and size < BYTES and (more := found.fetchmany(20)):
        rows += more
        size += sum(len(str(value)) for row in more for value in row)
    return rows


def _numbered(first: int, names: list[str], batch: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, values in enumerate(batch, first):
        yield number, dict(zip(names, values, strict=True))
