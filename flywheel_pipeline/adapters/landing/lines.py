"""JSONL in blocks of whole lines; a line that is too long is a block of its own, with its beginning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flywheel_pipeline.adapters.landing.unpack import Stream, UnpackError
from flywheel_pipeline.ports import Block

KEPT = 4000
_PIECE = 1 << 18


def line_blocks(stream: Stream, max_line: int, size: int) -> Iterator[Block]:
    """Yield blocks of about `size` bytes, each of whole lines; never more than that and one line in memory.

    Where the stream breaks off, the last block says why; the whole lines before it come first.
    """
    number, held, problem = 1, b"", ""
    while not problem:
        asked = stream.line_end(size, max_line)
        try:
            data = stream.read(asked)
        except UnpackError as error:
            data, problem = b"", str(error)
        if not data and not problem:
            break
        offset = None if stream.converted else stream.at - len(data) - len(held)
        is_last = len(data) < asked and not problem and not stream.converted  # its last line may have no end
        whole, held = (held + data, b"") if is_last else _whole_lines(held, data)
        if whole:
            yield from _checked(number, whole, max_line, offset)
            number += _n_lines(whole)
        if len(held) > max_line:
            yield _too_long(number, held, max_line)
            held = _skip(stream, size)
            number += 1
    if problem:
        yield Block("lines", number, held[:KEPT], problem=problem)
    elif held:
        yield from _checked(number, held, max_line, None if stream.converted else stream.at - len(held))


def _whole_lines(held: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return the whole lines of what is held and what came, and the rest; copied once only, for blocks are large."""
    end = data.rfind(b"\n") + 1
    if not held and end == len(data):
        return data, b""
    if end:
        return b"".join((held, memoryview(data)[:end])), data[end:]
    held += data
    end = held.rfind(b"\n") + 1
    return held[:end], held[end:]


def _n_lines(data: bytes) -> int:
    """Return how many lines end in the data; in arrays that the processor's cache holds, `bytes.count` takes longer."""
    pieces = (np.frombuffer(data, np.uint8)[at : at + _PIECE] for at in range(0, len(data), _PIECE))
    return sum(int(np.count_nonzero(piece == ord("\n"))) for piece in pieces)


def _checked(number: int, data: bytes, max_line: int, offset: int | None) -> Iterator[Block]:
    """Yield the block, taken apart where a line in it is too long; `offset` is where it begins in the file."""
    start = 0
    while True:
        at = _long_line(data, start, max_line)
        if at is None:
            break
        begin, end = at
        if begin > start:
            yield Block("lines", number, data[start:begin], offset=None if offset is None else offset + start)
        number += data.count(b"\n", start, begin)
        yield _too_long(number, data[begin : min(end, begin + KEPT)].rstrip(b"\n"), max_line)
        number, start = number + 1, end
    if start < len(data):
        yield Block("lines", number, data[start:], offset=None if offset is None else offset + start)


def _long_line(data: bytes, start: int, max_line: int) -> tuple[int, int] | None:
    """Return where the first line longer than `max_line` begins and where the next one does."""
    if len(data) - start <= max_line:
        return None
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if end - start > max_line:
            return start, min(end + 1, len(data))
        near = data.rfind(b"\n", start, start + max_line)
        start = near + 1 if near > end else end + 1
    return None


def _too_long(number: int, data: bytes, max_line: int) -> Block:
    reason = f"longer than {max_line} bytes: raise capture.max_line_mb to take it"
    return Block("lines", number, data[:KEPT], problem=reason)


def _skip(stream: Stream, size: int) -> bytes:
    """Read to the end of a line without keeping it; returns what was read beyond."""
    while data := stream.read(size):
        end = data.find(b"\n")
        if end >= 0:
            return data[end + 1 :]
    return b""
