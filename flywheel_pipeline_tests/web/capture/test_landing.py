"""Landing files of the endpoint: rotated, whole after a crash, and nothing of a write that failed."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from flywheel_pipeline.web.capture.landing import LandingFile, recover

DEAD = "otlp-20250602T120000Z-1-0123abcd.jsonl"


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_a_file_is_put_into_place_when_it_is_full(tmp_path: Path) -> None:
    file = LandingFile(tmp_path, "otlp", max_bytes=8, max_seconds=99)
    for text in (b"aaaa\n", b"bbbb\n", b"cccc\n"):
        file.write(text)
    assert sorted(Path(n).suffix for n in files(tmp_path)) == [".jsonl", ".part"]
    file.close()
    assert sorted(files(tmp_path).values()) == [b"aaaa\nbbbb\n", b"cccc\n"]
    assert all(n.endswith(".jsonl") for n in files(tmp_path))


def test_a_file_is_put_into_place_when_it_is_old(tmp_path: Path) -> None:
    file = LandingFile(tmp_path, "otlp", max_bytes=99, max_seconds=0)
    file.write(b"a\n")
    assert list(files(tmp_path).values()) == [b"a\n"] and file.seconds_left() is None


def test_nothing_that_was_written_means_no_file(tmp_path: Path) -> None:
    LandingFile(tmp_path, "otlp", 99, 99).close()
    assert files(tmp_path) == {}


def test_what_a_dead_writer_left_is_put_into_place_without_its_torn_line(tmp_path: Path) -> None:
    (tmp_path / f"{DEAD}.part").write_bytes(b"one\ntwo\ntor" + b"n" * 200_000)
    (tmp_path / f"{DEAD}x.part").write_bytes(b"of somebody else")
    recover(tmp_path)
    assert files(tmp_path) == {DEAD: b"one\ntwo\n", f"{DEAD}x.part": b"of somebody else"}


def test_what_holds_no_whole_line_goes_away(tmp_path: Path) -> None:
    (tmp_path / f"{DEAD}.part").write_bytes(b"torn")
    recover(tmp_path)
    assert files(tmp_path) == {}


def test_a_file_that_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    file = LandingFile(tmp_path, "otlp", 99, 99)
    file.write(b"a\n")
    recover(tmp_path)
    assert [Path(n).suffix for n in files(tmp_path)] == [".part"]
    file.write(b"b\n")
    file.close()
    assert list(files(tmp_path).values()) == [b"a\nb\n"]


def test_of_a_write_that_failed_nothing_stays_and_the_next_one_succeeds(tmp_path: Path) -> None:
    file = LandingFile(tmp_path, "otlp", 10_000_000, 99)
    file.write(b"a\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(OSError):
            file.write(b"b\n" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file.write(b"c\n")
    file.close()
    assert sorted(files(tmp_path).values()) == [b"a\n", b"c\n"]
