"""A damaged file is named with what rebuilds it, and the other tables are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.lake.damage import ASIDE, set_aside
from flywheel_pipeline.errors import CorruptFileError, QueryError
from flywheel_pipeline.records import CapturedFile, Json, Reject
from flywheel_pipeline_tests.builders import a_captured_trace, an_annotation

LONG = "".join(chr(0x4E00 + i * 37 % 20_000) for i in range(9_000))
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda good: b"",
    "cut off": lambda good: good[:-20],
    "no Parquet": lambda good: b"random" * 100,
    "a page overwritten": lambda good: good[:60] + b"\xff" * 200 + good[260:],
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.write("annotations", [an_annotation()])
    for part in ("a.jsonl=00000", "b.jsonl=00000"):
        lake.write("captured_traces", [a_captured_trace(input=LONG, spans=None)], part, "digest")
        lake.write("captured_files", [CapturedFile(part[:7], "f", "chat", 9, 1, 0, 0, Json("{}"))], part[:7], "mark")
    return lake


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_named_and_stops_no_other_table(lake: Lake, name: str) -> None:
    path = lake.root / "captured_traces" / "b.jsonl=00000.parquet"
    path.write_bytes(DAMAGES[name](path.read_bytes()))
    assert len(lake.frame("select * from annotations")) == 1
    for table in ("captured_traces", "captured_traces join annotations on true"):
        with pytest.raises(CorruptFileError, match=r"b\.jsonl=00000\.parquet is damaged .*flywheel doctor --repair"):
            lake.frame(f"select * from {table}")
    with pytest.raises(CorruptFileError, match=r"b\.jsonl=00000"), lake.connect(["captured_traces"]) as con:
        con.execute("select * from captured_traces").fetchall()
    assert [path.name for path, _ in lake.damaged()] == ["b.jsonl=00000.parquet"]


def test_a_file_without_a_readable_digest_counts_as_not_written(lake: Lake) -> None:
    (lake.root / "captured_files" / "b.jsonl.parquet").write_bytes(b"x" * 500)
    assert lake.inputs("captured_files") == {"a.jsonl": "mark"}


def test_an_error_in_a_query_is_not_taken_for_damage(lake: Lake) -> None:
    with pytest.raises(QueryError, match="mine"):
        lake.frame("select error('mine')")
    assert lake.damaged() == []


def test_a_landing_file_whose_rows_were_set_aside_is_read_again(lake: Lake) -> None:
    path = lake.root / "captured_traces" / "b.jsonl=00000.parquet"
    aside = set_aside(lake.root, path)
    assert aside == lake.root / ASIDE / "captured_traces" / path.name and aside.is_file()
    assert len(lake.frame("select * from captured_traces")) == 1
    assert lake.own_inputs("captured_files") == {"a.jsonl": "mark"}


def test_other_tables_are_set_aside_alone(lake: Lake) -> None:
    lake.write("rejects", [Reject("labels", "a", 1, "r", "x")], "all")
    set_aside(lake.root, lake.root / "annotations" / "all.parquet")
    assert set(lake.own_inputs("captured_files")) == {"a.jsonl", "b.jsonl"}


def test_a_damaged_only_copy_is_not_said_to_be_computed(lake: Lake) -> None:
    lake.kept.keep("a.jsonl")
    lake.kept.release("a.jsonl")
    (lake.kept.root / "captured_traces" / "a.jsonl=00000.parquet").write_bytes(b"")
    with pytest.raises(CorruptFileError, match="It is the only copy"):
        lake.frame("select * from captured_traces")


def test_a_partition_that_is_removed_between_listing_and_opening_it_is_not_damaged(lake: Lake) -> None:
    class Raced(Lake):
        is_raced = False

        def _files(self, table: str) -> list[Path]:
            found = super()._files(table)
            if not self.is_raced:
                self.is_raced = True
                found[0].unlink()
            return found

    before = lake.rows("select count(*) from captured_traces")
    after = Raced(lake.root).rows("select count(*) from captured_traces")
    assert 0 < after[0][0] < before[0][0]
