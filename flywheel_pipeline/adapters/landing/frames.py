"""Files of the OpenTelemetry Collector's file exporter with `compression: zstd`: a length and a frame of zstd each.

The length has four bytes, big-endian. A frame that is damaged costs its own message: the next one is found by its
length or, where that is damaged, by how frames begin. `lost` says which messages are missing.
"""

from __future__ import annotations

from typing import IO

import zstandard

ZSTD = b"\x28\xb5\x2f\xfd"
_HEADER = 4 + len(ZSTD)
_STEP = 1 << 16
_COMPRESSED_STEP = 1 << 12
MAX_LOST = 1_000
"""Damaged messages that are reported one by one."""


class TooLargeError(Exception):
    """A message grows beyond reason when it is decompressed."""


class FramedReader:
    """The messages of a file: JSON as lines, protobuf as in an uncompressed file, each behind its length.

    `max_ratio` is how many times as large a message may become, `free` the bytes up to which any ratio will do.
    """

    def __init__(self, file: IO[bytes], size: int, max_ratio: int, free: int, max_window: int) -> None:
        self._file, self._size, self._at = file, size, 0
        self._max_ratio, self._free, self._max_window = max_ratio, free, max_window
        self._held, self._taken, self._number = b"", 0, 0
        self.lost: list[tuple[int, str]] = []
        """(number of the message from 1, why it could not be read)"""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes of a message; none at the end of the file.

        Raises:
            TooLargeError: a message is like a decompression bomb.
        """
        if self._taken == len(self._held):
            self._held, self._taken = self._next(), 0
        out = self._held[self._taken : self._taken + size]
        self._taken += len(out)
        return out

    def _next(self) -> bytes:
        while self._at < self._size:
            self._number += 1
            self._file.seek(self._at)
            header = self._file.read(_HEADER)
            end = self._at + 4 + int.from_bytes(header[:4], "big")
            is_frame = header[4:] == ZSTD and end >= self._at + _HEADER
            if not is_frame or end > self._size:
                self._lose("it breaks off" if is_frame else "no frame begins there")
                self._at = self._find(self._at + 1)
                continue
            message = ZSTD + self._file.read(end - self._at - _HEADER)
            start, self._at = self._at, end
            try:
                data, length = self._decompressed(message)
                self._at = start + 4 + length  # where the length is wrong, the frame itself says where it ends
                return _as_line(data)
            except (EOFError, zstandard.ZstdError) as error:
                self._lose(str(error))
                if not self._begins_at(end):
                    self._at = self._find(start + 1)
        return b""

    def _lose(self, why: str) -> None:
        if len(self.lost) < MAX_LOST:
            self.lost.append((self._number, f"message {self._number} of the compressed file is damaged ({why})"))

    def _begins_at(self, at: int) -> bool:
        """Return whether a message begins at a place, or the file ends there."""
        self._file.seek(at)
        header = self._file.read(_HEADER)
        return at == self._size or (header[4:] == ZSTD and at + 4 + int.from_bytes(header[:4], "big") <= self._size)

    def _find(self, start: int) -> int:
        """Return where the next message begins that another one or the end of the file follows; else the end."""
        at, held = start, b""
        while at + len(held) < self._size:
            self._file.seek(at + len(held))
            held += self._file.read(_STEP)
            place = held.find(ZSTD, 4)
            while place >= 0:
                found = at + place - 4
                length = int.from_bytes(held[place - 4 : place], "big")
                if found + 4 + length <= self._size and self._begins_at(found + 4 + length):
                    return found
                place = held.find(ZSTD, place + 1)
            keep = _HEADER - 1
            at, held = at + max(0, len(held) - keep), held[-keep:]
        return self._size

    def _decompressed(self, message: bytes) -> tuple[bytes, int]:
        """Return the content of a frame, and the bytes that the frame itself takes."""
        most = max(self._free, self._max_ratio * len(message))
        parts, at, total = [], 0, 0
        frame = zstandard.ZstdDecompressor(max_window_size=self._max_window).decompressobj(write_size=_STEP)
        while at < len(message) and not frame.eof and total <= most:
            parts.append(frame.decompress(message[at : at + _COMPRESSED_STEP]))
            at, total = at + _COMPRESSED_STEP, total + len(parts[-1])
        if total > most:
            raise TooLargeError
        if not frame.eof:
            raise EOFError("it is incomplete")
        return b"".join(parts), min(at, len(message)) - len(frame.unused_data)


def _as_line(data: bytes) -> bytes:
    return data.rstrip(b"\n") + b"\n" if data[:1] == b"{" else len(data).to_bytes(4, "big") + data
