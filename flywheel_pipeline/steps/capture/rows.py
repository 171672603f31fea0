"""A block of a landing file -> its rows, each of which may fail on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flywheel_pipeline.ports import Block
from flywheel_pipeline.steps.capture.flaws import Damaged, Flaw, not_utf8_in, parse_marked, pieces_of
from flywheel_pipeline.steps.capture.formats.common import UnreadableError
from flywheel_pipeline.steps.capture.formats.otel.protobuf import records_of_protobuf
from flywheel_pipeline.steps.capture.parse import BOM, parse_documents, parse_json, split_lines

Row = tuple[int, Any, Callable[[Any], Iterable[Any]]]
"""(line, what stands there, the function that makes records of it).

A record is an object, a `Damaged` one or a `Flaw`.
"""
_LOOK = 20


def rows_of(block: Block) -> Iterable[Row]:
    """Yield every row of a block: a line, an item of a JSON array from 1, a row of a table."""
    if block.problem:
        yield block.first_line, block.data, lambda raw: refuse(block.problem)
    elif block.kind == "lines":
        yield from ((n, raw, _records_in_line) for n, raw in split_lines(block.first_line, block.data))
    elif block.kind == "rows":
        yield from ((line, row, _row_of_table) for line, row in block.rows)
    elif block.kind == "protobuf":
        yield block.first_line, block.data, _records_in_protobuf
    else:
        yield from _document_rows(block)


def refuse(problem: str) -> list[Any]:
    """Raise `problem` as the reason why a row is not read."""
    raise UnreadableError(problem)


def _row_of_table(row: Any) -> list[Any]:
    if isinstance(row, dict) and (problem := not_utf8_in(row)):
        raise UnreadableError(problem)
    surplus = row.get("") if isinstance(row, dict) else None
    if isinstance(surplus, list) and any(str(cell).strip() for cell in surplus):
        shown = ", ".join(repr(str(cell)[:40]) for cell in surplus[:3])
        raise UnreadableError(
            f"the row has cells that no column takes ({shown}): quote cells that hold the delimiter, "
            "and name every column once"
        )
    return [row]


def _document_rows(block: Block) -> Iterator[Row]:
    """Yield the items of a JSON array, or the one document; what is neither is read line by line after all."""
    data = block.data.removeprefix(BOM)
    try:
        items = parse_documents(data)
    except UnreadableError as error:
        items = _salvaged(data, error)
        if items == [Flaw(str(error))] and _any_object(lines := split_lines(1, block.data)):
            yield from ((n, raw, _records_in_line) for n, raw in lines)
            return
        if items == [Flaw(str(error))]:
            yield 1, block.data, lambda raw: items
            return
    items = items[0] if len(items) == 1 and isinstance(items[0], list) else items
    yield from ((n, item, lambda item: [item]) for n, item in enumerate(items, 1))


def _any_object(lines: list[tuple[int, bytes]]) -> bool:
    for _, raw in lines[:_LOOK] if len(lines) > 1 else ():
        try:
            if isinstance(parse_json(raw), dict):
                return True
        except UnreadableError:
            continue
    return False


def _records_in_line(raw: bytes) -> list[Any]:
    try:
        value = parse_json(raw)
    except UnreadableError as error:
        return _salvaged(raw, error)
    return _items(value)


def _records_in_protobuf(data: bytes) -> list[Any]:
    return [Flaw(str(r)) if isinstance(r, UnreadableError) else r for r in records_of_protobuf(data)]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value and isinstance(value[0], dict | Flaw) else [value]


def _salvaged(raw: bytes, error: UnreadableError) -> list[Any]:
    """Return the records of JSON that does not parse, with a `Flaw` for each that is lost; `error` says why."""
    whole = Flaw(str(error))
    try:
        value = parse_marked(raw)
    except UnreadableError:
        return _from_pieces(raw, whole)
    return [whole] if isinstance(value, Flaw) else [i if isinstance(i, Flaw) else Damaged(i) for i in _items(value)]


def _from_pieces(raw: bytes, whole: Flaw) -> list[Any]:
    """Return the records of the rows that can be found in malformed JSON."""
    pieces = pieces_of(raw)
    records: list[Any] = []
    for piece in pieces if len(pieces) > 1 else ():
        try:
            records += _items(parse_json(piece))
        except UnreadableError as error:
            records += [Flaw(str(error), piece[:500].decode("utf-8", "replace"))]
    lost = [r for r in records if isinstance(r, Flaw)]
    if len(lost) == len(records):
        return [whole]
    return records if lost else [*records, whole]
