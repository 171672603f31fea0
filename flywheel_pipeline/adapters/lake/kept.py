"""Rows of landing files that are gone: the only copy, kept beside the lake, whose other files are computed.

A file's parts lie under the same names as in the lake. While the lake holds the file, too, its own parts count.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from flywheel_pipeline.atomic_write import replacing

FOLDER = "captured"
"""The folder in a home."""
FILES = "captured_files"
"""The table with a row for each landing file; its part is written last and removed first."""
SOURCE = {FILES: "source_file", "captured_traces": "source_file", "feedback": "source_file", "rejects": "file"}
"""The tables that hold a landing file's rows, and their column with its name."""


class Kept:
    """The rows of landing files that were removed, for the lake at `lake`."""

    def __init__(self, lake: Path) -> None:
        self.lake, self.root = lake, lake.parent / FOLDER

    def files(self, table: str, own: Sequence[Path]) -> list[Path]:
        """Return the files of `table` that count beside the lake's `own`."""
        if table not in SOURCE or not self.root.is_dir():
            return []
        names, held = {path.name for path in own}, set(parts(self.lake / FILES))
        found = _files(self.root / table)
        return [path for path in found if path.name not in names and part_of_block(path.stem) not in held]

    def holds(self, path: Path) -> bool:
        """Return whether a file lies here."""
        return path.is_relative_to(self.root)

    def keep(self, part: str) -> None:
        """Copy the rows of a landing file here: after this call its original may be removed."""
        for table, path in self._of(self.lake, part):
            with replacing(self.root / table / path.name) as temporary:
                shutil.copyfile(path, temporary)

    def release(self, part: str) -> None:
        """Remove from the lake what `keep` has copied; a reader sees each row once at any moment."""
        for _, path in self._of(self.lake, part, first=True):
            path.unlink(missing_ok=True)

    def drop(self, part: str) -> None:
        """Forget a landing file that is there again with the same content."""
        for _, path in self._of(self.root, part, first=True):
            path.unlink(missing_ok=True)

    def erase(self, part: str, trace_ids: Sequence[str]) -> int:
        """Take traces out of the rows of a landing file that are kept; return how many rows of the file they were."""
        con, gone = duckdb.connect(":memory:"), 0
        try:
            for table, path in self._of(self.root, part):
                if table == FILES:
                    less = f"select * replace (n_rows_in - {gone} as n_rows_in) from read_parquet(?)"
                    self._rewrite(con, path, path, less, [])
                else:
                    gone += self._erase(con, table, path, list(trace_ids))
        finally:
            con.close()
        return gone

    def _erase(self, con: duckdb.DuckDBPyConnection, table: str, path: Path, trace_ids: list[str]) -> int:
        n_rows = "1" if table == "rejects" else "n_rows"
        about = "trace_id in (select unnest(?))"
        if table == "rejects":
            about = "exists (select 1 from unnest(?) i(id) where contains(excerpt, id))"
        sql = f"select count(*), coalesce(sum({n_rows}), 0) from read_parquet(?) where {about}"
        ((held, n),) = con.execute(sql, [str(path), trace_ids]).fetchall()
        if held:
            self._rewrite(con, path, path, f"select * from read_parquet(?) where not ({about})", [trace_ids])
        return int(n)

    def set_apart(self, part: str, suffix: str) -> None:
        """Give the rows of a landing file the name with `suffix`: another file has come under the old name."""
        con = duckdb.connect(":memory:")
        try:
            for table, path in self._of(self.root, part):
                renamed = self.root / table / f"{part}{suffix}{path.stem[len(part) :]}.parquet"
                named = f"{SOURCE[table]} || {_quoted(suffix)}"
                sql = f"select * replace ({named} as {SOURCE[table]}) from read_parquet(?)"
                self._rewrite(con, path, renamed, sql, [])
        finally:
            con.close()
        self.drop(part)

    def has(self, part: str) -> bool:
        """Return whether the rows of a landing file are kept here."""
        return part in parts(self.root / FILES)

    def _rewrite(
        self, con: duckdb.DuckDBPyConnection, path: Path, target: Path, sql: str, params: Sequence[object]
    ) -> None:
        """Write the result of `sql`, whose first parameter is the file `path`, to `target`, with its digest."""
        inputs = con.execute(
            "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'inputs'", [str(path)]
        ).fetchall()
        options = f"(format parquet, kv_metadata {{inputs: {_quoted(inputs[0][0] if inputs else '')}}})"
        with replacing(target) as temporary:
            con.execute(f"copy ({sql}) to {_quoted(str(temporary))} {options}", [str(path), *params])

    def _of(self, root: Path, part: str, first: bool = False) -> list[tuple[str, Path]]:
        """Return a landing file's files: those of `captured_files` at the end, or at the beginning as `first`."""
        blocks = [(t, p) for t in SOURCE for p in _files(root / t) if (t == FILES) == ("=" not in p.stem)]
        found = [(table, path) for table, path in blocks if part_of_block(path.stem) == part]
        return sorted(found, key=lambda item: (item[0] == FILES) == (not first))


def parts(folder: Path) -> Iterable[str]:
    """Yield the names of the parts in a table's folder."""
    return (path.stem for path in _files(folder))


def part_of_block(stem: str) -> str:
    """Return the part of the landing file that a block, named `part=number`, belongs to."""
    return stem.rpartition("=")[0] or stem


def _files(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(p for p in found if p.suffix == ".parquet" and p.name[0] != ".")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
