"""Rows whose landing file is gone outlive the lake, each counted once at every moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from flywheel_pipeline.adapters.lake import Lake, kept
from flywheel_pipeline.records import CapturedFile, CapturedTrace, Json, RawTrace, Reject
from flywheel_pipeline_tests.builders import a_captured_trace


def put(lake: Lake, name: str, *ids: str) -> None:
    for number, trace_id in enumerate(ids):
        trace = a_captured_trace(trace_id=trace_id, source_file=name, spans=None)
        lake.write("captured_traces", [trace], f"{name}={number:05}", "block")
    lake.write("rejects", [Reject("traces", name, 9, "broken", "x")], f"{name}=00000")
    lake.write("captured_files", [CapturedFile(name, "f", "chat", 9, len(ids), 0, 0, Json("{}"))], name, f"mark-{name}")


def held(lake: Lake) -> list[tuple[str, str]]:
    found = lake.frame("select trace_id, source_file from captured_traces order by all")
    return list(found.itertuples(index=False, name=None))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    put(lake, "a.jsonl", "t1", "t2")
    put(lake, "b.jsonl", "t3")
    return lake


def test_kept_rows_outlive_the_lake(lake: Lake) -> None:
    before = held(lake)
    lake.kept.keep("a.jsonl")
    assert held(lake) == before, "those of the lake count"
    lake.kept.release("a.jsonl")
    assert held(lake) == before
    assert lake.inputs("captured_files") == {"a.jsonl": "mark-a.jsonl", "b.jsonl": "mark-b.jsonl"}
    assert lake.own_inputs("captured_files") == {"b.jsonl": "mark-b.jsonl"}
    shutil.rmtree(lake.root)
    assert held(lake) == [("t1", "a.jsonl"), ("t2", "a.jsonl")]
    assert [r.file for r in lake.read("rejects", Reject)] == ["a.jsonl"]
    assert lake.kept.has("a.jsonl") and not lake.kept.has("b.jsonl")


def test_each_row_is_seen_once_at_every_step_of_the_move(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = held(lake), []
    unlink = Path.unlink

    def look(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path.suffix == ".parquet":
            seen.append(held(lake))

    lake.kept.keep("a.jsonl")
    monkeypatch.setattr(Path, "unlink", look)
    lake.kept.release("a.jsonl")
    assert seen == [before] * 4


def test_nothing_of_the_lake_removes_kept_rows(lake: Lake) -> None:
    before = held(lake)
    lake.kept.keep("a.jsonl")
    lake.kept.release("a.jsonl")
    lake.remove("captured_traces", lambda name: name.startswith("a.jsonl"))
    assert held(lake) == before


def test_a_file_of_the_same_name_leaves_the_kept_rows_of_the_old_one(lake: Lake) -> None:
    lake.kept.keep("a.jsonl")
    lake.kept.release("a.jsonl")
    lake.kept.set_apart("a.jsonl", "~0a1b")
    put(lake, "a.jsonl", "t9")
    assert held(lake) == [("t1", "a.jsonl~0a1b"), ("t2", "a.jsonl~0a1b"), ("t3", "b.jsonl"), ("t9", "a.jsonl")]
    assert lake.inputs("captured_files")["a.jsonl~0a1b"] == "mark-a.jsonl"
    assert not lake.kept.has("a.jsonl")


def test_a_file_that_is_read_again_counts_instead_of_what_was_kept_of_it(lake: Lake) -> None:
    lake.kept.keep("a.jsonl")
    lake.kept.release("a.jsonl")
    put(lake, "a.jsonl", "t1")
    assert held(lake) == [("t1", "a.jsonl"), ("t3", "b.jsonl")]
    lake.kept.drop("a.jsonl")
    assert not list((lake.kept.root / "captured_traces").iterdir())


def test_rows_kept_by_an_earlier_version_have_nothing_in_the_columns_that_it_lacked(lake: Lake) -> None:
    lake.kept.keep("a.jsonl")
    shutil.rmtree(lake.root)
    path = lake.kept.root / "captured_traces" / "a.jsonl=00000.parquet"
    old = path.with_suffix(".old")
    duckdb.execute(f"copy (select * exclude (latency_ms) from read_parquet('{path}')) to '{old}' (format parquet)")
    old.replace(path)
    (lake.kept.root / "captured_traces" / "a.jsonl=00001.parquet").unlink()
    assert [(t.trace_id, t.latency_ms) for t in lake.read("captured_traces", CapturedTrace)] == [("t1", None)]


def test_only_the_tables_of_landing_files_are_kept(lake: Lake) -> None:
    (lake.kept.root / "raw_traces").mkdir(parents=True)
    shutil.copy(lake.root / "captured_traces" / "a.jsonl=00000.parquet", lake.kept.root / "raw_traces" / "x.parquet")
    assert lake.read("raw_traces", RawTrace) == []
    assert set(kept.SOURCE) == {"captured_files", "captured_traces", "feedback", "rejects"}
