"""A case as a row: its fields by name, JSON columns decoded; whatever columns `GoldenCase` has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any, get_type_hints

from flywheel_pipeline.records import ColumnSpec, GoldenCase, Json, columns

Row = dict[str, Any]
"""Fields of a case by name: text, numbers, or for JSON columns what the JSON holds."""

MAX_TEXT = 2_000_000
"""Characters of a case that is read, as JSON."""

SPECS: Mapping[str, ColumnSpec] = {spec.name: spec for spec in columns(GoldenCase)}
NESTED = frozenset(name for name, hint in get_type_hints(GoldenCase).items() if hint == Json or hint == (Json | None))
"""The columns that hold JSON."""
_KINDS: Mapping[str, tuple[type, ...]] = {
    "VARCHAR": (str,), "BIGINT": (int,), "DOUBLE": (int, float), "BOOLEAN": (bool,),
}  # fmt: skip


def row_of(case: GoldenCase) -> Row:
    """Return the row of a case."""
    return {k: json.loads(v) if k in NESTED and v is not None else v for k, v in asdict(case).items()}


def case_of(row: Mapping[str, Any]) -> GoldenCase:
    """Return the case of a row; the inverse of `row_of`. What the row does not say is empty.

    Raises:
        ValueError: a value is not one that the column can hold; the text says which.
    """
    unknown = sorted(row.keys() - SPECS)
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(unknown)}")
    values = {name: _value(spec, row.get(name)) for name, spec in SPECS.items()}
    if len(json.dumps(values, ensure_ascii=False)) > MAX_TEXT:
        raise ValueError(f"longer than {MAX_TEXT:,} characters")
    return GoldenCase(**values)


def _value(spec: ColumnSpec, value: Any) -> Any:
    if value is None:
        return None if spec.nullable else blank(spec)
    if spec.name in NESTED:
        return Json(_json(spec.name, value))
    kinds = _KINDS[spec.sql_type]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{spec.name} must be {kinds[-1].__name__}, not {type(value).__name__}")
    if spec.column.allowed and value not in spec.column.allowed:
        raise ValueError(f"{spec.name} {str(value)[:40]!r} is not one of {', '.join(spec.column.allowed)}")
    if isinstance(value, str):
        _storable(spec.name, value)
    return value


def _json(name: str, value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise ValueError(f"{name} holds a number that is none (NaN or infinite)") from None
    _storable(name, text)
    return text


def _storable(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half a character (a lone surrogate), which UTF-8 cannot encode") from None


def blank(spec: ColumnSpec) -> Any:
    """Return the value of a column of which nothing is known and that may not be empty."""
    if spec.name in NESTED:
        return Json("[]")
    if spec.column.allowed:
        return spec.column.allowed[0]
    return {"VARCHAR": "", "BIGINT": 0, "DOUBLE": 0.0, "BOOLEAN": False}[spec.sql_type]


def to_text(value: Any) -> str:
    """Return a value as the text of a cell or of a tag: text as it is, anything else as JSON, nothing as nothing."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def of_text(name: str, text: Any) -> Any:
    """Return the value of a column from its text; the inverse of `to_text`, but for an empty text, which is None.

    Raises:
        ValueError: the text is not of the column's kind.
    """
    if not isinstance(text, str) or (SPECS[name].sql_type == "VARCHAR" and name not in NESTED):
        return None if text == "" else text
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        raise ValueError(f"{name} must be JSON: {text[:60]!r} is not") from None


def finite(value: Any) -> Any:
    """Return JSON without numbers that are none (NaN, infinite), which only Python reads: they become null."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    return [finite(v) for v in value] if isinstance(value, list) else value
