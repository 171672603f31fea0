"""JSONL in blocks: nothing is lost, added or torn, whatever the size of the blocks."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline.adapters.landing.lines import line_blocks
from flywheel_pipeline.adapters.landing.unpack import open_stream
from flywheel_pipeline.ports import Block
from flywheel_pipeline_tests.adapters.landing.files import PACKERS, peak_of

MB = 1_000_000


def blocks(data: bytes, max_line: int, size: int, packer: str = "plain") -> list[Block]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(PACKERS[packer](data))
        with open_stream(path) as stream:
            return list(line_blocks(stream, max_line, size))


texts = st.lists(st.text("ab{}\r é", max_size=12), max_size=12).map("\n".join).map(str.encode)


@given(texts, st.integers(1, 80), st.sampled_from(sorted(PACKERS)))
def test_blocks_put_together_are_the_file_and_each_knows_its_first_line(data: bytes, size: int, packer: str) -> None:
    found = blocks(data, 1000, size, packer)
    assert b"".join(b.data for b in found) == data
    at = 0
    for block in found:
        assert block.kind == "lines" and not block.problem and block.data
        assert at == 0 or data[at - 1 : at] == b"\n"  # a block begins with a line
        assert block.offset == (at if packer == "plain" else None)
        assert block.first_line == data[:at].count(b"\n") + 1
        at += len(block.data)


@given(texts, st.integers(1, 80), st.integers(1, 25))
def test_exactly_the_lines_that_are_too_long_are_reported_whatever_the_size_of_a_block(
    data: bytes, size: int, max_line: int
) -> None:
    found = blocks(data, max_line, size)
    lines = data.split(b"\n")
    long = [n for n, line in enumerate(lines, 1) if len(line) > max_line]
    assert [b.first_line for b in found if b.problem] == long
    for block in found:
        if block.problem:
            assert block.data[:max_line] == lines[block.first_line - 1][:max_line]
        else:
            assert data[block.offset or 0 :].startswith(block.data)
    kept = {
        n: line
        for b in found
        if not b.problem
        for n, line in enumerate(b.data.removesuffix(b"\n").split(b"\n"), b.first_line)
    }
    assert {n: line for n, line in kept.items() if line} == {
        n: line for n, line in enumerate(lines, 1) if line and n not in long
    }


@given(texts, st.integers(1, 80), st.integers(1, 25))
def test_a_block_is_no_larger_than_its_size_and_one_line(data: bytes, size: int, max_line: int) -> None:
    assert all(len(b.data) <= size + max_line for b in blocks(data, max_line, size))


def test_the_beginning_of_a_line_that_is_too_long_holds_nothing_of_the_next() -> None:
    found = blocks(b"x" * 20 + b"\nsecret\n", 10, 1000)
    assert [b.data for b in found] == [b"x" * 20, b"secret\n"]


@pytest.mark.parametrize("packer", PACKERS)
def test_a_line_of_50_mb_is_reported_and_not_held(tmp_path: Path, packer: str) -> None:
    path = tmp_path / "a.jsonl"
    noise = random.Random(1).randbytes(25 * MB).hex().encode()
    path.write_bytes(PACKERS[packer](b'{"a": 1}\n{"a": "' + noise + b'"}\n{"a": 2}\n'))
    found: list[tuple[int, str]] = []
    limits = BlockLimits(line=2 * MB, document=20 * MB, block=2 * MB)
    peak = peak_of(lambda: read_blocks(path, limits), lambda b: found.append((b.first_line, b.problem[:11])))
    assert found == [(1, ""), (2, "longer than"), (3, "")]
    assert peak < 16 * MB


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_of_a_file_that_breaks_off_the_whole_lines_are_there_and_then_the_reason(packer: str) -> None:
    lines = [b'{"a": "%032x"}\n' % random.Random(i).getrandbits(128) for i in range(20_000)]
    packed = PACKERS[packer](b"".join(lines))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(packed[: len(packed) // 2])
        *good, last = read_blocks(path, BlockLimits(1000, 1000, 50_000))
    whole = b"".join(b.data for b in good)
    assert b"".join(lines).startswith(whole)
    assert whole.endswith(b"\n") and len(whole) > 100_000
    assert "damaged" in last.problem and last.first_line == whole.count(b"\n") + 1


def test_a_file_that_breaks_off_within_a_line_that_is_too_long_is_reported_too(tmp_path: Path) -> None:
    packed = PACKERS["gzip"](b'{"a": 1}\n{"a": 2}\n' + bytes(range(97, 123)) * 100_000)
    (tmp_path / "a").write_bytes(packed[: len(packed) // 2])
    first, *others = read_blocks(tmp_path / "a", BlockLimits(1000, 1000, 5000))
    assert first.data == b'{"a": 1}\n{"a": 2}\n'
    assert "damaged" in others[-1].problem
