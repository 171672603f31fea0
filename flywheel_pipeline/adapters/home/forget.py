"""SQLite files without the rows in which given texts stand, and files in which they still do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

BLOCK = 1 << 20
TERMS = 500
"""Texts that one statement looks for: SQLite takes an expression of at most 1,000 parts."""


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
        what = f"update {table} set {column} = null" if blank else f"delete from {table}"
        gone = 0
        with connection:
            for first in range(0, len(texts), TERMS):
                some = texts[first : first + TERMS]
                where = " or ".join(f"instr({column}, ?) > 0" for _ in some)
                gone += connection.execute(f"{what} where {where}", list(some)).rowcount
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
                seen = tail + block
                if any(w in seen for w in wanted):
                    yield path
                    break
                tail = seen[-longest:]
