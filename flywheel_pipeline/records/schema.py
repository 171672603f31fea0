"""What a column is: its type, meaning and allowed values, declared by the field of a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

Json = NewType("Json", str)
"""JSON text; query it in DuckDB with `col->>'$.key'`."""


@dataclass(frozen=True)
class Column:
    """What a column means and which values it may hold."""

    doc: str
    unique: bool = False
    allowed: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    references: str | None = None
    """`table.column` whose values every value of this column must be among."""


@dataclass(frozen=True)
class ColumnSpec:
    """A column as declared by a record's field."""

    name: str
    sql_type: str
    nullable: bool
    column: Column


_SQL_TYPES: Mapping[Any, str] = {
    str: "VARCHAR", Json: "VARCHAR", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", datetime: "TIMESTAMP",
}  # fmt: skip


_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "VARCHAR": (str,), "BIGINT": (int,), "DOUBLE": (int, float), "BOOLEAN": (bool,), "TIMESTAMP": (datetime,),
}  # fmt: skip


@cache
def columns(record: type) -> tuple[ColumnSpec, ...]:
    """Return the columns that the record class `record` declares, in order."""
    hints = get_type_hints(record, include_extras=True)
    return tuple(_spec(f.name, hints[f.name]) for f in fields(record))


def fits(value: Any, spec: ColumnSpec) -> bool:
    """Return whether a value, as JSON gives it, may stand in a column: its type, its bounds, its allowed values."""
    if value is None:
        return spec.nullable
    kinds = _JSON_TYPES[spec.sql_type]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return False
    column, number = spec.column, value if isinstance(value, int | float) else 0
    if column.allowed is not None and value not in column.allowed:
        return False
    return (column.low is None or number >= column.low) and (column.high is None or number <= column.high)


def _spec(name: str, hint: Any) -> ColumnSpec:
    kind, column = get_args(hint)[:2]
    members = get_args(kind) if get_origin(kind) is Union or "|" in str(kind) else (kind,)
    base = next(m for m in members if m is not NoneType)
    return ColumnSpec(name, _SQL_TYPES[base], NoneType in members, column)
