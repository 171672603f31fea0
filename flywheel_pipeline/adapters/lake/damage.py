"""Parquet files that cannot be read: which they are, and what rebuilds them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import duckdb

from flywheel_pipeline.adapters.lake.kept import FILES, FOLDER, SOURCE, part_of_block
from flywheel_pipeline.errors import HomeError

OTHER_CAUSES = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.InterruptException,
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)
"""Errors that no damaged file causes; of one, DuckDB raises many kinds, some without a class of their own."""
ASIDE = ".damaged"
"""The folder in the lake for files that were set aside."""


def unreadable(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return the files that cannot be read to their end, with DuckDB's reason.

    Raises:
        HomeError: this user may not read a file, which therefore need not be damaged.
    """
    con = duckdb.connect(":memory:")
    found = []
    try:
        for path in paths:
            if path.exists() and not os.access(path, os.R_OK):
                raise HomeError(f"{path} cannot be read by this user: change its owner or mode.")
            try:
                con.execute("select bit_xor(hash(t)) from read_parquet(?) t", [[str(path)]]).fetchall()
            except OTHER_CAUSES:
                raise
            except duckdb.Error as error:
                if path.exists():  # else another process has replaced or removed it
                    found.append((path, str(error).splitlines()[0][:200]))
    finally:
        con.close()
    return found


def explain(path: Path, reason: str) -> str:
    """Return which file is damaged and what to do."""
    if path.parent.parent.name == FOLDER:
        remedy = "It is the only copy, since its landing file was removed: restore it, or remove it and lose its rows."
    else:
        remedy = "`flywheel doctor --repair` sets it aside, and the next `flywheel run` rebuilds it."
    return f"{path} is damaged ({reason}). {remedy}"


def set_aside(root: Path, path: Path) -> Path:
    """Move a damaged file of the lake at `root` to where nothing reads it; a landing file's rows are read again."""
    table = path.parent.name
    if table in SOURCE and table != FILES:
        (root / FILES / f"{part_of_block(path.stem)}.parquet").unlink(missing_ok=True)
    aside = root / ASIDE / table / path.name
    aside.parent.mkdir(parents=True, exist_ok=True)
    return path.replace(aside)
