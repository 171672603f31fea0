"""Records as frames that DuckDB scans quickly: numbers and times as arrays, only texts as Python objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from flywheel_pipeline.records import TABLES, columns


def casts(table: str) -> str:
    """Return the select list that gives every column of `table` the type that its record declares."""
    return ", ".join(f"cast({s.name} as {s.sql_type}) as {s.name}" for s in columns(TABLES[table]))


Rows = Sequence[Any] | Mapping[str, Sequence[Any]]
"""Records of a table's class, or its columns by name."""


def to_frame(table: str, rows: Rows) -> pd.DataFrame:
    """Return the rows of a table as a frame that DuckDB can scan."""
    specs = columns(TABLES[table])
    if isinstance(rows, Mapping):
        values = [rows[s.name] for s in specs]
    else:
        values = list(zip(*map(attrgetter(*(s.name for s in specs)), rows), strict=True)) or [()] * len(specs)
    made = {s.name: _column(s.sql_type, column) for s, column in zip(specs, values, strict=True)}
    return pd.DataFrame(made, copy=False)


def _column(sql_type: str, values: Sequence[Any]) -> Any:
    """Return the values, None where there is none, as what DuckDB reads without looking at each of them."""
    if sql_type == "VARCHAR":
        return pd.Series(values, dtype=object)
    if sql_type == "TIMESTAMP":
        return pd.Series(values, dtype="datetime64[us]")
    dtype, masked = _ARRAYS[sql_type]
    if None not in values:
        return np.array(values, dtype=dtype)
    missing = np.array([v is None for v in values])
    return masked(np.array([0 if v is None else v for v in values], dtype=dtype), missing)


_ARRAYS: dict[str, tuple[Any, Any]] = {
    "BIGINT": (np.int64, pd.arrays.IntegerArray),
    "DOUBLE": (np.float64, pd.arrays.FloatingArray),
    "BOOLEAN": (np.bool_, pd.arrays.BooleanArray),
}


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace lone surrogates, which UTF-8 and with it Parquet cannot hold."""

    def clean(value: Any) -> Any:
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value

    texts = [name for name in frame.columns if frame[name].dtype == object]
    return frame.assign(**{name: pd.Series([clean(v) for v in frame[name]], dtype=object) for name in texts})
