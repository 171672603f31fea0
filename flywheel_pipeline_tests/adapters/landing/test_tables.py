"""CSV and Parquet: every row with its number, every cell under its name."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline.ports import Block
from flywheel_pipeline_tests.adapters.landing.files import LIMITS, PACKERS, blocks_of, peak_of, problems_of, rows_of

MB = 1_000_000


def a_parquet(folder: Path, select: str) -> bytes:
    path = folder / "made.parquet"
    duckdb.default_connection().sql(select).write_parquet(str(path))
    return path.read_bytes()


cells = st.text("aé,;\"'\t \n\r0漢", max_size=6)
tables = st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=8))


@given(tables, st.sampled_from(",;\t"))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[list[str]], delimiter: str) -> None:
    names = [f"c{i}" for i in range(len(rows[0]))]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    with TemporaryDirectory() as folder:
        blocks = blocks_of(Path(folder), out.getvalue().encode())
    held = [dict(zip(names, row, strict=True)) for row in rows if any(c.strip() for c in row)]
    assert rows_of(blocks) == held
    assert problems_of(blocks) == ([] if held else ["a header without rows: export the file again"])


@pytest.mark.parametrize("packer", PACKERS)
def test_a_row_has_the_number_of_its_last_line(tmp_path: Path, packer: str) -> None:
    data = b'\xef\xbb\xbf a ,b\r\n1,"x, ""y"""\r\n\r\n2,"two\nlines"\r\n3,4'
    (block,) = blocks_of(tmp_path, PACKERS[packer](data))
    assert block == Block(
        "rows", 2, rows=((2, {"a": "1", "b": 'x, "y"'}), (5, {"a": "2", "b": "two\nlines"}), (6, {"a": "3", "b": "4"}))
    )


def test_rows_that_are_too_short_or_too_long_keep_what_they_hold(tmp_path: Path) -> None:
    assert rows_of(blocks_of(tmp_path, b"a,b\n1\n1,2,3,4\n")) == [{"a": "1"}, {"a": "1", "b": "2", "": ["3", "4"]}]


def test_many_rows_come_in_blocks_and_none_is_lost(tmp_path: Path) -> None:
    data = "id,x\n" + "".join(f"{i},y\n" for i in range(4500))
    blocks = blocks_of(tmp_path, data.encode())
    assert len(blocks) > 1
    assert [(n, r["id"]) for b in blocks for n, r in b.rows] == [(i + 2, str(i)) for i in range(4500)]
    assert all(b.first_line == b.rows[0][0] for b in blocks)


def test_bytes_that_are_not_utf_8_are_marked_for_capture_to_find_and_nul_is_left_out(tmp_path: Path) -> None:
    data = b"q,a\n" + b"gr\xfcn,b\x00c\n" + b"x,y\n" * 3000
    assert rows_of(blocks_of(tmp_path, data))[0] == {"q": "gr\udcfcn", "a": "bc"}


def test_of_a_column_that_is_there_twice_cells_that_differ_are_surplus(tmp_path: Path) -> None:
    rows = rows_of(blocks_of(tmp_path, b"id,answer,answer\n1,yes,no\n2,yes,yes\n"))
    assert rows == [{"id": "1", "answer": "no", "": ["yes"]}, {"id": "2", "answer": "yes"}]


@pytest.mark.parametrize("data", [b"a,b\n", b"a,b", b"a,b\n\n , \n"])
def test_a_header_alone_is_a_problem(tmp_path: Path, data: bytes) -> None:
    assert problems_of(blocks_of(tmp_path, data)) == ["a header without rows: export the file again"]


def test_after_a_cell_beyond_the_limit_the_rows_before_it_are_there_and_the_reason(tmp_path: Path) -> None:
    data = b"a,b\n1,2\n3," + b"x" * 2000 + b"\n5,6\n"
    first, last = blocks_of(tmp_path, data, BlockLimits(1000, 1000))
    assert rows_of([first]) == [{"a": "1", "b": "2"}]
    assert "not valid CSV" in last.problem and "the rest was not read" in last.problem


def test_a_quote_that_is_never_closed_does_not_swallow_the_file_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,2\n3,"' + b"text of a cell\n" * (2 * MB))
    found: list[Block] = []
    peak = peak_of(lambda: read_blocks(path, BlockLimits(MB, MB)), found.append)
    assert (rows_of(found), len(problems_of(found))) == ([{"a": "1", "b": "2"}], 1)
    assert peak < 20 * MB


def test_a_line_of_50_mb_in_a_csv_file_is_reported_and_not_held(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n" + b"x" * 50 * MB + b"\n")
    found: list[Block] = []
    peak = peak_of(lambda: read_blocks(path, BlockLimits(MB, MB)), found.append)
    assert (rows_of(found), len(problems_of(found))) == ([{"a": "1", "b": "2"}], 1)
    assert peak < 20 * MB


def test_a_block_of_a_csv_file_is_bounded_in_bytes_not_only_in_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n" + (b"1," + b"x" * 30_000 + b"\n") * 1900)
    sizes: list[int] = []
    for block in read_blocks(path, BlockLimits(MB, 5 * MB, block=MB)):
        sizes.append(sum(len(r["text"]) for _, r in block.rows))
    assert sum(sizes) == 1900 * 30_000
    assert max(sizes) <= 5 * MB


NESTED = """select 'a' as trace_id, 1.5::decimal(9, 2) as cost, [{'role': 'user', 'content': 'Hi'}] as messages,
    map {'k': 'v'} as tags, timestamptz '2025-06-02 14:00:00+02' as at, timestamp '2025-06-02 12:00:00' as naive,
    null::int as nothing, '\\xff'::blob as raw, 'NaN'::double as nan, null as n"""


@pytest.mark.parametrize("packer", PACKERS)
def test_a_parquet_row_is_what_its_columns_hold(tmp_path: Path, packer: str) -> None:
    (block,) = blocks_of(tmp_path, PACKERS[packer](a_parquet(tmp_path, NESTED)))
    ((number, row),) = block.rows
    assert (block.kind, number, row["trace_id"], row["nothing"]) == ("rows", 1, "a", None)
    assert row["messages"] == [{"role": "user", "content": "Hi"}]
    assert row["naive"] == datetime(2025, 6, 2, 12)
    assert row["at"].astimezone(timezone.utc) == datetime(2025, 6, 2, 12, tzinfo=timezone.utc)


def test_parquet_rows_are_numbered_through_their_blocks(tmp_path: Path) -> None:
    blocks = blocks_of(tmp_path, a_parquet(tmp_path, "select range as x from range(4500)"))
    assert len(blocks) > 1 and all(b.first_line == b.rows[0][0] for b in blocks)
    assert [(n, r["x"]) for b in blocks for n, r in b.rows] == [(i + 1, i) for i in range(4500)]


def test_a_parquet_file_without_rows_is_reported(tmp_path: Path) -> None:
    assert len(problems_of(blocks_of(tmp_path, a_parquet(tmp_path, "select 1 as x where false")))) == 1


@pytest.mark.parametrize("cut", [4, 12, 100, -1, -9])
@pytest.mark.parametrize("packer", ["plain", "zstd"])
def test_a_damaged_parquet_file_is_one_problem(tmp_path: Path, cut: int, packer: str) -> None:
    whole = a_parquet(tmp_path, "select range as x from range(1000)")
    (problem,) = problems_of(blocks_of(tmp_path, PACKERS[packer](whole[:cut])))
    assert "not a readable Parquet file" in problem


def test_nothing_of_a_compressed_parquet_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    assert rows_of(blocks_of(tmp_path, PACKERS["gzip"](a_parquet(tmp_path, "select 1 as x")))) == [{"x": 1}]
    assert list((tmp_path / "t").iterdir()) == []


def test_a_block_of_a_parquet_file_is_bounded_in_bytes_not_only_in_rows(tmp_path: Path) -> None:
    """A dictionary names one long text for all rows, so that the file itself is small: a bomb."""
    path = tmp_path / "a.parquet"
    path.write_bytes(a_parquet(tmp_path, "select repeat('x', 100000) as text from range(1900)"))
    assert path.stat().st_size < MB
    sizes: list[int] = []
    for block in read_blocks(path, BlockLimits(MB, 5 * MB, block=MB)):
        sizes.append(sum(len(r["text"]) for _, r in block.rows))
    assert max(sizes) <= 5 * MB


def test_a_cell_limit_of_one_file_is_not_the_next_one_s(tmp_path: Path) -> None:
    data = b"a,b\n1," + b"x" * 5000 + b"\n"
    assert problems_of(blocks_of(tmp_path, data, BlockLimits(1000, 1000)))
    assert not problems_of(blocks_of(tmp_path, data, LIMITS))
