"""Deleted rows are on no page of an SQLite file any more."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from flywheel_pipeline.adapters.home.forget import BLOCK, forget, holding

SECRET = "what the person wrote"


def test_rows_that_hold_a_text_are_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(path)) as con:
        con.execute("pragma journal_mode = wal")
        con.execute("create table replies (key text, value text)")
        con.executemany("insert into replies values (?, ?)", [("a", f'{{"x": "{SECRET}"}}'), ("b", "other")] * 50)
        con.commit()
    assert forget(path, "replies", "value", [SECRET]) == 50
    assert forget(path, "replies", "value", [SECRET]) == 0
    assert list(holding(tmp_path, [SECRET])) == []
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("select distinct key from replies").fetchall() == [("b",)]


def test_many_texts_are_forgotten_at_once(tmp_path: Path) -> None:
    path, texts = tmp_path / "a.sqlite", [f"text number {i}." for i in range(1_200)]
    with closing(sqlite3.connect(path)) as con:
        con.execute("create table replies (value text)")
        con.executemany("insert into replies values (?)", [(texts[0],), (texts[-1],), ("other",)])
        con.commit()
    assert forget(path, "replies", "value", texts) == 2


def test_a_value_can_go_without_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(path)) as con:
        con.execute("create table keys (name text, last text)")
        con.execute("insert into keys values ('asset', ?)", [SECRET])
        con.commit()
    assert forget(path, "keys", "last", [SECRET], blank=True) == 1
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("select * from keys").fetchall() == [("asset", None)]


def test_what_is_not_there_is_nothing_to_forget(tmp_path: Path) -> None:
    assert forget(tmp_path / "none.sqlite", "replies", "value", [SECRET]) == 0
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    assert forget(tmp_path / "empty.sqlite", "replies", "value", [SECRET]) == 0


def test_a_text_across_two_blocks_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (BLOCK - 5) + SECRET.encode() + b"x")
    (tmp_path / "b").write_bytes(b"x" * 10)
    assert [path.name for path in holding(tmp_path, [SECRET])] == ["a"]
