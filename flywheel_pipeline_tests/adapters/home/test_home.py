"""The files of a flywheel home are found, bounded when read, and never half believed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home import Home, HomeFile
from flywheel_pipeline.errors import CorruptFileError


def _put(path: Path, content: str | bytes = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _only_file(root: Path) -> HomeFile:
    (file,) = Home(root).files("traces")
    return file


def test_files_are_found_in_sub_folders_and_named_relative_to_their_folder(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "2025/06/02.jsonl"):
        _put(tmp_path / "traces" / name)
    assert [f.name for f in Home(tmp_path).files("traces")] == ["2025/06/02.jsonl", "a.jsonl", "b.jsonl"]


@pytest.mark.parametrize(
    "name",
    [".hidden.jsonl", ".git/a.jsonl", "a.jsonl.tmp", "a.part", "~$labels.xlsx", "~a.jsonl", "README.md", "x/.DS_Store"],
)
def test_hidden_and_temporary_files_and_notes_are_left_out(tmp_path: Path, name: str) -> None:
    _put(tmp_path / "traces" / name)
    _put(tmp_path / "traces" / "kept.jsonl")
    assert [f.name for f in Home(tmp_path).files("traces")] == ["kept.jsonl"]


def test_a_home_in_a_hidden_folder_shows_its_files(tmp_path: Path) -> None:
    _put(tmp_path / ".cache" / "home" / "traces" / "a.jsonl")
    assert _only_file(tmp_path / ".cache" / "home").name == "a.jsonl"


def test_a_folder_that_is_not_there_holds_no_files(tmp_path: Path) -> None:
    assert Home(tmp_path).files("labels") == []


def test_the_stamp_changes_with_the_size_and_with_the_time_of_a_change(tmp_path: Path) -> None:
    path = _put(tmp_path / "traces" / "a.jsonl", "one")
    os.utime(path, ns=(10**18, 10**18))
    before = _only_file(tmp_path).stamp
    _put(path, "longer")
    os.utime(path, ns=(10**18, 10**18))
    longer = _only_file(tmp_path).stamp
    os.utime(path, ns=(10**18, 10**18 + 1))
    assert len({before, longer, _only_file(tmp_path).stamp}) == 3


@pytest.mark.parametrize("lock", ["~$a.xlsx", ".~lock.a.xlsx#"])
def test_a_file_that_a_spreadsheet_has_open_is_not_settled(tmp_path: Path, lock: str) -> None:
    _put(tmp_path / "traces" / "a.xlsx")
    beside = _put(tmp_path / "traces" / lock)
    assert _only_file(tmp_path).locked
    assert Home(tmp_path).settled_files("traces", 0) == []
    beside.unlink()
    assert [f.name for f in Home(tmp_path).settled_files("traces", 0)] == ["a.xlsx"]


def test_the_fingerprint_is_of_the_content_alone(tmp_path: Path) -> None:
    content = b"line\n" * 500_000
    path = _put(tmp_path / "traces" / "a.jsonl", content)
    before = _only_file(tmp_path).fingerprint()
    os.utime(path, ns=(10**18, 10**18))
    assert _only_file(tmp_path).fingerprint() == before == hashlib.sha256(content).hexdigest()
    _put(path, content + b"!")
    assert _only_file(tmp_path).fingerprint() != before


VALUES = [
    {"name": "größe 😀", "list": [1, None, True, 0.5], "nested": {"text": "a: b\n---\n# c\n- d"}},
    {"looks like": ["no", "1e3", "2025-06-02", "null", "0x1", ""], "odd": "\x00\x85\u2028 '\" \\"},
    [],
]


@pytest.mark.parametrize("value", VALUES)
def test_yaml_comes_back_as_it_was_written(tmp_path: Path, value: Any) -> None:
    home = Home(tmp_path)
    home.write_yaml("taxonomy/taxonomy.yaml", value)
    assert home.read_yaml("taxonomy/taxonomy.yaml") == value


def test_yaml_keeps_the_order_of_its_keys_and_readable_letters_for_people(tmp_path: Path) -> None:
    Home(tmp_path).write_yaml("t.yaml", {"b": "größe", "a": 1})
    assert (tmp_path / "t.yaml").read_text(encoding="utf-8") == "b: größe\na: 1\n"


def test_a_yaml_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert Home(tmp_path).read_yaml("taxonomy/taxonomy.yaml") is None


@pytest.mark.parametrize("content", [b"a: [1\n", b"a: b: c\n", b"\xff\xfe\x00", b"a: \x07\n"])
def test_a_damaged_yaml_file_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = _put(tmp_path / "t.yaml", content)
    with pytest.raises(CorruptFileError, match=r"t\.yaml is not valid YAML"):
        Home(tmp_path).read_yaml("t.yaml")
    assert path.read_bytes() == content
