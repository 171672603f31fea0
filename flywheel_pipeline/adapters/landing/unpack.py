"""A file's bytes, unpacked where it is gzip or zstd, with a guard against decompression bombs."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import zstandard

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
MAX_RATIO = 250
"""Times that a file may grow when unpacked; logs grow 5 to 50 times."""
FREE = 64_000_000
"""Unpacked bytes that no ratio is asked of."""
STEP = 1 << 16
"""Unpacked bytes read at once: what a damaged file loses before its end."""
PACKED_STEP = 1 << 12
"""Packed bytes unpacked at once: a bomb's ratio is bounded by it, not by the file."""
MAX_WINDOW = 1 << 27


Watch = Callable[[bytes], object]


class UnpackError(Exception):
    """A packed file is damaged or a bomb; the text says which."""


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Zstd:
    """Frames of zstd one after the other; unlike the library's own reader it notices a file that breaks off."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._held, self._at = file, b"", 0
        self._frame = self._new()

    def _new(self) -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj(write_size=STEP)

    def read(self, size: int, /) -> bytes:
        while self._at == len(self._held):
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._file.read(PACKED_STEP)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("it breaks off")
                return b""
            if self._frame.eof:
                self._frame = self._new()
            self._held, self._at = self._frame.decompress(packed), 0
        out = self._held[self._at : self._at + size]
        self._at += len(out)
        return out


class Stream(Protocol):
    """The bytes that a file holds, with a look ahead."""

    packed: bool
    """Whether the file itself holds other bytes than these."""

    @property
    def at(self) -> int:
        """How many bytes were taken."""
        ...

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` of them unless the file ends before.

        Raises:
            UnpackError: the file is damaged, or grows beyond reason; what came before was returned.
        """
        ...

    def peek(self, size: int) -> bytes:
        """Return the next bytes without taking them."""
        ...

    def line_end(self, size: int, most: int) -> int:
        """Return how many bytes there are to the end of the line that is `size` bytes ahead.

        It is `size` where that can not be told, or the line is longer than `most`.
        """
        ...

    def finish(self) -> None:
        """Take what nobody has read."""
        ...


class _Plain:
    packed = False

    def __init__(self, file: IO[bytes], watch: Watch) -> None:
        self._file, self._watch, self._read = file, watch, 0

    @property
    def at(self) -> int:
        return self._read

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._read += len(data)
        self._watch(data)
        return data

    def peek(self, size: int) -> bytes:
        data = self._file.read(size)
        self._file.seek(self._read)
        return data

    def line_end(self, size: int, most: int) -> int:
        self._file.seek(self._read + size)
        found, end = size, 0
        while not end and found - size <= most and (data := self._file.read(STEP)):
            end = data.find(b"\n") + 1
            found += end or len(data)
        self._file.seek(self._read)
        return found if end and found - size <= most else size

    def finish(self) -> None:
        while self.read(STEP):
            pass


class _Packed:
    packed = True

    def __init__(self, raw: _Source, packed_size: int) -> None:
        self._raw, self._packed_size, self._read = raw, packed_size, 0
        self._ahead = b""
        self._problem: UnpackError | None = None

    @property
    def at(self) -> int:
        return self._read - len(self._ahead)

    def read(self, size: int) -> bytes:
        parts, missing = [self._ahead[:size]], size - len(self._ahead)
        self._ahead = self._ahead[size:]
        while missing > 0 and self._problem is None and (data := self._next(missing)):
            parts.append(data)
            missing -= len(data)
        if self._problem is not None and not any(parts):
            raise self._problem
        held = [part for part in parts if part]
        return held[0] if len(held) == 1 else b"".join(held)

    def peek(self, size: int) -> bytes:
        ahead = self.read(size)
        self._ahead = ahead + self._ahead
        return ahead

    def line_end(self, size: int, most: int) -> int:
        return size

    def finish(self) -> None:
        """Do nothing: whoever watches has seen the packed bytes before."""

    def _next(self, size: int) -> bytes:
        try:
            data = self._raw.read(min(size, STEP))
        except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
            self._problem = UnpackError(f"the packed file is damaged ({error}): only what comes before was read")
            return b""
        self._read += len(data)
        if self._read > max(FREE, MAX_RATIO * self._packed_size):
            told = f"unpacked it is over {MAX_RATIO} times as large, like a decompression bomb: the rest was not read"
            self._problem = UnpackError(told)
        return data


@contextmanager
def open_stream(path: Path, watch: Watch = lambda _: None) -> Iterator[Stream]:
    """Open a file for reading, unpacked where its first bytes say that it is packed.

    `watch` is given every byte of the file as it is, packed or not, in order and before anything is made of it.
    """
    with path.open("rb") as file:
        magic = file.read(len(ZSTD))
        file.seek(0)
        if not magic.startswith((GZIP, ZSTD)):
            yield _Plain(file, watch)
            return
        size = 0
        while data := file.read(STEP):
            watch(data)
            size += len(data)
        file.seek(0)
        if magic == ZSTD:
            yield _Packed(_Zstd(file), size)
        else:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield _Packed(unpacked, size)
