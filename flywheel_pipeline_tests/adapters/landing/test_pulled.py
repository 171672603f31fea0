"""Landing files of pulled records: one version of each record, and nothing of a page that was not finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.landing.pulled import JOURNAL, STATE, PulledFiles
from flywheel_pipeline.errors import CorruptFileError


def key_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    return record["trace"], record["id"]


def a_record(own: str, text: str = "a") -> tuple[str, dict[str, str]]:
    return "2026-01-01", {"trace": own[:1], "id": own, "text": text}


def held(folder: Path) -> list[list[str]]:
    lines = [json.loads(x) for f in sorted(folder.glob("[!.]*")) for x in f.read_bytes().splitlines()]
    return [[x["id"], x["text"]] for x in lines]


def test_a_newer_version_takes_the_place_of_a_record_and_what_belongs_together_stands_together(tmp_path: Path) -> None:
    files = PulledFiles(tmp_path, key_of)
    files.append([a_record("b1"), a_record("a2"), a_record("b1", "newer")])
    assert files.put_in_place() == ["2026-01-01.jsonl"]
    files.append([a_record("a1"), a_record("a2", "newest")])
    assert files.put_in_place() == ["2026-01-01.jsonl"]
    assert held(tmp_path) == [["a1", "a"], ["a2", "newest"], ["b1", "newer"]]
    before = (tmp_path / "2026-01-01.jsonl").stat()
    files.append([a_record("a1"), a_record("b1", "newer")])
    assert files.put_in_place() == []
    assert (tmp_path / "2026-01-01.jsonl").stat().st_mtime_ns == before.st_mtime_ns
    files.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == [JOURNAL, STATE, "2026-01-01.jsonl"]


def test_after_a_kill_only_what_was_saved_counts(tmp_path: Path) -> None:
    files = PulledFiles(tmp_path, key_of)
    files.append([a_record("a1")])
    files.state.cursors["traces"] = "2"
    files.save()
    files.append([a_record("a2")])
    files.state.cursors["traces"] = "3"
    files.save(every=60)
    files.close()  # it reaches the file, and then the process dies
    again = PulledFiles(tmp_path, key_of)
    assert again.state.cursors == {"traces": "2"}
    again.append([a_record("a3")])
    again.put_in_place()
    again.close()
    assert held(tmp_path) == [["a1", "a"], ["a3", "a"]]


def test_a_state_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text("{")
    with pytest.raises(CorruptFileError, match="everything is fetched again"):
        PulledFiles(tmp_path, key_of)


def test_a_pull_that_was_killed_while_it_emptied_the_journal_goes_on(tmp_path: Path) -> None:
    files = PulledFiles(tmp_path, key_of)
    files.append([a_record("a1")])
    files.put_in_place()
    files.append([a_record("a2")])
    files.save()
    files.close()
    (tmp_path / JOURNAL).write_bytes(b"")  # emptied, and the state that says so is not saved yet
    again = PulledFiles(tmp_path, key_of)
    again.append([a_record("a3")])
    assert again.put_in_place() == ["2026-01-01.jsonl"]
    assert held(tmp_path) == [["a1", "a"], ["a3", "a"]]
    again.close()


def test_an_emptied_journal_is_not_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flywheel_pipeline.adapters.landing.pulled.JOURNAL_BYTES", 500)
    files = PulledFiles(tmp_path, key_of)
    files.append([a_record(f"a{i}") for i in range(20)])
    assert files.is_full
    files.put_in_place()
    assert not files.is_full
    files.close()


@pytest.mark.parametrize("text", ["cut in an emoji \ud83d", 2**70])
def test_a_record_that_a_stranger_made_odd_stops_no_pull(tmp_path: Path, text: Any) -> None:
    files = PulledFiles(tmp_path, key_of)
    for own in ("a1", "a2"):
        files.append([("2026-01-01", {"trace": "a", "id": own, "text": text})])
        assert files.put_in_place() == ["2026-01-01.jsonl"]
    assert held(tmp_path) == [["a1", text], ["a2", text]]
    files.close()
