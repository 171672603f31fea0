"""The store: Parquet files are the tables, an in-memory DuckDB that sees them as views is the engine.

A table is a folder under the root, a partition one file in it. A write makes a temporary file and renames
it, so that a reader sees the old file or the new one, a kill never leaves half a table, and no process
ever holds a lock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import duckdb
import pandas as pd

from flywheel_pipeline.adapters.lake.frames import Rows, casts, storable, to_frame
from flywheel_pipeline.adapters.lake.splice import Group, ParquetFile, splice, stamp_of
from flywheel_pipeline.atomic_write import replacing
from flywheel_pipeline.errors import QueryError
from flywheel_pipeline.records import TABLES, columns

__all__ = ["Group", "Lake", "casts", "to_frame"]

Record = TypeVar("Record")
Params = Sequence[Any] | Mapping[str, Any]
"""Parameters of a query, by place (`?`) or by name (`$name`)."""
NOT_UNICODE = (duckdb.InvalidInputException, duckdb.InternalException)
"""What DuckDB 2 and DuckDB 1 raise of text that UTF-8 can not hold."""
MEMORY = "1GB"
"""What one connection may hold in memory; what a sort needs beyond goes to disk."""
ROW_GROUP = 4096
"""Rows of a row group: small enough that reading one day of a file leaves most of the others alone."""
NO_DICTIONARIES = "dictionary_size_limit 1"
"""Looking for repeated texts takes a tenth of the time of a write, and compression finds them anyway."""
ZSTD_LEVEL = 1
"""An eighth larger than DuckDB's own level 3, in three quarters of the time."""


class Lake:
    """All tables under one folder."""

    def __init__(self, root: Path, threads: int | None = None) -> None:
        self.root, self.threads = root, threads

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an in-memory DuckDB in which every table is a view; a table without rows is an empty view."""
        con = self._open()
        try:
            con.execute("set timezone = 'UTC'")
            for table in TABLES:
                self._create_view(con, table)
            yield con
        finally:
            con.close()

    def _create_view(self, con: duckdb.DuckDBPyConnection, table: str) -> None:
        try:
            con.execute(f"create view {table} as {self._scan(table, self._files(table))}")
        except duckdb.BinderException:
            raise QueryError(
                f"{self.root / table} was written by another version of this package. "
                f"Everything in {self.root} is computed: delete it and run again."
            ) from None

    @cached_property
    def _writer(self) -> duckdb.DuckDBPyConnection:
        """Opening a database takes as long as writing a thousand rows, so that writes share one."""
        return self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open an empty in-memory database whose large sorts go to disk instead of growing without end."""
        con = duckdb.connect(":memory:")
        con.execute("set enable_progress_bar = false")
        con.execute(f"set memory_limit = '{MEMORY}'")
        con.execute(f"set temp_directory = {_quote(self.root / '.tmp')}")
        if self.threads:
            con.execute(f"set threads = {self.threads}")
        return con

    def _scan(self, table: str, files: Sequence[Path]) -> str:
        specs = columns(TABLES[table])
        if not files:
            nothing = ", ".join(f"cast(null as {s.sql_type}) as {s.name}" for s in specs)
            return f"select {nothing} where false"
        names = ", ".join(s.name for s in specs)
        return f"select {names} from read_parquet({_listed(files)}, union_by_name=true)"

    def _files(self, table: str) -> list[Path]:
        folder = self.root / table  # no glob of DuckDB's: the path may hold its wild cards
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(p for p in found if p.suffix == ".parquet" and p.name[0] != ".")

    def frame(self, sql: str, params: Params = ()) -> pd.DataFrame:
        """Return the result of `sql` over the views.

        Raises:
            QueryError: DuckDB rejects the query.
        """
        with self.connect() as con:
            try:
                return con.execute(sql, _bound(params)).df()
            except duckdb.Error as error:
                raise QueryError(f"{error}\nTables: {', '.join(TABLES)}") from None

    def read(
        self,
        table: str,
        record: type[Record],
        where: str = "true",
        params: Sequence[Any] = (),
        limit: int | None = None,
    ) -> list[Record]:
        """Return the rows of a small table as records, in their stable order; the first `limit` of them."""
        names = [s.name for s in columns(TABLES[table])]
        order = ", ".join(str(i + 1) for i in range(len(names)))
        with self.connect() as con:
            sql = f"select {', '.join(names)} from {table} where {where} order by {order}"
            sql += f" limit {limit}" if limit is not None else ""
            return [record(*row) for row in con.execute(sql, list(params)).fetchall()]

    def write(self, table: str, rows: Rows, part: str = "all", inputs: str = "", cuts: Sequence[int] = ()) -> None:
        """Replace one partition of `table` by `rows`, records of the table's class or columns by name.

        `inputs` is kept with the file: a digest of what the rows were made from (see `inputs`). `cuts` are the places
        of rows, in order, with which a row group begins, however short the one before is.
        """
        frame = to_frame(table, rows)
        try:
            self._write_frame(table, frame, part, inputs, cuts)
        except NOT_UNICODE:  # a lone surrogate, told only once it is met, and DuckDB 1 is unusable afterwards
            vars(self).pop("_writer", None)
            self._write_frame(table, storable(frame), part, inputs, cuts)

    def _write_frame(self, table: str, frame: pd.DataFrame, part: str, inputs: str, cuts: Sequence[int]) -> None:
        con = self._writer.cursor()
        try:
            if not cuts:
                con.register("rows", frame)
                self._copy(con, table, "rows", part, inputs)
                return
            with self.scratch() as scratch, replacing(self._file(table, part)) as path:
                pieces = []
                for start, end in pairwise((0, *cuts, len(frame))):
                    con.register("rows", frame.iloc[start:end])
                    _copy_to(scratch / str(start), con, table, "rows", inputs, ())
                    pieces.append(ParquetFile(scratch / str(start)))
                splice(path, [group for piece in pieces for group in piece.groups], pieces[0])
        finally:
            con.close()

    def remove(self, table: str, chosen: Callable[[str], bool]) -> None:
        """Remove the partitions of `table` whose name is `chosen`."""
        for path in self._files(table):
            if chosen(path.stem):
                path.unlink(missing_ok=True)

    def write_query(self, table: str, sql: str, params: Sequence[Any], part: str, inputs: str = "") -> int:
        """Replace one partition of `table` by the result of `sql` over the views; returns its row count."""
        with self.connect() as con:
            return self.write_from(con, (sql, params), table, part, inputs)

    def write_from(
        self,
        con: duckdb.DuckDBPyConnection,
        query: tuple[str, Params],
        table: str,
        part: str,
        inputs: str,
        groups: Sequence[Group] = (),
    ) -> int:
        """Like `write_query`, over a connection of `connect` that may hold tables of its own.

        The partition begins with `groups` (of `row_groups`), which are copied as they are.
        """
        sql, params = query
        return self._copy(con, table, f"({sql})", part, inputs, params, groups)

    def _copy(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        source: str,
        part: str,
        inputs: str,
        params: Params = (),
        groups: Sequence[Group] = (),
    ) -> int:
        with replacing(self._file(table, part)) as path:
            if not groups:
                return _copy_to(path, con, table, source, inputs, params)
            rest = path.with_name(f"{path.name}.rest")
            try:
                _copy_to(rest, con, table, source, inputs, params)
                return splice(path, [*groups, *ParquetFile(rest).groups], ParquetFile(rest))
            finally:
                rest.unlink(missing_ok=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a folder for files that are of no use afterwards."""
        self.root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.root, prefix=".") as folder:
            yield Path(folder)

    def list_groups(self, con: duckdb.DuckDBPyConnection, table: str, column: str, scratch: Path) -> None:
        """Create in `con` what tells where the rows of `table` lie.

        `row_groups` holds what makes a `Group` (path, number, stamp), its n_rows, the place of its first row in the
        file, and the low and high of the timestamps in `column`; the view `numbered` the rows, each with its `filename`
        and `file_row_number`.
        """
        now = self._now(table, scratch)
        stamps = {str(path): stamp_of(path) for path in [*self._files(table), now]}
        listed = _listed([Path(path) for path in stamps])
        con.execute(
            "create table row_groups as with stamps as (select unnest($paths) as path, unnest($stamps) as stamp)"
            " select path, row_group_id as number, stamp, row_group_num_rows as n_rows,"
            "  sum(row_group_num_rows) over (partition by path order by row_group_id) - row_group_num_rows as first,"
            "  stats_min_value::timestamp as low, stats_max_value::timestamp as high"
            f" from parquet_metadata({listed}) join stamps on path = file_name where path_in_schema = $column",
            {"paths": list(stamps), "stamps": list(stamps.values()), "column": column},
        )
        numbered = "union_by_name=true, filename=true, file_row_number=true"
        con.execute(f"create view numbered as select * from read_parquet({listed}, {numbered})")

    def fitting(self, found: Iterable[tuple[str, int, str]], table: str, scratch: Path) -> list[Group | None]:
        """Return the row groups that `row_groups` calls (path, number, stamp), in order.

        None stands for one that can not be copied: its file was replaced, or does not hold all columns of `table` as it
        would be written now.
        """
        now = ParquetFile(self._now(table, scratch))

        @cache
        def of(path: str) -> ParquetFile | None:
            file = ParquetFile(Path(path))
            return file if file.holds(now) else None

        groups = ((of(path), number, stamp) for path, number, stamp in found)
        return [Group(file, number) if file and file.stamp == stamp else None for file, number, stamp in groups]

    def _now(self, table: str, scratch: Path) -> Path:
        """Return a file without rows of `table`, as it would be written now."""
        path = scratch / f"{table}.parquet"
        if not path.exists():
            _copy_to(path, self._writer.cursor(), table, f"({self._scan(table, [])})", "", ())
        return path

    def leave_out(self, con: duckdb.DuckDBPyConnection, table: str, groups: Collection[Group], scratch: Path) -> None:
        """Create in `con` the view `rest` of the rows of `table` that are not in the row groups.

        What other groups their files hold is copied together, so that nobody reads past what is left out.
        """
        split = {group.file.path: group.file for group in groups}
        files = [path for path in self._files(table) if path not in split]
        other = [group for file in split.values() for group in file.groups if group not in groups]
        if other:
            splice(scratch / "other.parquet", other, other[0].file)
            files.append(scratch / "other.parquet")
        con.execute(f"create view rest as {self._scan(table, files)}")

    def stamp(self, *tables: str) -> tuple[tuple[str, int, int, int], ...]:
        """Return a token that changes when a partition of one of the tables is written or removed."""
        found = [(path, path.stat()) for table in tables for path in self._files(table)]
        return tuple((str(path), s.st_ino, s.st_size, s.st_mtime_ns) for path, s in found)

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


def _copy_to(path: Path, con: duckdb.DuckDBPyConnection, table: str, source: str, inputs: str, params: Params) -> int:
    kept = f"kv_metadata {{inputs: '{_word(inputs)}'}}"
    packing = f"compression zstd, compression_level {ZSTD_LEVEL}, {NO_DICTIONARIES}"
    options = f"format parquet, {packing}, row_group_size {ROW_GROUP}, {kept}"
    copy = f"copy (select {casts(table)} from {source}) to {_quote(path)} ({options})"
    return int(con.execute(copy, _bound(params)).fetchall()[0][0])


def _quote(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _bound(params: Params) -> list[Any] | dict[str, Any]:
    return dict(params) if isinstance(params, Mapping) else list(params)


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(map(_quote, paths)) + "]"


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=+-]|^\.", "_", text)
