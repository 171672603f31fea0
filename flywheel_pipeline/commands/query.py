"""SQL on the tables of a home, as text."""

from __future__ import annotations

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.names import printable


def run_query(bench: Workbench, query: str, form: str) -> str:
    """Return the result of `query` as `table`, `json` (one array of rows) or `csv`.

    Raises:
        QueryError: DuckDB rejects the query.
    """
    frame = bench.lake.frame(query)
    if form == "json":
        return frame.to_json(orient="records", date_format="iso", indent=1, force_ascii=False) or "[]"
    if form == "csv":
        return frame.to_csv(index=False).rstrip("\n")
    shown = printable(
        frame.to_string(index=False, max_colwidth=60, na_rep="")
        if len(frame)
        else f"no rows ({', '.join(frame.columns)})"
    )
    return f"{shown}\n({len(frame)} rows)" if len(frame) else shown
