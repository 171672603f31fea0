"""From an export to a first batch in one step: what is captured, what is not, and twenty traces to label."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.annotate import sampled_to_label
from flywheel_pipeline.flows.start import describe_start, start_from
from flywheel_pipeline_tests.homes import Place, a_home, some_traces


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("automation: {settle_seconds: 30}")  # a copy is read at once all the same
    return made


def an_export(folder: Path, n: int, more: str = "") -> Path:
    path = folder / "chats.jsonl"
    old = [json.dumps(row) for row in some_traces(n // 2, "2025-03-01")]
    new = [json.dumps(row).replace("Question", "Request") for row in some_traces(n - n // 2, "2025-06-02")]
    path.write_text("".join(line + "\n" for line in (*old, *new)) + more)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_an_export_becomes_a_batch_of_twenty_from_all_of_its_days(place: Place, tmp_path: Path) -> None:
    started = start_from(place.bench, an_export(tmp_path, 60, "{broken\n"))
    assert (started.log.n_traces, started.log.n_rejects, started.n_drawn) == (60, 1, 20)
    days = {trace[:10] for trace, _, _ in sampled_to_label(place.bench)}
    assert days == {"2025-03-01", "2025-06-02"}
    lines = describe_start(started)
    assert lines[0] == "captured   chats.jsonl (chat): 60 traces from 61 rows, 1 row rejected"
    assert lines[1].startswith("  line 61: not valid JSON")
    assert lines[-1] == f"sampled    20 traces to label, batch {started.batch}"
    again = start_from(place.bench, tmp_path / "chats.jsonl")
    assert (again.batch, again.n_drawn) == (started.batch, 20) and len(list((place.root / "samples").iterdir())) == 1


def test_the_copy_of_an_export_of_this_moment_need_not_settle(place: Place, tmp_path: Path) -> None:
    export = an_export(tmp_path, 3)
    export.touch()
    start_from(place.bench, export)
    (copy,) = place.bench.home.files("traces")
    assert copy.settled(30)


def test_a_small_export_is_labelled_whole(place: Place, tmp_path: Path) -> None:
    assert start_from(place.bench, an_export(tmp_path, 3)).n_drawn == 3


def test_an_export_without_a_trace_says_why(place: Place, tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_text("{broken\n")
    with pytest.raises(HomeError, match=r"no trace could be read\. line 1: not valid JSON"):
        start_from(place.bench, tmp_path / "chats.jsonl")
    with pytest.raises(HomeError, match="There is no file"):
        start_from(place.bench, tmp_path / "gone.jsonl")


def test_another_file_of_this_name_is_never_replaced(place: Place, tmp_path: Path) -> None:
    (place.root / "traces" / "chats.jsonl").write_text("mine")
    with pytest.raises(HomeError, match="another file with this name"):
        start_from(place.bench, an_export(tmp_path, 3))
    assert (place.root / "traces" / "chats.jsonl").read_text() == "mine"
