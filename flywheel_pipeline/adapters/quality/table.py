"""Expectations on a table of any size: SQL finds the rows that break one, great-expectations judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from flywheel_pipeline.adapters.quality.expectations import Expectation, Outcome, run_expectations
from flywheel_pipeline.records import TABLES, columns

MAX_BROKEN, FIRST_ROWS = 10_000, 1_000
"""Rows that great-expectations is given: those that break an expectation, and others."""

Query = Callable[[str, Sequence[Any]], pd.DataFrame]
"""Runs SQL with parameters over the tables."""


def run_on_table(query: Query, name: str, wanted: Sequence[Expectation]) -> list[Outcome]:
    """Run expectations on the rows of the table `name` that break one, as SQL finds them, and on its first rows.

    A table of millions of rows never becomes Python objects; of long texts only the first character is read.
    """
    if not wanted:
        return []
    needed = list(dict.fromkeys(e.column for e in wanted))
    bare = {e.column for e in wanted} - {e.column for e in wanted if not e.name.endswith("_present")}
    types = {s.name: s.sql_type for s in columns(TABLES[name])}
    cells = [f"left({c}, 1) as {c}" if c in bare and types[c] == "VARCHAR" else c for c in needed]
    broken = " or ".join(f"({breaks(name, e)})" for e in wanted)
    listed = ", ".join(cells)
    frame = query(
        f"(select {listed} from {name} where {broken} limit {MAX_BROKEN})"
        f" union all (select {listed} from {name} where not coalesce({broken}, false) limit {FIRST_ROWS})",
        [],
    )
    known = {e.references: _known(query, frame[e.column], e.references) for e in wanted if e.references}
    n_rows = int(str(query(f"select count(*) as n from {name}", []).iat[0, 0]))
    return [replace(o, n_rows=n_rows) for o in run_expectations(frame, wanted, known)]


def breaks(name: str, expectation: Expectation) -> str:
    """Return the SQL condition of the rows of `name` that break an expectation."""
    c, kwargs = expectation.column, expectation.kwargs
    if expectation.references:
        other, column = expectation.references.split(".")
        return f"{c} is not null and {c} not in (select {column} from {other} where {column} is not null)"
    if "value_set" in kwargs:
        listed = ", ".join("'" + str(v).replace("'", "''") + "'" for v in kwargs["value_set"])
        return f"{c} not in ({listed})"
    if "min_value" in kwargs:
        low, high = kwargs["min_value"], kwargs["max_value"]
        ends = [f"{c} < {low}" if low is not None else "", f"{c} > {high}" if high is not None else ""]
        return " or ".join(e for e in ends if e)
    if expectation.name.endswith("_unique"):
        return f"{c} in (select {c} from {name} group by {c} having count(*) > 1)"
    return f"{c} is null"


def _known(query: Query, values: Iterable[Any], references: str) -> list[object]:
    other, column = references.split(".")
    asked = sorted({str(v) for v in values if v is not None and v == v})
    marks = ", ".join("?" for _ in asked) or "null"
    found: list[object] = query(f"select distinct {column} as v from {other} where {column} in ({marks})", asked)[
        "v"
    ].tolist()
    return found
