"""Append-only files: what is there is never rewritten, and of two that append at once neither loses a line."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.append_only import TRIES, AppendOnlyFile
from flywheel_pipeline.errors import ConflictError, CorruptFileError
from flywheel_pipeline_tests.conftest import REPO


@pytest.fixture
def file(tmp_path: Path) -> AppendOnlyFile:
    return AppendOnlyFile(tmp_path / "golden" / "g.jsonl")


def put(file: AppendOnlyFile, content: bytes) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(content)


@pytest.mark.parametrize(
    "text", ["plain", "a\nb\r\nc", "größe 😀 '\" \\", "\x00\x1c\x0b", "a\u2028b", "a\u2029b", "a\x85b"]
)
def test_rows_with_any_text_come_back_as_they_were_appended(file: AppendOnlyFile, text: str) -> None:
    rows = [{"input": text}, {"input": "next"}]
    assert file.extend(lambda _: rows) == rows
    assert file.read().rows == rows


def test_half_a_character_does_not_make_the_file_unreadable(file: AppendOnlyFile) -> None:
    assert file.extend(lambda _: [{"input": "a\ud800"}]) == [{"input": "a?"}]
    assert file.read().rows == [{"input": "a?"}]


def test_appending_leaves_the_bytes_that_are_there(file: AppendOnlyFile) -> None:
    put(file, b'{"a":   1}\n{"b": 2}\n')
    inode = file.path.stat().st_ino
    version = file.append([{"c": 3}], file.read().version)
    assert file.path.read_bytes() == b'{"a":   1}\n{"b": 2}\n{"c": 3}\n'
    assert file.path.stat().st_ino == inode, "appended to, not replaced"
    assert file.read().version == version


def test_appending_after_a_last_line_without_a_line_end_starts_a_new_line(file: AppendOnlyFile) -> None:
    put(file, b'{"a": 1}')
    file.extend(lambda _: [{"b": 2}])
    assert file.read().rows == [{"a": 1}, {"b": 2}]


def test_appending_nothing_makes_no_file(file: AppendOnlyFile) -> None:
    assert file.extend(lambda _: []) == []
    assert not file.path.exists()


def test_rows_saved_with_windows_line_ends_and_blank_lines_are_read(file: AppendOnlyFile) -> None:
    put(file, b'{"a": 1}\r\n\r\n{"b": 2}\r\n')
    assert file.read().rows == [{"a": 1}, {"b": 2}]


def test_a_file_that_is_not_there_has_no_rows(file: AppendOnlyFile) -> None:
    assert file.read().rows == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [(b'{"a": ', "line 3 is not JSON"), (b"[1]", "line 3 must be a JSON object"), (b"<<<<<<< HEAD", "line 3 is not")],
)
def test_a_damaged_row_is_named_by_file_and_line(file: AppendOnlyFile, line: bytes, problem: str) -> None:
    put(file, b'{"a": 1}\n\n' + line + b"\n")
    with pytest.raises(CorruptFileError, match=rf"g\.jsonl, {problem}"):
        file.read()


def test_rows_that_are_not_utf_8_are_a_damaged_file(file: AppendOnlyFile) -> None:
    put(file, b'{"a": 1}\n{"a": "\xff"}\n')
    with pytest.raises(CorruptFileError, match=r"g\.jsonl"):
        file.read()


def test_an_append_to_a_file_that_has_changed_is_a_conflict_and_writes_nothing(file: AppendOnlyFile) -> None:
    seen = file.read().version
    file.append([{"a": 1}], seen)
    with pytest.raises(ConflictError, match="read it again"):
        file.append([{"b": 2}], seen)
    assert file.read().rows == [{"a": 1}]


def test_rows_are_made_again_for_what_another_program_appended_meanwhile(file: AppendOnlyFile) -> None:
    seen: list[list[dict[str, Any]]] = []

    def make(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        seen.append(rows)
        if len(seen) == 1:
            AppendOnlyFile(file.path).extend(lambda _: [{"entry": "retired"}])
        return [{"entry": "version", "n": len(rows)}]

    assert file.extend(make) == [{"entry": "retired"}, {"entry": "version", "n": 1}]
    assert seen == [[], [{"entry": "retired"}]]


def test_a_file_that_never_rests_is_a_conflict(file: AppendOnlyFile) -> None:
    def make(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        AppendOnlyFile(file.path).append([{"n": len(rows)}], file.read().version)
        return [{"mine": True}]

    with pytest.raises(ConflictError):
        file.extend(make)
    assert file.read().rows == [{"n": n} for n in range(TRIES)]


APPEND = """
import sys
from pathlib import Path
from flywheel_pipeline.append_only import AppendOnlyFile
file = AppendOnlyFile(Path(sys.argv[1]))
for n in range(100):
    file.extend(lambda rows: [{"who": sys.argv[2], "n": n, "seen": len(rows)}])
"""


def test_two_processes_that_append_at_once_lose_no_line(file: AppendOnlyFile) -> None:
    command = [sys.executable, "-c", APPEND, str(file.path)]
    started = [subprocess.Popen([*command, who], stderr=subprocess.PIPE, text=True, cwd=REPO) for who in "ab"]
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    rows = file.read().rows
    assert len(rows) == 200
    assert [row["seen"] for row in rows] == list(range(200)), "each line was made for all lines before it"
    assert [[row["n"] for row in rows if row["who"] == who] for who in "ab"] == [list(range(100))] * 2


@given(st.lists(st.lists(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none()))), max_size=4))
def test_what_is_read_is_what_was_appended_in_order(
    tmp_path_factory: pytest.TempPathFactory, appended: list[list[dict[str, Any]]]
) -> None:
    file = AppendOnlyFile(tmp_path_factory.mktemp("home") / "a.jsonl")
    for rows in appended:
        file.append(rows, file.read().version)
    assert file.read().rows == [json.loads(json.dumps(row)) for rows in appended for row in rows]


def test_nothing_of_a_row_stays_where_the_disk_is_full(tmp_path: Path) -> None:
    file = AppendOnlyFile(tmp_path / "a.jsonl")
    seen = file.append([{"n": 1}], file.read().version)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))  # a write to the limit takes a part, as on a full disk
    try:
        with pytest.raises(OSError, match="too large"):
            file.append([{"n": "x" * 50}], seen)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read().rows == [{"n": 1}]
