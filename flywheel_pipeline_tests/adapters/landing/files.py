"""Landing files for the tests of this folder, and what reading one holds in memory."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import zstandard

from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline.ports import Block

LIMITS = BlockLimits(line=1_000_000, document=5_000_000, block=100_000)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": lambda data: gzip.compress(data, compresslevel=1, mtime=0),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}
T = TypeVar("T")


def blocks_of(folder: Path, data: bytes, limits: BlockLimits = LIMITS) -> list[Block]:
    """Read a file that holds `data`."""
    path = folder / "landed"
    path.write_bytes(data)
    return list(read_blocks(path, limits))


def rows_of(blocks: list[Block]) -> list[Any]:
    """Return the rows of all blocks, without their numbers."""
    return [row for block in blocks for _, row in block.rows]


def problems_of(blocks: list[Block]) -> list[str]:
    return [b.problem for b in blocks if b.problem]


def zeros_as_zstd(size: int) -> bytes:
    """A frame of zstd whose blocks each say `the same byte 128 KiB times`: the densest that the format allows."""
    block, n = 1 << 17, size >> 17
    headers = [((block << 3) | (1 << 1) | (i == n - 1)).to_bytes(3, "little") + b"0" for i in range(n)]
    window = 7 << 3  # 128 KiB; no checksum, no content size
    return b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([window]) + b"".join(headers)


def peak_of(read: Callable[[], Iterator[T]], seen: Callable[[T], object] = lambda _: None) -> int:
    """Return the bytes that reading holds at most; what is read is looked at and let go."""
    tracemalloc.start()
    try:
        for item in read():
            seen(item)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
