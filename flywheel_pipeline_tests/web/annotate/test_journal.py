"""Events are on the disk before they are acknowledged, and are read once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.web.annotate.journal import Journal


def label(key: str, verdict: str = "pass") -> dict[str, str]:
    return {"event": "label", "key": key, "verdict": verdict, "annotator": "mira", "at": "2025-06-02T12:00:00+00:00"}


def labels_of(journal: Journal) -> dict[str, str]:
    with journal.session() as session:
        return {key: e["verdict"] for key, e in session.labels.items()}


def test_a_line_that_a_crash_cut_off_is_not_there_and_hurts_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "../mira/é")
    journal.append(label("a"))
    with journal.path.open("ab") as file:
        file.write(b'{"event": "lab')
    assert labels_of(journal) == labels_of(Journal(tmp_path, "../mira/é")) == {"a": "pass"}
    journal.append(label("b"))
    assert labels_of(journal) == labels_of(Journal(tmp_path, "../mira/é")) == {"a": "pass", "b": "pass"}
    assert journal.path.parent == tmp_path / ".drafts"
    assert all(json.loads(line) for line in journal.path.read_text().splitlines())


def test_what_another_process_adds_is_seen_and_what_was_read_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = Journal(tmp_path, "mira"), Journal(tmp_path, "mira")
    for n in range(50):
        theirs.append(label(f"t{n}"))
    assert len(labels_of(ours)) == 50
    sizes: list[int] = []
    really = os.pread

    def pread(fd: int, n: int, at: int) -> bytes:
        sizes.append(n)
        return really(fd, n, at)

    monkeypatch.setattr(os, "pread", pread)
    theirs.append(label("new", "fail"))
    ours.append(label("ours"))
    assert labels_of(ours)["new"] == "fail" and len(labels_of(theirs)) == 52
    assert max(sizes) < 300  # one line, not fifty


def test_a_journal_that_was_restored_from_a_backup_is_read_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "mira")
    journal.append(label("a"))
    before = journal.path.read_bytes()
    journal.append(label("b"))
    journal.path.write_bytes(before)
    assert labels_of(journal) == {"a": "pass"}
    journal.path.unlink()
    assert labels_of(journal) == {}
    journal.append(label("c"))
    assert labels_of(journal) == {"c": "pass"}


def test_a_line_that_is_no_event_is_reported_with_its_number(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "mira")
    for key in "ab":
        journal.append(label(key))
    labels_of(journal)
    with journal.path.open("a") as file:
        file.write("[]\n")
    with pytest.raises(CorruptFileError, match="line 3 is not an event"):
        labels_of(journal)


def test_an_action_is_synced_to_the_disk_before_it_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    really = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        really(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(tmp_path, "mira")
    journal.append(label("a"))
    file, folder = journal.path.stat().st_ino, journal.path.parent.stat().st_ino
    assert folder in synced and synced[-1] == file  # the name of a new file, and then what is in it
    journal.append({"event": "undo"})
    assert synced[-1] == file and synced.count(file) == 2


def test_an_event_that_could_not_be_written_does_not_count_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, "mira")
    journal.append(label("a"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(label("b"))
    assert labels_of(journal) == labels_of(Journal(tmp_path, "mira")) == {"a": "pass"}


def test_labels_are_submitted_once_although_two_processes_submit(tmp_path: Path) -> None:
    one, other = Journal(tmp_path, "mira"), Journal(tmp_path, "mira")
    one.append(label("a"))
    other.append(label("b"))
    written: list[list[str]] = []

    def write(pending: Sequence[Mapping[str, Any]]) -> None:
        written.append([e["key"] for e in pending])

    assert [j.submit(write, {"event": "submit"}) for j in (one, other)] == [2, 0]
    assert written == [["a", "b"]]


def test_labels_that_could_not_be_written_are_still_to_be_submitted(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "mira")
    journal.append(label("a"))

    def fails(pending: Sequence[Mapping[str, Any]]) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        journal.submit(fails, {"event": "submit"})
    assert journal.submit(lambda _: None, {"event": "submit"}) == 1
