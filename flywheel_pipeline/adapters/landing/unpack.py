"""A file's bytes as UTF-8, decompressed where it is gzip or zstd, with a guard against decompression bombs."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import zstandard

from flywheel_pipeline.adapters.landing.frames import ZSTD, FramedReader, TooLargeError

GZIP = b"\x1f\x8b"
MAX_RATIO = 250
"""Times that a file may grow when decompressed; logs grow 5 to 50 times."""
FREE = 64_000_000
"""Decompressed bytes up to which any ratio is accepted."""
STEP = 1 << 16
"""Decompressed bytes read at once: what a damaged file loses before its end."""
COMPRESSED_STEP = 1 << 12
"""Compressed bytes decompressed at once: it bounds what a bomb can grow to before it is noticed."""
MAX_WINDOW = 1 << 27
ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""Byte order marks of encodings other than UTF-8, which Excel and PowerShell write; the longer ones first."""

Watch = Callable[[bytes], object]
_BOMB = f"decompressed it is over {MAX_RATIO} times as large, like a decompression bomb: the rest was not read"


class UnpackError(Exception):
    """A compressed file is damaged or a bomb, or text is not of its encoding; the message says which."""


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
            data = self._frame.unused_data if self._frame.eof else b""
            data = data or self._file.read(COMPRESSED_STEP)
            if not data:
                if not self._frame.eof:
                    raise EOFError("it breaks off")
                return b""
            if self._frame.eof:
                self._frame = self._new()
            self._held, self._at = self._frame.decompress(data), 0
        out = self._held[self._at : self._at + size]
        self._at += len(out)
        return out


class _Recoded:
    """Text of another encoding as UTF-8."""

    def __init__(self, raw: _Source, encoding: str) -> None:
        self._raw, self._decoder = raw, codecs.getincrementaldecoder(encoding)()
        self._held, self._ended = b"", False

    def read(self, size: int, /) -> bytes:
        while not self._held and not self._ended:
            data = self._raw.read(STEP)
            self._ended = not data
            # A lone surrogate is no error here: JSON reports or replaces it where it stands.
            self._held = self._decoder.decode(data, self._ended).encode("utf-8", "replace")
        out, self._held = self._held[:size], self._held[size:]
        return out


class Stream(Protocol):
    """The bytes that a file holds, with a look ahead."""

    converted: bool
    """Whether the file itself holds other bytes than these."""
    lost: Sequence[tuple[int, str]]
    """(number of a piece from 1, why it is missing) of the pieces that were passed over so far."""

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
        """Return the number of bytes to the end of the line that is `size` bytes ahead.

        It is `size` where that is not known, or the line is longer than `most`.
        """
        ...

    def finish(self) -> None:
        """Read what has not been read yet.

        Raises:
            UnpackError: the file is damaged, which was not reported yet.
        """
        ...


class _Plain:
    converted = False
    lost: Sequence[tuple[int, str]] = ()

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


class _Converted:
    converted = True

    def __init__(self, raw: _Source, file_size: int) -> None:
        self._raw, self._file_size, self._read = raw, file_size, 0
        self.lost: Sequence[tuple[int, str]] = raw.lost if isinstance(raw, FramedReader) else ()
        self._ahead = b""
        self._problem: UnpackError | None = None
        self._is_reported = False

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
            self._is_reported = True
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
        """Raise the problem that ended the reading, unless it was raised; the file was watched when it was opened."""
        if self._problem is not None and not self._is_reported:
            self._is_reported = True
            raise self._problem

    def _next(self, size: int) -> bytes:
        try:
            data = self._raw.read(min(size, STEP))
        except (UnpackError, TooLargeError) as error:
            self._problem = error if isinstance(error, UnpackError) else UnpackError(_BOMB)
            return b""
        except UnicodeDecodeError as error:
            self._problem = UnpackError(f"not valid {error.encoding.upper()}: only what comes before was read")
            return b""
        except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
            self._problem = UnpackError(f"the compressed file is damaged ({error}): only what comes before was read")
            return b""
        self._read += len(data)
        if self._read > max(FREE, MAX_RATIO * self._file_size):
            self._problem = UnpackError(_BOMB)
        return data


@contextmanager
def open_stream(path: Path, watch: Watch = lambda _: None, encoding: str | None = None) -> Iterator[Stream]:
    """Open a file for reading as UTF-8, decompressed where its first bytes say that it is compressed.

    `encoding` is that of the text where it is known to be another one, and its byte order mark does not name it.
    `watch` is given every byte of the file as it is, compressed or not, in order and before anything is made of it.
    """
    with path.open("rb") as file:
        magic = file.read(2 * len(ZSTD))
        file.seek(0)
        is_compressed = magic.startswith((GZIP, ZSTD)) or magic[len(ZSTD) :] == ZSTD
        if not is_compressed and not encoding and not _encoding_of(magic):
            yield _Plain(file, watch)
            return
        size = 0
        while data := file.read(STEP):
            watch(data)
            size += len(data)
        file.seek(0)
        with _source(file, magic, size) as source:
            stream = _Converted(source, size)
            start = stream.peek(STEP)
            is_known = start.startswith((codecs.BOM_UTF8, b"PAR1"))
            named = None if is_known else _encoding_of(start) or encoding
            yield _Converted(_Recoded(stream, named), size) if named else stream


@contextmanager
def _source(file: IO[bytes], magic: bytes, size: int) -> Iterator[_Source]:
    """Yield what the file holds, decompressed."""
    if magic.startswith(ZSTD):
        yield _Zstd(file)
    elif magic[len(ZSTD) :] == ZSTD:
        yield FramedReader(file, size, MAX_RATIO, FREE, MAX_WINDOW)
    elif magic.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as decompressed:
            yield decompressed
    else:
        yield file


def _encoding_of(head: bytes) -> str | None:
    """Return the encoding that a byte order mark names, if it is not UTF-8."""
    return next((encoding for mark, encoding in ENCODINGS if head.startswith(mark)), None)
