"""SQL on the tables of a home, as text."""

from __future__ import annotations

from flywheel_pipeline.csv_injection import neutral
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.names import printable


def run_query(bench: Workbench, query: str, form: str, read_only: bool = False) -> str:
    """Return the result of `query` as `table`, `json` (one array of rows) or `csv`, in which nothing is a formula.

    `read_only` lets it read the tables and nothing else, and write nothing.

    Raises:
        QueryError: DuckDB rejects the query, or `read_only` does.
    """
    frame = bench.lake.select(query) if read_only else bench.lake.frame(query)
    if form == "json":
        return frame.to_json(orient="records", date_format="iso", indent=1, force_ascii=False) or "[]"
    if form == "csv":
        cells = frame.map(lambda cell: neutral(cell) if isinstance(cell, str) else cell)
        return cells.rename(columns=neutral).to_csv(index=False).rstrip("\n")
    shown = printable(
        frame.to_string(index=False, max_colwidth=60, na_rep="")
        if len(frame)
        else f"no rows ({', '.join(frame.columns)})"
    )
    return f"{shown}\n({len(frame)} rows)" if len(frame) else shown
