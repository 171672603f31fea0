"""A file is replaced in one step or not at all."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.atomic_write import replace_text, replacing


def test_until_the_end_a_reader_sees_the_old_content_and_then_the_new(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"old")
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        temporary.write_bytes(b"new and whole")
    assert path.read_bytes() == b"new and whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_content_and_no_temporary_file(tmp_path: Path, error: Any) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_nothing_where_nothing_was(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), replacing(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_bytes(b"half")
        raise ValueError("no")
    assert list((tmp_path / "new").iterdir()) == []


def test_forgetting_to_write_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_bytes() == b"old"


def test_the_temporary_file_is_beside_the_target_and_hidden(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.jsonl") as temporary:
        temporary.write_bytes(b"")
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert temporary.suffix != ".jsonl"


def test_missing_folders_are_made_and_text_is_utf8_with_newlines_as_given(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.yaml"
    replace_text(path, "größe: 1\r\n漢: 2\n")
    assert path.read_bytes() == "größe: 1\r\n漢: 2\n".encode()


def test_text_that_cannot_be_written_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    replace_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_beside_two_writers_only_ever_see_a_whole_content(tmp_path: Path) -> None:
    path, contents = tmp_path / "a.txt", ("a" * 50_000, "b" * 70_000)
    replace_text(path, contents[0])

    def rewrite(text: str) -> None:
        for _ in range(30):
            replace_text(path, text)

    writers = [threading.Thread(target=rewrite, args=(text,)) for text in contents]
    for writer in writers:
        writer.start()
    seen = {path.read_text(encoding="utf-8")}
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_text(encoding="utf-8"))
    assert seen <= set(contents)
    assert list(tmp_path.iterdir()) == [path]
