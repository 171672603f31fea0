"""Row groups that are copied are the rows that they were."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.lake.splice import Group, ParquetFile, splice
from flywheel_pipeline.errors import ConflictError, CorruptFileError

COLUMNS = (
    "i as number, i % 3 as few, case when i % 5 > 0 then 'text ' || i end as word, 'same' as same,"
    " timestamp '2025-06-01' + to_minutes(i::int) as began, null::double as nothing, (i / 7)::double as part"
)
OPTIONS = "format parquet, row_group_size 2048, compression zstd"


def a_file(path: Path, first: int, n: int, columns: str = COLUMNS, more: str = "") -> ParquetFile:
    duckdb.execute(f"copy (select {columns} from range({first}, {first + n}) t(i)) to '{path}' ({OPTIONS}{more})")
    return ParquetFile(path)


def rows(path: Path, where: str = "true") -> list[Any]:
    return duckdb.execute(f"select * from read_parquet('{path}') where {where}").fetchall()


def rows_of(groups: list[Group]) -> list[Any]:
    return [row for g in groups for row in rows(g.file.path)[g.number * 2048 : (g.number + 1) * 2048]]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=3), st.data())
def test_any_row_groups_in_any_order_are_their_rows(sizes: list[int], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        files = [a_file(Path(folder) / f"{k}.parquet", 10_000 * k, n) for k, n in enumerate(sizes)]
        groups = data.draw(st.permutations([g for f in files for g in f.groups]))
        chosen = groups[: data.draw(st.integers(0, len(groups)))]
        target = Path(folder) / "spliced.parquet"
        assert splice(target, chosen, files[0]) == len(rows_of(chosen))
        assert rows(target) == rows_of(chosen)


@pytest.fixture
def spliced(tmp_path: Path) -> Path:
    late, early = a_file(tmp_path / "late", 50_000, 3000), a_file(tmp_path / "early", 0, 5000)
    splice(tmp_path / "spliced", [*late.groups, *early.groups], late)
    return tmp_path / "spliced"


def test_what_a_filter_finds_is_all_there_is(spliced: Path) -> None:
    expected = {
        "number = 4999": 1, "number < 7": 7, "word = 'text 51001'": 1, "word is null": 1600, "same = 'other'": 0,
        "same = 'same'": 8000, "began < '2025-06-01 00:05'": 5, "few = 1": 2667,
    }  # fmt: skip
    assert {where: len(rows(spliced, where)) for where in expected} == expected


def test_statistics_of_the_row_groups_are_kept(spliced: Path) -> None:
    found = duckdb.execute(
        "select stats_min_value, row_group_num_rows from parquet_metadata(?) where path_in_schema = 'number'",
        [str(spliced)],
    ).fetchall()
    assert [(int(low), n) for low, n in found] == [(50_000, 2048), (52_048, 952), (0, 2048), (2048, 2048), (4096, 904)]


def test_columns_are_those_of_the_file_that_it_is_like_in_its_order(tmp_path: Path) -> None:
    wide = a_file(tmp_path / "wide", 0, 3000)
    like = a_file(tmp_path / "like", 3000, 10, "'same' as same, i as number", ", kv_metadata {inputs: 'kept'}")
    assert splice(tmp_path / "out", [*wide.groups, *like.groups], like) == 3010
    assert rows(tmp_path / "out") == [("same", i) for i in range(3010)]
    told = duckdb.execute("select decode(value) from parquet_kv_metadata(?)", [str(tmp_path / "out")]).fetchall()
    assert told == [("kept",)]


def test_what_was_spliced_can_be_spliced_again(spliced: Path, tmp_path: Path) -> None:
    again = ParquetFile(spliced)
    splice(tmp_path / "again", list(reversed(again.groups)), again)
    assert sorted(rows(tmp_path / "again")) == sorted(rows(spliced))


def test_no_row_groups_are_a_file_without_rows(tmp_path: Path) -> None:
    like = a_file(tmp_path / "like", 0, 0)
    assert splice(tmp_path / "out", [], like) == 0
    assert rows(tmp_path / "out") == []


@pytest.mark.parametrize("other", ["i::integer as number", "i as numbers"])
def test_a_column_of_another_type_or_name_is_declared_otherwise(tmp_path: Path, other: str) -> None:
    wide, like = a_file(tmp_path / "wide", 0, 10), a_file(tmp_path / "like", 0, 1, other)
    assert not wide.holds(like)
    with pytest.raises(ValueError, match="otherwise"):
        splice(tmp_path / "out", wide.groups, like)


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_was_replaced_meanwhile_is_told_and_not_copied(tmp_path: Path, gone: bool) -> None:
    groups = a_file(tmp_path / "a", 0, 10).groups
    if gone:
        (tmp_path / "a").unlink()
    else:
        a_file(tmp_path / "b", 0, 10).path.replace(tmp_path / "a")
    with pytest.raises(ConflictError, match="run this one again"):
        splice(tmp_path / "out", groups, ParquetFile(a_file(tmp_path / "like", 0, 1).path))


@pytest.mark.parametrize("left", [0, 5, 300, -1])
def test_half_a_file_is_told(tmp_path: Path, left: int) -> None:
    data = a_file(tmp_path / "a", 0, 3000).path.read_bytes()
    (tmp_path / "half").write_bytes(data[:left])
    with pytest.raises(CorruptFileError, match="half is no whole Parquet file"):
        ParquetFile(tmp_path / "half")


def test_a_footer_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"PAR1" + b"\xff" * 40 + b"\x20\x00\x00\x00PAR1")
    with pytest.raises(CorruptFileError):
        ParquetFile(tmp_path / "a")
