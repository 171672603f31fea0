"""The body of a request: decompressed as it arrives, with no more of it in memory than the limits allow."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from flywheel_pipeline.web.capture.responses import RETRY_SECONDS, Refused, busy

SECONDS = 30
"""How long a body may take to arrive."""
PIECE = 1 << 18
"""How many bytes of a body are decompressed at once."""


class Budget:
    """How many bytes all requests together may hold."""

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Yield a lease from which one request takes its bytes, which are returned at the end."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self.used -= lease.held


class Lease:
    """The bytes that one request holds."""

    def __init__(self, budget: Budget) -> None:
        self.budget, self.held = budget, 0

    def take(self, n: int) -> None:
        """Hold `n` bytes more.

        Raises:
            Refused: 503, all requests together hold too much.
        """
        if self.budget.used + n > self.budget.limit:
            raise busy("too much is being sent at once: send it again", RETRY_SECONDS["full"])
        self.budget.used += n
        self.held += n

    def give_back(self, n: int) -> None:
        """Hold `n` bytes less."""
        self.budget.used -= n
        self.held -= n


async def read_body(request: Request, limit: int, lease: Lease) -> bytes:
    """Return the body of a request, decompressed.

    Raises:
        Refused: 413, it is larger than `limit`; 400, it cannot be decompressed; 415, unknown encoding; 408, too slow.
        ClientDisconnect: the client went away before the end.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > limit:
        raise _too_large(limit)
    try:
        return await asyncio.wait_for(_read(request, limit, lease), SECONDS)
    except asyncio.TimeoutError:
        raise Refused(408, f"the body did not arrive in {SECONDS} seconds") from None


async def _read(request: Request, limit: int, lease: Lease) -> bytes:
    decompress = _decompressor(request.headers.get("content-encoding", ""))
    parts, size = [], 0
    async for chunk in request.stream():
        for part in decompress.feed(chunk) if chunk else ():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            lease.take(len(part))
            parts.append(part)
            await asyncio.sleep(0)  # other requests have their turn: a small chunk may hold a huge body
    decompress.end()
    return b"".join(parts)


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body is larger than {limit} bytes: send smaller batches, or raise serve.max_body_mb")


class _Plain:
    """An uncompressed body."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the data."""
        yield data

    def end(self) -> None:
        """Take note that the body is complete."""


class _Zlib(_Plain):
    """A body in gzip, or in `deflate` (which is zlib's format)."""

    def __init__(self) -> None:
        self._decompress = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by the first bytes
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield `data` decompressed, a piece at a time: a small body may hold a huge one."""
        self._fed = True
        piece = data
        while data or len(piece) == PIECE:  # of a full piece the rest may be within, without any data left
            try:
                piece = self._decompress.decompress(data, PIECE)
            except zlib.error as error:
                raise Refused(400, f"the body cannot be decompressed: {error}") from None
            yield piece
            data = self._decompress.unconsumed_tail
        if self._decompress.unused_data:
            raise Refused(400, "there is data after the end of the compressed body")

    def end(self) -> None:
        """Refuse a body that ends early."""
        if self._fed and not self._decompress.eof:
            raise Refused(400, "the compressed body ends early")


def _decompressor(encoding: str) -> _Plain:
    name = encoding.strip().lower()
    if name in ("gzip", "x-gzip", "deflate"):
        return _Zlib()
    if name in ("", "identity"):
        return _Plain()
    raise Refused(415, f"unknown Content-Encoding {name[:40]!r}: send gzip, or plain", {"Accept-Encoding": "gzip"})
