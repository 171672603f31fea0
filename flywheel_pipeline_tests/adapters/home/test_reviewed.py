"""A reviewed file is replaced whole, durably, and only by who has seen what is there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home.reviewed import ReviewedFile
from flywheel_pipeline.errors import ConflictError, CorruptFileError


@pytest.fixture
def file(tmp_path: Path) -> ReviewedFile:
    return ReviewedFile(tmp_path / "taxonomy" / "modes.yaml")


def test_what_is_written_is_read_back_with_the_version_that_was_returned(file: ReviewedFile) -> None:
    nothing = file.read()
    assert nothing.value is None
    value = {"modes": [{"name": "Ünhöflich: “nein”", "n": 1}, {"name": "a\nb # no comment"}]}
    version = file.replace(value, nothing.version)
    assert (file.read().value, file.read().version) == (value, version)
    assert "Ünhöflich" in file.path.read_text("utf-8")


def test_who_has_not_seen_the_latest_overwrites_nothing(file: ReviewedFile) -> None:
    first = file.read().version
    file.replace({"by": "one"}, first)
    with pytest.raises(ConflictError, match=r"modes\.yaml has changed since it was read"):
        file.replace({"by": "two"}, first)
    assert file.read().value == {"by": "one"}


def test_an_edit_in_an_editor_is_another_version(file: ReviewedFile) -> None:
    version = file.replace({"name": "a"}, file.read().version)
    file.path.write_text("name: b\n", "utf-8")
    with pytest.raises(ConflictError):
        file.replace({"name": "c"}, version)


def test_of_many_that_write_at_once_each_sees_what_the_others_wrote(file: ReviewedFile) -> None:
    file.replace([], file.read().version)

    def add(n: int) -> None:
        while True:
            seen = file.read()
            try:
                file.replace([*seen.value, n], seen.version)
                return
            except ConflictError:
                continue

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(file.read().value) == list(range(8))
    assert [p.name for p in file.path.parent.iterdir()] == ["modes.yaml"]


def test_the_comment_at_the_top_is_kept_and_writing_again_changes_only_what_changed(file: ReviewedFile) -> None:
    modes = [{"mode_id": f"fm-{i}", "name": f"Mode {i}", "definition": "Long words. " * 20} for i in range(4)]
    version = file.replace({"modes": modes}, file.read().version, "# For people.\n\n")
    before = file.path.read_text("utf-8").splitlines()
    assert before[:2] == ["# For people.", ""]
    modes[2]["name"] = "Another"
    file.replace({"modes": modes}, version, "# Another head\n")
    after = file.path.read_text("utf-8").splitlines()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [("  name: Mode 2", "  name: Another")]


def test_writing_what_was_read_changes_no_byte(file: ReviewedFile) -> None:
    seen = file.read()
    value: dict[str, Any] = {"a": [1, 0.1, True, None, "yes", "0123", "2025-06-02", "x" * 300, " sp ", "é", ""]}
    version = file.replace(value, seen.version)
    data = file.path.read_bytes()
    assert file.replace(file.read().value, version) == version and file.path.read_bytes() == data


@pytest.mark.parametrize("broken", [b"modes: [", b"\xff\xfe", b"a: !!python/object:os.system {}", b"a: b: c"])
def test_a_broken_file_is_named_and_not_overwritten(file: ReviewedFile, broken: bytes) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(broken)
    with pytest.raises(CorruptFileError, match=r"modes\.yaml is not valid YAML"):
        file.read()
    with pytest.raises(ConflictError):
        file.replace({}, "x")
    assert file.path.read_bytes() == broken


@pytest.mark.parametrize("text", ["modes: " + "[" * 9_000, "day: 2026-13-45\n"], ids=["deep", "no such day"])
def test_what_yaml_cannot_hold_is_an_error_that_names_the_file(file: ReviewedFile, text: str) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_text(text, "utf-8")
    with pytest.raises(CorruptFileError, match=r"modes\.yaml is not valid YAML"):
        file.read()
