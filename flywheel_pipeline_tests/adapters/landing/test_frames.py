"""Compressed files of the OpenTelemetry Collector: a damaged message costs that message, wherever it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline_tests.adapters.landing.files import LIMITS, blocks_of, problems_of

MESSAGES = [json.dumps({"resourceSpans": [{"n": n, "text": "x" * n * 50}]}).encode() for n in range(6)]


def framed(*messages: bytes) -> list[bytes]:
    frames = [zstandard.ZstdCompressor(write_checksum=True).compress(m) for m in messages]
    return [len(f).to_bytes(4, "big") + f for f in frames]


def read(folder: Path, data: bytes, limits: BlockLimits = LIMITS) -> tuple[list[int], list[str]]:
    """Return the numbers of the messages that were read, and the problems."""
    blocks = blocks_of(folder, data, limits)
    lines = b"".join(b.data for b in blocks if not b.problem).split(b"\n")
    return [json.loads(line)["resourceSpans"][0]["n"] for line in lines if line], problems_of(blocks)


def test_all_messages_are_read_as_lines(tmp_path: Path) -> None:
    assert read(tmp_path, b"".join(framed(*MESSAGES))) == ([0, 1, 2, 3, 4, 5], [])


@pytest.mark.parametrize("at", [8, 12, -1])
def test_a_damaged_message_is_reported_by_its_number_and_the_others_are_read(tmp_path: Path, at: int) -> None:
    frames = [bytearray(f) for f in framed(*MESSAGES)]
    frames[2][at] ^= 0xFF
    found, problems = read(tmp_path, b"".join(frames))
    assert found == [0, 1, 3, 4, 5]
    assert len(problems) == 1 and problems[0].startswith("message 3 of the compressed file is damaged")


@pytest.mark.parametrize("length", [0, 7, 40, 10_000, 2**32 - 1])
def test_a_damaged_length_costs_its_own_message(tmp_path: Path, length: int) -> None:
    frames = framed(*MESSAGES)
    frames[2] = length.to_bytes(4, "big") + frames[2][4:]
    found, problems = read(tmp_path, b"".join(frames))
    assert found == [0, 1, 3, 4, 5]
    assert problems and "damaged" in problems[0]


def test_a_length_that_covers_the_next_messages_costs_none(tmp_path: Path) -> None:
    frames = framed(*MESSAGES)
    frames[2] = (len(frames[2]) + len(frames[3])).to_bytes(4, "big") + frames[2][4:]
    assert read(tmp_path, b"".join(frames)) == ([0, 1, 2, 3, 4, 5], [])


def test_bytes_that_are_missing_in_the_middle_cost_two_messages_at_most(tmp_path: Path) -> None:
    data = b"".join(framed(*MESSAGES))
    cut = len(b"".join(framed(*MESSAGES[:2]))) + 9
    found, problems = read(tmp_path, data[:cut] + data[cut + 20 :])
    assert {0, 1, 4, 5} <= set(found) and problems


def test_a_file_that_breaks_off_loses_its_last_message(tmp_path: Path) -> None:
    found, problems = read(tmp_path, b"".join(framed(*MESSAGES))[:-3])
    assert found == [0, 1, 2, 3, 4]
    assert problems == ["message 6 of the compressed file is damaged (it breaks off): the others were read"]


def test_a_message_that_is_a_bomb_ends_the_reading(tmp_path: Path) -> None:
    bomb = framed(b'{"a":"' + b"0" * 100_000_000)[0]
    found, problems = read(tmp_path, framed(MESSAGES[0])[0] + bomb)
    assert found == [0] and "decompression bomb" in problems[0]


@given(st.data())
def test_whatever_is_damaged_nothing_is_raised_and_what_is_read_is_right(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(b"".join(framed(*MESSAGES)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.zst"
    path.write_bytes(bytes(whole))
    blocks = list(read_blocks(path, LIMITS))
    lines = [line for b in blocks if not b.problem for line in b.data.split(b"\n") if line]
    assert set(lines) <= set(MESSAGES)
    assert len(set(lines)) + len(problems_of(blocks)) >= len(MESSAGES) - 2
