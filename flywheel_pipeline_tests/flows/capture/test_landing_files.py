"""Landing files -> the staging tables: blocks, processes, kills, changed files, settings of single files."""

from __future__ import annotations

import gc
import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home import Home
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.landing import BlockLimits
from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.flows.capture import landing_files
from flywheel_pipeline.flows.capture.landing_files import (
    CHANGED,
    _Task,
    capture_block,
    expire_originals,
    keep_only_copies,
    part_of,
    read_new_files,
)
from flywheel_pipeline.ports import Block
from flywheel_pipeline.records import TABLES, CapturedFile
from flywheel_pipeline.settings import CaptureSettings
from flywheel_pipeline.steps.capture import Rules
from flywheel_pipeline_tests.conftest import REPO
from flywheel_pipeline_tests.homes import some_traces

RULES = Rules("shop", date(2023, 1, 1), datetime(2026, 1, 1))
STAGED = ("captured_traces", "feedback", "rejects", "captured_files")
BLOCK = BlockLimits(line=0, document=0).block


class Landing:
    """A landing folder and the lake that it is read into."""

    def __init__(self, root: Path) -> None:
        self.home, self.lake = Home(root), Lake(root / "lake")
        self.folder = root / "traces"
        self.folder.mkdir(parents=True)

    def put(self, name: str, *rows: dict[str, Any] | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in rows))
        return path

    def read(self, processes: int | None = None, rules: Rules = RULES, **settings: Any) -> list[str]:
        capture = CaptureSettings.model_validate(settings)
        return read_new_files(self.lake, self.home.files("traces"), capture, rules, processes)

    def held(self) -> dict[str, list[Any]]:
        return {t: self.lake.read(t, TABLES[t]) for t in STAGED}

    def ids(self) -> list[str]:
        return sorted(str(t.trace_id) for t in self.held()["captured_traces"])

    def files(self) -> dict[str, CapturedFile]:
        return {f.source_file: f for f in self.lake.read("captured_files", CapturedFile)}

    def parts(self, table: str) -> list[str]:
        folder = self.lake.root / table
        return sorted(p.stem for p in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "home")


def wide(n: int, n_blocks: int) -> list[dict[str, Any]]:
    """Traces that together fill `n_blocks` blocks."""
    filler = "x" * (BLOCK * n_blocks // n - 500)
    return [{**t, "note": filler} for t in some_traces(n)]


def test_a_file_of_several_blocks_is_read_whole_and_is_one_file(landing: Landing) -> None:
    landing.put("a.jsonl", *wide(40, 3), b"broken")
    assert landing.read(processes=1) == ["a.jsonl"]
    assert landing.ids() == sorted(t["trace_id"] for t in some_traces(40))
    row = landing.files()["a.jsonl"]
    assert (row.n_rows_in, row.source_format, row.n_bytes) == (41, "chat", (landing.folder / "a.jsonl").stat().st_size)
    assert len(landing.parts("captured_traces")) > 2
    assert [t.source_line for t in sorted(landing.held()["captured_traces"], key=lambda t: t.started_at)]
    assert {t.source_line for t in landing.held()["captured_traces"]} == set(range(1, 41))
    assert [r.line for r in landing.held()["rejects"]] == [41]


def test_several_processes_give_exactly_what_one_gives(landing: Landing, tmp_path: Path) -> None:
    other = Landing(tmp_path / "other")
    for place in (landing, other):
        place.put("a.jsonl", *wide(20, 2), b"broken")
        place.put("b/c.jsonl", *some_traces(3, "2025-06-04"), {"trace_id": "x", "score": 1})
        os.utime(place.folder / "a.jsonl", ns=(10**18, 10**18))
        os.utime(place.folder / "b" / "c.jsonl", ns=(10**18, 10**18))
    assert landing.read(processes=1) == other.read(processes=2) == ["a.jsonl", "b/c.jsonl"]
    assert landing.held() == other.held()
    for table in STAGED:
        assert landing.parts(table) == other.parts(table)


def test_a_changed_file_with_fewer_blocks_leaves_nothing_of_the_longer_one(landing: Landing) -> None:
    landing.put("a.jsonl", *wide(40, 3), b"broken", {"trace_id": "x", "score": 1})
    landing.put("a.jsonl-2", *some_traces(1, "2025-06-05"))  # its parts have names that begin alike
    landing.read(processes=1)
    landing.put("a.jsonl", *some_traces(2, "2025-06-09"))
    assert landing.read(processes=1) == ["a.jsonl"]
    assert landing.ids() == ["2025-06-05-0", "2025-06-09-0", "2025-06-09-1"]
    assert (landing.held()["rejects"], landing.held()["feedback"]) == ([], [])
    assert landing.files()["a.jsonl"].n_rows_in == 2


def test_a_changed_file_that_cannot_be_read_any_more_leaves_only_its_reject(landing: Landing) -> None:
    landing.put("a.jsonl", *some_traces(3))
    landing.read()
    (landing.folder / "a.jsonl").write_bytes(b"")
    assert landing.read() == ["a.jsonl"]
    assert landing.ids() == []
    assert [r.line for r in landing.held()["rejects"]] == [0]
    assert landing.files()["a.jsonl"].source_format == "unknown"


def test_names_that_differ_only_in_odd_characters_do_not_share_their_rows(landing: Landing) -> None:
    names = ["a b.jsonl", "a_b.jsonl", "a/b.jsonl", "ä b.jsonl", "a=00000.jsonl", "'; drop.jsonl"]
    for i, name in enumerate(names):
        landing.put(name, *some_traces(1, f"2025-06-0{i + 1}"))
    assert sorted(landing.read()) == sorted(names)
    assert landing.read() == []
    assert len(landing.ids()) == len(names)
    assert len({part_of(n) for n in names}) == len(names)
    assert {t.source_file for t in landing.held()["captured_traces"]} == set(names)


def test_only_what_is_new_or_changed_is_read_again(landing: Landing) -> None:
    path = landing.put("a.jsonl", *some_traces(2))
    landing.put("b.jsonl", *some_traces(1, "2025-06-03"))
    landing.read()
    assert landing.read() == []
    os.utime(path, ns=(10**18, 10**18))
    assert landing.read() == []  # touched
    same_size = json.dumps(some_traces(1, "2025-06-03")[0]).replace("hub", "HUB").encode()
    landing.put("b.jsonl", same_size)
    assert landing.read() == ["b.jsonl"]
    assert landing.read(max_line_mb=2) == ["a.jsonl", "b.jsonl"]
    assert landing.read(max_line_mb=2) == []


def test_the_time_of_reading_is_no_reason_to_read_again(landing: Landing) -> None:
    landing.put("a.jsonl", *some_traces(2))
    landing.read()
    assert landing.read(rules=Rules("shop", date(2023, 1, 1), datetime(2027, 1, 1))) == []


def test_a_file_without_any_row_is_read_once_and_accounted_for(landing: Landing) -> None:
    import duckdb

    duckdb.default_connection().sql("select 1 as trace_id where false").write_parquet(
        str(landing.folder / "none.parquet")
    )
    landing.put("empty.jsonl")
    (landing.folder / "header.csv").write_text("input,output,time\n")
    assert sorted(landing.read()) == ["empty.jsonl", "header.csv", "none.parquet"]
    assert sorted(landing.files()) == ["empty.jsonl", "header.csv", "none.parquet"]
    assert landing.read() == []


KILLED = """
    import os, sys
    from datetime import date, datetime
    from pathlib import Path
    from flywheel_pipeline.flows.capture import landing_files
    from flywheel_pipeline.adapters.home import Home
    from flywheel_pipeline.adapters.lake import Lake
    from flywheel_pipeline.settings import CaptureSettings
    from flywheel_pipeline.steps.capture import Rules

    root, calls, real = Path(sys.argv[1]), [], landing_files.capture_block

    def capture_block(task):
        calls.append(task)
        if len(calls) > int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return real(task)

    landing_files.capture_block = capture_block
    rules = Rules("shop", date(2023, 1, 1), datetime(2026, 1, 1))
    landing_files.read_new_files(Lake(root / "lake"), Home(root).files("traces"), CaptureSettings(), rules, 1)
"""


def killed_after(landing: Landing, n_blocks: int) -> None:
    """Read in a process of its own, which is killed after that many blocks."""
    script = textwrap.dedent(KILLED)
    done = subprocess.run(
        [sys.executable, "-c", script, str(landing.home.root), str(n_blocks)],
        cwd=REPO,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("n_blocks", [0, 1, 3])
def test_after_a_kill_only_what_was_not_finished_is_read_again_and_the_end_is_the_same(
    landing: Landing, tmp_path: Path, n_blocks: int
) -> None:
    undisturbed = Landing(tmp_path / "undisturbed")
    for place in (landing, undisturbed):
        place.put("1.jsonl", *some_traces(2, "2025-06-03"))
        place.put("2.jsonl", *wide(21, 2), b"broken")
        place.put("3.jsonl", *some_traces(2, "2025-06-05"))
        for path in place.folder.iterdir():
            os.utime(path, ns=(10**18, 10**18))
    killed_after(landing, n_blocks)
    finished = set(landing.files())
    left = landing.read(processes=1)
    assert set(left) == {"1.jsonl", "2.jsonl", "3.jsonl"} - finished
    assert n_blocks < 3 or len(left) < 3  # a file is marked a few blocks after its last one
    undisturbed.read(processes=1)
    assert landing.held() == undisturbed.held()
    assert landing.read() == []


def test_a_file_that_shrank_while_a_run_was_killed_leaves_nothing_behind(landing: Landing) -> None:
    landing.put("2.jsonl", *wide(21, 3))
    killed_after(landing, 2)
    assert len(landing.parts("captured_traces")) == 2
    landing.put("2.jsonl", *some_traces(1, "2025-06-09"))
    landing.read()
    assert landing.ids() == ["2025-06-09-0"]


def die(task: Any) -> None:
    """Stand in for a process that the system kills for want of memory."""
    os._exit(9)


def test_a_process_that_dies_is_reported_with_what_to_do_and_what_was_read_stays(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.put("a.jsonl", *some_traces(2))
    landing.read()
    landing.put("b.jsonl", *some_traces(2, "2025-06-03"))
    monkeypatch.setattr(landing_files, "INLINE_BYTES", 0)
    with monkeypatch.context() as patched, pytest.raises(FlywheelError, match=r"want of memory.*max_document_mb"):
        patched.setattr(landing_files, "capture_block", die)
        landing.read(processes=2)
    assert sorted(landing.files()) == ["a.jsonl"]
    assert landing.read(processes=2) == ["b.jsonl"]
    assert len(landing.ids()) == 4


TICKETS = "nr;frage;antwort;am\n7;Wo?;Kiel.;2025-06-02\n"
MAP = {"trace_id": "nr", "input": "frage", "output": "antwort", "started_at": "am"}


def test_settings_name_the_columns_of_a_file_and_the_first_pattern_that_fits_counts(landing: Landing) -> None:
    for name in ("crm/a.csv", "other/a.csv"):
        landing.put(name, TICKETS.encode().rstrip())
    sources = [{"files": "crm/*.csv", "fields": MAP}, {"files": "crm/*", "fields": {"input": "nr"}}]
    landing.read(sources=sources)
    assert [(t.trace_id, t.input, t.output, t.source_format) for t in landing.held()["captured_traces"]] == [
        ("7", "Wo?", "Kiel.", "table")
    ]
    (reject,) = landing.held()["rejects"]
    assert (reject.file, "capture.sources" in reject.reason) == ("other/a.csv", True)


def test_a_changed_map_reads_again_the_files_that_it_names_and_no_others(landing: Landing) -> None:
    landing.put("crm/a.csv", TICKETS.encode().rstrip())
    landing.put("b.jsonl", *some_traces(1))
    landing.read(sources=[{"files": "crm/*.csv", "fields": MAP}])
    assert landing.read(sources=[{"files": "crm/*.csv", "fields": {**MAP, "model": "nr"}}]) == ["crm/a.csv"]
    assert [t.model for t in landing.held()["captured_traces"] if t.source_file == "crm/a.csv"] == ["7"]


def test_a_forced_format_is_asked_of_every_record_also_of_one_that_another_would_recognise(landing: Landing) -> None:
    landing.put("a.jsonl", {"trace_id": "t1", "score": 1, "comment": "good"}, *some_traces(1))
    landing.read(sources=[{"files": "*", "format": "feedback"}])
    assert [f.comment for f in landing.held()["feedback"]] == ["good"]
    assert landing.ids() == []
    assert [r.line for r in landing.held()["rejects"]] == [2]


def test_files_with_the_longest_names_that_there_are_are_read(landing: Landing) -> None:
    names = ["x" * 249 + ".jsonl", "x" * 248 + "y.jsonl", "ü" * 124 + ".jsonl", "a." + "y" * 253]
    for i, name in enumerate(names):
        landing.put(name, *some_traces(1, f"2025-06-{i + 2:02}"))
    assert landing.read() == sorted(names)
    assert len(landing.ids()) == 4 and sorted(landing.files()) == sorted(names)
    assert landing.read() == []


def test_reading_leaves_the_collection_of_garbage_as_it_was(landing: Landing) -> None:
    landing.put("a.jsonl", *some_traces(1))
    assert gc.isenabled()
    landing.read()
    assert gc.isenabled()


def test_originals_go_only_when_read_as_they_are_and_old(landing: Landing) -> None:
    now, day = time.time(), 86_400
    for name, age in (("old", 40), ("young", 20), ("unread", 40), ("changed", 40)):
        path = landing.put(f"{name}.jsonl", *some_traces(1))
        os.utime(path, (now - age * day,) * 2)
    (landing.folder / "unread.jsonl").rename(landing.home.root / "unread")
    landing.read()
    (landing.home.root / "unread").rename(landing.folder / "unread.jsonl")
    os.utime(landing.put("changed.jsonl", *some_traces(2)), (now - 35 * day,) * 2)
    assert expire_originals(landing.home.files("traces"), landing.lake, now, 30) == ["old.jsonl"]
    assert sorted(p.name for p in landing.folder.iterdir()) == ["changed.jsonl", "unread.jsonl", "young.jsonl"]
    assert sorted(landing.files()) == ["changed.jsonl", "old.jsonl", "young.jsonl"]
    assert landing.read() == ["changed.jsonl", "unread.jsonl"]


def test_what_lost_its_original_is_kept_when_the_lake_is_deleted(landing: Landing) -> None:
    old = landing.put("old.jsonl", *some_traces(2))
    landing.put("new.jsonl", *some_traces(1, "2025-06-05"))
    landing.read()
    before = landing.ids()
    old.unlink()
    for _ in range(2):
        keep_only_copies(landing.home.files("traces"), landing.lake)
        assert landing.ids() == before
    shutil.rmtree(landing.lake.root)
    assert landing.read() == ["new.jsonl"]
    assert landing.ids() == before


def test_an_original_that_comes_back_is_read_and_counts_once(landing: Landing) -> None:
    path = landing.put("a.jsonl", *some_traces(2))
    landing.read()
    content, before = path.read_bytes(), landing.ids()
    path.unlink()
    keep_only_copies(landing.home.files("traces"), landing.lake)
    path.write_bytes(content)
    assert landing.read() == ["a.jsonl"] and landing.read() == []
    assert landing.ids() == before and not landing.lake.kept.has("a.jsonl")


def test_another_export_under_the_name_of_one_that_is_gone_replaces_nothing(landing: Landing) -> None:
    path = landing.put("export.jsonl", *some_traces(2))
    landing.read()
    path.unlink()
    keep_only_copies(landing.home.files("traces"), landing.lake)
    landing.put("export.jsonl", *some_traces(1, "2025-06-09"))
    assert landing.read() == ["export.jsonl"]
    assert len(landing.ids()) == 3
    assert len(landing.files()) == 2 and "export.jsonl" in landing.files()


@pytest.mark.parametrize("change", [Path.unlink, lambda path: os.truncate(path, 10)])
def test_a_file_that_is_changed_while_it_is_being_read_is_reported_and_stops_nothing(
    landing: Landing, change: Callable[[Path], None]
) -> None:
    landing.put("a.jsonl", *some_traces(3))
    path = landing.folder / "a.jsonl"
    block = Block("lines", 1, b"", offset=0)
    task = _Task(str(landing.lake.root), "a.jsonl", "a.jsonl=00000", block, RULES, path, path.stat().st_size)
    change(path)
    assert capture_block(task).n_rows_in == 1
    assert [r.reason for r in landing.held()["rejects"]] == [CHANGED]


def test_a_file_that_was_not_read_to_its_end_is_read_again_and_not_expired(landing: Landing) -> None:
    landing.put("a.jsonl", *some_traces(2))
    (listed,) = landing.home.files("traces")
    longer = replace(listed, size=listed.size + 100)  # it broke off after it was listed
    for _ in range(2):
        assert read_new_files(landing.lake, [longer], CaptureSettings(), RULES) == ["a.jsonl"]
        assert expire_originals([longer], landing.lake, time.time() + 99 * 86_400, 1) == []
    assert landing.read() == ["a.jsonl"] and landing.read() == []


def test_the_fingerprint_of_a_file_is_that_of_its_content(landing: Landing) -> None:
    for name in ("a.jsonl", "b.jsonl.gz"):
        data = b"".join(json.dumps(t).encode() + b"\n" for t in some_traces(3))
        (landing.folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    landing.read()
    for name, file in landing.files().items():
        digest = hashlib.sha256((landing.folder / name).read_bytes()).hexdigest()
        assert file.fingerprint.split("-")[0] == digest
