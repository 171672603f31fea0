"""gzip and zstd: what is damaged is reported after what comes before it, and a bomb is never held in memory."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import duckdb
import pytest
import zstandard

from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline.adapters.landing.unpack import FREE, UnpackError, open_stream
from flywheel_pipeline.ports import Block
from flywheel_pipeline_tests.adapters.landing.files import PACKERS, blocks_of, peak_of, problems_of, zeros_as_zstd

LINES = b"".join(b'{"a": "%032x"}\n' % random.Random(i).getrandbits(128) for i in range(5000))
LIMITS = BlockLimits(line=1_000_000, document=2_000_000, block=1_000_000)
LARGE = FREE + FREE // 2
BOMBS = {
    "gzip": lambda: gzip.compress(b"0" * LARGE, mtime=0),
    "zstd": lambda: zstandard.ZstdCompressor().compress(b"0" * LARGE),
    "zstd without a size": lambda: zeros_as_zstd(LARGE),
}


@pytest.mark.parametrize("size", [1, 7, 4096, 10**7])
@pytest.mark.parametrize("packer", PACKERS)
def test_a_stream_gives_the_bytes_back_whatever_the_size_of_a_read(tmp_path: Path, packer: str, size: int) -> None:
    data = LINES[: 20 * size] if size < 100 else LINES
    (tmp_path / "a").write_bytes(PACKERS[packer](data))
    with open_stream(tmp_path / "a") as stream:
        assert stream.converted == (packer != "plain")
        assert stream.peek(5) == data[:5] and stream.peek(9) == data[:9]
        parts = list(iter(lambda: stream.read(size), b""))
        assert b"".join(parts) == data
        assert {len(p) for p in parts[:-1]} <= {size}
        assert stream.read(size) == stream.peek(size) == b""


@pytest.mark.parametrize("packer", PACKERS)
def test_a_look_ahead_takes_nothing_also_where_a_longer_one_came_before(tmp_path: Path, packer: str) -> None:
    (tmp_path / "a").write_bytes(PACKERS[packer](LINES))
    with open_stream(tmp_path / "a") as stream:
        assert stream.peek(9)[:9] == LINES[:9]
        assert stream.peek(3)[:3] == LINES[:3]
        assert stream.read(20) == LINES[:20]


def test_a_long_object_is_whole_where_lines_must_be_short(tmp_path: Path) -> None:
    data = b'{"a": "' + b"x" * 100_000 + b'"}'
    (block,) = blocks_of(tmp_path, data, BlockLimits(line=1000, document=200_000))
    assert block.data == data


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_compressed_pieces_one_after_the_other_are_one_file(tmp_path: Path, packer: str) -> None:
    packed = b"".join(PACKERS[packer](LINES[at : at + 1000]) for at in range(0, len(LINES), 1000))
    blocks = blocks_of(tmp_path, packed)
    assert problems_of(blocks) == []
    assert b"".join(b.data for b in blocks) == LINES


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.99])
@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_wherever_a_compressed_file_breaks_off_it_is_reported(tmp_path: Path, packer: str, share: float) -> None:
    packed = PACKERS[packer](LINES)
    blocks = blocks_of(tmp_path, packed[: max(4, int(share * len(packed)))])
    assert LINES.startswith(b"".join(b.data for b in blocks if not b.problem))
    (problem,) = problems_of(blocks)
    assert "damaged" in problem and "only what comes before was read" in problem


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_of_a_file_that_breaks_off_at_its_end_nearly_all_is_read(tmp_path: Path, packer: str) -> None:
    lines = LINES * 4
    packed = b"".join(PACKERS[packer](lines[at : at + 100_000]) for at in range(0, len(lines), 100_000))
    blocks = blocks_of(tmp_path, packed[: int(0.95 * len(packed))], LIMITS)
    assert sum(len(b.data) for b in blocks if not b.problem) > 0.7 * len(lines)


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_changed_bytes_are_reported_and_never_raised(tmp_path: Path, packer: str) -> None:
    packed, rng = PACKERS[packer](LINES), random.Random(7)
    reported = 0
    for _ in range(60):
        hurt = bytearray(packed)
        for _ in range(3):
            hurt[rng.randrange(4, len(hurt))] = rng.randrange(256)
        reported += bool(problems_of(blocks_of(tmp_path, bytes(hurt))))
    assert reported > 0


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_reported_and_what_it_decompresses_to_is_not_held(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[bomb]())
    assert path.stat().st_size < 1_000_000
    found: list[Block] = []
    peak = peak_of(lambda: read_blocks(path, LIMITS), found.append)
    assert any("decompression bomb" in b.problem or "longer than" in b.problem or "larger" in b.problem for b in found)
    assert peak < 300_000_000  # the densest 4 KiB of zstd are 128 MiB
    assert sum(len(b.data) for b in found) < 2 * LIMITS.line


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_of_short_lines_is_stopped_early(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "bomb"
    start = PACKERS[bomb.split()[0]](LINES)
    path.write_bytes(start + BOMBS[bomb]())
    n_lines = 0
    problems = []
    for block in read_blocks(path, LIMITS):
        n_lines += 0 if block.problem else block.data.count(b"\n")
        problems += [block.problem] if block.problem else []
    assert n_lines == LINES.count(b"\n")
    assert any("decompression bomb" in p for p in problems)


def test_a_window_that_would_take_gigabytes_is_refused(tmp_path: Path) -> None:
    window = 21 << 3  # 2 GiB
    frame = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([window]) + ((1 << 3) | 1).to_bytes(3, "little") + b"a"
    (problem,) = problems_of(blocks_of(tmp_path, frame))
    assert "damaged" in problem


def test_what_packs_well_but_is_no_bomb_is_read(tmp_path: Path) -> None:
    data = b'{"a": 1}\n' * 1_000_000  # packs over 400 times, but is small
    for packer in ("gzip", "zstd"):
        assert problems_of(blocks_of(tmp_path, PACKERS[packer](data))) == []


def test_a_damaged_stream_says_so_again_each_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PACKERS["gzip"](LINES)[:50_000])
    with open_stream(tmp_path / "a") as stream:
        for _ in range(2):
            with pytest.raises(UnpackError, match="damaged"):
                while stream.read(1000):
                    pass


KINDS = {
    "lines": LINES,
    "a document": b'{"a": [\n' + b'{"b": 1},\n' * 500 + b'{"b": 2}]}',
    "too large a document": b'{"a": [\n' + b'{"b": 1},\n' * 300_000 + b'{"b": 2}]}',
    "a line that is too long": b'{"a": 1}\n{"a": "' + b"x" * 1_500_000 + b'"}\n{"a": 2}\n',
    "CSV": b"a,b\n" + b"1,2\n" * 10_000,
    "CSV that breaks": b'a,b\n1,"' + b"2\n" * 1_000_000,
    "protobuf": bytes(range(256)) * 50,
    "nothing": b"",
    "spaces": b" \n" * 100_000,
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_whoever_watches_sees_each_byte_of_the_file_once_and_before_it_is_used(
    tmp_path: Path, kind: str, packer: str
) -> None:
    data = PACKERS[packer](KINDS[kind])
    (tmp_path / "a").write_bytes(data)
    seen = bytearray()
    for block in read_blocks(tmp_path / "a", LIMITS, seen.extend):
        used = len(data) if packer != "plain" else (block.offset or 0) + len(block.data)
        assert len(seen) >= used
    assert bytes(seen) == data


def test_whoever_watches_has_seen_all_of_a_parquet_file_before_its_first_row(tmp_path: Path) -> None:
    duckdb.execute(f"copy (select i as a from range(5000) t(i)) to '{tmp_path / 'a'}' (format parquet)")
    data, seen = (tmp_path / "a").read_bytes(), bytearray()
    blocks = [bytes(seen) == data for _ in read_blocks(tmp_path / "a", LIMITS, seen.extend)]
    assert blocks and all(blocks) and bytes(seen) == data


@pytest.mark.parametrize("size", [1, 1000, 70_000])
def test_a_block_ends_with_the_line_it_would_break_off_in(tmp_path: Path, size: int) -> None:
    (tmp_path / "a").write_bytes(LINES)
    with open_stream(tmp_path / "a") as stream:
        n = stream.line_end(size, 1000)
        assert LINES[:n].endswith(b"\n") and b"\n" not in LINES[size : n - 1]
        assert stream.line_end(size, 3) in (n, size)
        assert stream.line_end(len(LINES) + 5, 1000) == len(LINES) + 5
        assert stream.read(5) == LINES[:5]
