"""The store: Parquet files are the tables, an in-memory DuckDB that sees them as views is the engine.

A table is a folder under the root, a partition one file in it. A write makes a temporary file and renames
it, so that a reader sees the old file or the new one, a kill never leaves half a table, and no process
ever holds a lock. DuckDB writes all rows; nothing of ours parses or assembles Parquet.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd

from flywheel_pipeline.adapters.lake.damage import OTHER_CAUSES, explain, unreadable
from flywheel_pipeline.adapters.lake.frames import Rows, casts, storable, to_frame
from flywheel_pipeline.adapters.lake.kept import Kept
from flywheel_pipeline.atomic_write import replacing
from flywheel_pipeline.errors import CorruptFileError, QueryError
from flywheel_pipeline.records import TABLES, columns

__all__ = ["Lake", "casts", "to_frame"]

Record = TypeVar("Record")
Params = Sequence[Any] | Mapping[str, Any]
"""Parameters of a query, by place (`?`) or by name (`$name`)."""
NOT_UNICODE = (duckdb.InvalidInputException, duckdb.InternalException)
"""What DuckDB 2 and DuckDB 1 raise of text that UTF-8 cannot hold."""
UNUSABLE = (duckdb.InternalException, duckdb.FatalException)
"""Errors after which a database answers nothing more."""
MEMORY = "1GB"
"""What one database may hold in memory; what a sort needs beyond that goes to disk."""
ROW_GROUP = 4096
"""Rows of a row group: small enough that reading one day of a file leaves most of the others alone."""
NO_DICTIONARIES = "dictionary_size_limit 1"
"""Looking for repeated texts takes a tenth of the time of a write, and compression finds them anyway."""
CHECKS = ".checks"
"""The folder for outcomes of checks."""
BLOCK = 1 << 20
"""Bytes read at once where a file is hashed."""
TEMPORARY = ".tmp"
"""The folder for what a query cannot hold in memory."""
LEFTOVER_SECONDS = 86_400
"""Age of a temporary file from which on no running process can still be writing it."""
ZSTD_LEVEL = 1
"""An eighth larger than DuckDB's own level 3, in three quarters of the time."""


class Lake:
    """All tables under one folder."""

    def __init__(self, root: Path, threads: int | None = None) -> None:
        self.root, self.threads = root, threads
        self.kept = Kept(root)
        self._cleared: set[Path] = set()

    @contextmanager
    def connect(self, tables: Iterable[str] = tuple(TABLES)) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an in-memory DuckDB of its own in which each of `tables` is a view; one without rows is an empty view.

        It is for what makes tables of its own; `frame` and `rows` answer a single query sooner. A damaged file is
        reported when its table is read; the other tables are as they were.

        Raises:
            CorruptFileError: a file that the caller reads is damaged; the text names it and what rebuilds it.
        """
        con, tables = self._open(), tuple(tables)
        try:
            con.execute("set timezone = 'UTC'")
            for table in tables:
                self._create_view(con, table, "view")
            yield con
        except duckdb.Error as error:
            raise self._damage(error, tables) or error from None
        finally:
            con.close()

    def damaged(self, tables: Iterable[str] = tuple(TABLES)) -> list[tuple[Path, str]]:
        """Return the files of `tables` that cannot be read to their end, with the reason; reads all of them."""
        return [found for table in tables for found in unreadable(self._files(table))]

    def _damage(self, error: duckdb.Error, tables: Iterable[str]) -> CorruptFileError | None:
        """Return what to report where `error` comes of a damaged file, else None."""
        found = self.damaged(tables) if not isinstance(error, OTHER_CAUSES) else []
        return CorruptFileError("\n".join(explain(*each) for each in found)) if found else None

    @contextmanager
    def _views(self, tables: Iterable[str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a connection to the shared database in which each of `tables` is a view that no other one sees."""
        con, tables = self._database.cursor(), tuple(tables)
        try:
            con.execute("set timezone = 'UTC'")
            for table in tables:
                self._create_view(con, table, "temporary view")
            yield con
        except duckdb.Error as error:
            if isinstance(error, UNUSABLE):
                vars(self).pop("_database", None)
            raise self._damage(error, tables) or error from None
        finally:
            con.close()

    def _create_view(self, con: duckdb.DuckDBPyConnection, table: str, kind: str) -> None:
        for _ in range(2):  # a partition that is removed between listing and opening it is not damaged
            try:
                con.execute(f"create {kind} {table} as {self._scan(table, self._files(table))}")
                return
            except duckdb.BinderException:
                raise QueryError(
                    f"{self.root / table} was written by another version of this package. "
                    f"Everything in {self.root} is computed: delete it and run again."
                ) from None
            except duckdb.Error:
                continue
        nothing = self._scan(table, ()).replace("where false", "where error('damaged') is null")
        con.execute(f"create {kind} {table} as {nothing}")  # reading the view is an error, making it is none

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        """The database that queries and writes share: opening one takes as long as writing a thousand rows."""
        return self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open an empty in-memory database whose large sorts go to disk instead of growing without end."""
        con = duckdb.connect(":memory:")
        con.execute("set enable_progress_bar = false")
        con.execute(f"set memory_limit = '{MEMORY}'")
        con.execute(f"set temp_directory = {_quote(self.root / TEMPORARY)}")
        if self.threads:
            con.execute(f"set threads = {self.threads}")
        return con

    def _scan(self, table: str, files: Sequence[Path]) -> str:
        specs = columns(TABLES[table])
        if not files:
            nothing = ", ".join(f"cast(null as {s.sql_type}) as {s.name}" for s in specs)
            return f"select {nothing} where false"
        names, stored = ", ".join(s.name for s in specs), f"read_parquet({_listed(files)}, union_by_name=true)"
        if any(self.kept.holds(path) for path in files):  # perhaps of an earlier version: new columns are null there
            stored = f"({self._scan(table, ())} union all by name select * from {stored})"
        return f"select {names} from {stored}"

    def _files(self, table: str) -> list[Path]:
        own = self._own_files(table)
        return own + self.kept.files(table, own)

    def _own_files(self, table: str) -> list[Path]:
        folder = self.root / table  # no glob of DuckDB's: the path may hold its wild cards
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(p for p in found if p.suffix == ".parquet" and p.name[0] != ".")

    def is_filled(self, table: str) -> bool:
        """Return whether there is a partition of `table` here; those that are `kept` beside the lake do not count."""
        return bool(self._own_files(table))

    def frame(self, sql: str, params: Params = ()) -> pd.DataFrame:
        """Return the result of `sql` over the views of the tables that it names; of all where it names none.

        Raises:
            QueryError: DuckDB rejects the query.
            CorruptFileError: a file of a table that it reads is damaged.
        """
        with self._views(_named(sql)) as con:
            try:
                return con.execute(sql, _bound(params)).df()
            except UNUSABLE:
                raise
            except duckdb.Error as error:
                raise self._damage(error, _named(sql)) or QueryError(f"{error}\nTables: {', '.join(TABLES)}") from None

    def select(self, sql: str) -> pd.DataFrame:
        """Return the result of one SELECT that can read the tables and nothing else, and write nothing.

        Raises:
            QueryError: it is no single SELECT, DuckDB rejects it, or it reads another file.
            CorruptFileError: a file of a table that it reads is damaged.
        """
        readable = ", ".join(_quote(folder.resolve()) for folder in (self.root, self.kept.root))
        with self.connect() as con:
            try:
                if [s.type for s in con.extract_statements(sql)] != [duckdb.StatementType.SELECT]:
                    raise QueryError("Only a single SELECT can be run here.")
                con.execute(f"set allowed_directories = [{readable}]")
                con.execute("set enable_external_access = false")
                con.execute("set lock_configuration = true")
                return con.execute(sql).df()
            except duckdb.Error as error:
                raise self._damage(error, TABLES) or QueryError(f"{error}\nTables: {', '.join(TABLES)}") from None

    def rows(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Return the rows of `sql` over the views of the tables that it names, as Python values."""
        with self._views(_named(sql)) as con:
            return con.execute(sql, _bound(params)).fetchall()

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
        sql = f"select {', '.join(names)} from {table} where {where} order by {order}"
        sql += f" limit {limit}" if limit is not None else ""
        return [record(*row) for row in self.rows(sql, params)]

    def write(self, table: str, rows: Rows, part: str = "all", inputs: str = "") -> None:
        """Replace one partition of `table` by `rows`, records of the table's class or columns by name.

        `inputs` is kept with the file: a digest of what the rows were made from (see `inputs`).
        """
        frame = to_frame(table, rows)
        try:
            self._write_frame(table, frame, part, inputs)
        except NOT_UNICODE:  # a lone surrogate, found only while writing, after which DuckDB 1 is unusable
            vars(self).pop("_database", None)
            self._write_frame(table, storable(frame), part, inputs)

    def _write_frame(self, table: str, frame: pd.DataFrame, part: str, inputs: str) -> None:
        con = self._database.cursor()
        try:
            con.register("rows", frame)
            self._copy(con, table, "rows", part, inputs)
        finally:
            con.close()

    def remove(self, table: str, chosen: Callable[[str], bool]) -> None:
        """Remove the partitions of `table` whose name is `chosen`; those that are `kept` stay."""
        for path in self._own_files(table):
            if chosen(path.stem):
                path.unlink(missing_ok=True)

    def write_from(
        self, con: duckdb.DuckDBPyConnection, query: tuple[str, Params], table: str, part: str, inputs: str
    ) -> int:
        """Replace one partition of `table` by the result of (sql, parameters) over `con`; return its row count.

        `con` is a connection of `connect`, which may hold tables of its own.
        """
        sql, params = query
        return self._copy(con, table, f"({sql})", part, inputs, params)

    def _copy(
        self, con: duckdb.DuckDBPyConnection, table: str, source: str, part: str, inputs: str, params: Params = ()
    ) -> int:
        kept = f"kv_metadata {{inputs: '{_word(inputs)}'}}"
        compression = f"compression zstd, compression_level {ZSTD_LEVEL}, {NO_DICTIONARIES}"
        options = f"format parquet, {compression}, row_group_size {ROW_GROUP}, {kept}"
        self._clear_leftovers(self.root / table)
        with replacing(self._file(table, part)) as path:
            copy = f"copy (select {casts(table)} from {source}) to {_quote(path)} ({options})"
            return int(con.execute(copy, _bound(params)).fetchall()[0][0])

    def _clear_leftovers(self, folder: Path) -> None:
        """Remove temporary files that a killed process left in a table or in DuckDB's temporary folder."""
        if folder in self._cleared:
            return
        self._cleared.add(folder)
        for place in (folder, self.root / TEMPORARY):
            for path in place.iterdir() if place.is_dir() else ():
                if path.is_file() and (path.name[0] == "." or place != folder):
                    with suppress(FileNotFoundError):  # another process clears, too
                        if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                            path.unlink()

    def stamp(self, *tables: str) -> tuple[tuple[str, int, int, int], ...]:
        """Return a token that changes when a partition of one of the tables is written or removed."""
        found = [(path, path.stat()) for table in tables for path in self._files(table)]
        return tuple((str(path), s.st_ino, s.st_size, s.st_mtime_ns) for path, s in found)

    def digest(self, table: str) -> str:
        """Return a hash of the content of every partition of `table`."""
        found = hashlib.sha256()
        for path in self._files(table):
            with path.open("rb") as file:
                part = hashlib.sha256()
                while block := file.read(BLOCK):
                    part.update(block)
            found.update(f"{path.name}\0{part.hexdigest()}\n".encode())
        return found.hexdigest()

    @property
    def checks(self) -> Path:
        """The folder for outcomes of checks on the tables."""
        return self.root / CHECKS

    def inputs(self, table: str) -> dict[str, str]:
        """Return the `inputs` digest that every partition of `table` was written with, without damaged ones."""
        return self._inputs(self._files(table))

    def own_inputs(self, table: str) -> dict[str, str]:
        """Return `inputs` without the partitions that are `kept`: what the files in place have come to."""
        return self._inputs(self._own_files(table))

    def _inputs(self, paths: Sequence[Path]) -> dict[str, str]:
        files = [str(path) for path in paths]
        if not files:
            return {}
        with self._views(()) as con:
            try:
                found = _read_inputs(con, files)
            except duckdb.Error:
                found = [row for path in files for row in _readable_inputs(con, path)]
        return {Path(name).stem: value for name, value in found}

    def _file(self, table: str, part: str) -> Path:
        return self.root / table / f"{_word(part)}.parquet"


def _read_inputs(con: duckdb.DuckDBPyConnection, files: list[str]) -> list[tuple[Any, ...]]:
    sql = "select file_name, decode(value) from parquet_kv_metadata(?) where decode(key) = 'inputs'"
    return con.execute(sql, [files]).fetchall()


def _readable_inputs(con: duckdb.DuckDBPyConnection, path: str) -> list[tuple[Any, ...]]:
    try:
        return _read_inputs(con, [path])
    except duckdb.Error:
        return []


def _named(sql: str) -> list[str]:
    """Return the tables whose name stands anywhere in `sql`; all of them where none does, as in `show tables`."""
    text = sql.lower()
    return [t for t in TABLES if t in text] or list(TABLES)


def _quote(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _bound(params: Params) -> list[Any] | dict[str, Any]:
    return dict(params) if isinstance(params, Mapping) else list(params)


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(map(_quote, paths)) + "]"


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=+-]|^\.", "_", text)
