"""The store: Parquet files are the tables, an in-memory DuckDB that sees them as views is the engine.

A table is a folder under the root, a partition one file in it. A write makes a temporary file and renames
it, so that a reader sees the old file or the new one, a kill never leaves half a table, and no process
ever holds a lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd

from flywheel_pipeline.durable import replacing
from flywheel_pipeline.errors import QueryError
from flywheel_pipeline.records import TABLES, columns

Record = TypeVar("Record")


class Lake:
    """All tables under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an in-memory DuckDB in which every table is a view; a table without rows is an empty view."""
        con = duckdb.connect(":memory:")
        try:
            con.execute("set timezone = 'UTC'")
            for table in TABLES:
                con.execute(f"create view {table} as {self._scan(table)}")
            yield con
        finally:
            con.close()

    def _scan(self, table: str) -> str:
        specs = columns(TABLES[table])
        files = self._files(table)
        if not files:
            nothing = ", ".join(f"cast(null as {s.sql_type}) as {s.name}" for s in specs)
            return f"select {nothing} where false"
        names = ", ".join(s.name for s in specs)
        listed = ", ".join(_quote(path) for path in files)
        return f"select {names} from read_parquet([{listed}], union_by_name=true)"

    def _files(self, table: str) -> list[Path]:
        folder = self.root / table  # no glob of DuckDB's: the path may hold its wild cards
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(p for p in found if p.suffix == ".parquet" and p.name[0] != ".")

    def frame(self, sql: str, params: Sequence[Any] = ()) -> pd.DataFrame:
        """Return the result of `sql` over the views.

        Raises:
            QueryError: DuckDB rejects the query.
        """
        with self.connect() as con:
            try:
                return con.execute(sql, list(params)).df()
            except duckdb.Error as error:
                raise QueryError(f"{error}\nTables: {', '.join(TABLES)}") from None

    def read(self, table: str, record: type[Record], where: str = "true", params: Sequence[Any] = ()) -> list[Record]:
        """Return the rows of a small table as records, in their stable order."""
        names = [s.name for s in columns(TABLES[table])]
        order = ", ".join(str(i + 1) for i in range(len(names)))
        with self.connect() as con:
            sql = f"select {', '.join(names)} from {table} where {where} order by {order}"
            return [record(*row) for row in con.execute(sql, list(params)).fetchall()]

    def write(self, table: str, rows: Sequence[Any], part: str = "all", inputs: str = "") -> None:
        """Replace one partition of `table` by `rows`, records of the table's class.

        `inputs` is kept with the file: a digest of what the rows were made from (see `inputs`).
        """
        specs = columns(TABLES[table])
        values = [astuple(row) for row in rows]
        frame = pd.DataFrame({s.name: pd.Series([v[i] for v in values], dtype=object) for i, s in enumerate(specs)})
        con = duckdb.connect(":memory:")
        try:
            con.register("rows", _storable(frame))
            self._copy(con, table, "rows", part, inputs)
        finally:
            con.close()

    def write_query(self, table: str, sql: str, params: Sequence[Any], part: str, inputs: str = "") -> int:
        """Replace one partition of `table` by the result of `sql` over the views; returns its row count."""
        with self.connect() as con:
            con.execute(f"create temp table rows as {sql}", list(params))
            self._copy(con, table, "rows", part, inputs)
            return int(con.execute("select count(*) from rows").fetchall()[0][0])

    def _copy(self, con: duckdb.DuckDBPyConnection, table: str, source: str, part: str, inputs: str) -> None:
        casts = ", ".join(f"cast({s.name} as {s.sql_type}) as {s.name}" for s in columns(TABLES[table]))
        options = f"format parquet, compression zstd, kv_metadata {{inputs: '{_word(inputs)}'}}"
        with replacing(self._file(table, part)) as path:
            con.execute(f"copy (select {casts} from {source}) to {_quote(path)} ({options})").fetchall()

    def inputs(self, table: str) -> dict[str, str]:
        """Return the `inputs` digest that every partition of `table` was written with."""
        files = self._files(table)
        if not files:
            return {}
        con = duckdb.connect(":memory:")
        try:
            found = con.execute(
                "select file_name, decode(value) from parquet_kv_metadata(?) where decode(key) = 'inputs'",
                [[str(path) for path in files]],
            ).fetchall()
        finally:
            con.close()
        return {Path(name).stem: value for name, value in found}

    def _file(self, table: str, part: str) -> Path:
        return self.root / table / f"{_word(part)}.parquet"


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Let DuckDB see text as text even where Python holds a lone surrogate, which Parquet can not store."""

    def clean(value: Any) -> Any:
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value

    return pd.DataFrame({name: pd.Series([clean(v) for v in frame[name]], dtype=object) for name in frame.columns})


def _quote(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=+-]|^\.", "_", text)
