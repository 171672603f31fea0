"""SQLite files without the rows in which given texts stand, and files in which they still do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

BLOCK = 1 << 20


def forget(path: Path, table: str, column: str, texts: Sequence[str], blank: bool = False) -> int:
    """Delete the rows of a table in whose `column` one of `texts` stands, so that no page of the file holds them.

    `blank` leaves the rows, without that column's value. Returns how many they were.
    """
    if not path.is_file() or not texts:
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        known = connection.execute("select 1 from sqlite_master where type = 'table' and name = ?", [table]).fetchall()
        if not known:
            return 0
        connection.execute("pragma secure_delete = on")
        where = " or ".join(f"instr({column}, ?) > 0" for _ in texts)
        what = f"update {table} set {column} = null" if blank else f"delete from {table}"
        with connection:
            gone = connection.execute(f"{what} where {where}", list(texts)).rowcount
        if gone:
            connection.execute("pragma wal_checkpoint(truncate)")
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
    return gone


def holding(root: Path, texts: Sequence[str]) -> Iterator[Path]:
    """Yield the files below `root` in whose bytes one of `texts` stands."""
    wanted = [text.encode("utf-8", "replace") for text in texts]
    longest = max((len(w) for w in wanted), default=0)
    for path in sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink()):
        tail = b""
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                if any(w in tail + block for w in wanted):
                    yield path
                    break
                tail = (tail + block)[-longest:]
