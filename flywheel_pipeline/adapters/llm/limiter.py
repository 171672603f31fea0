"""How many calls may be in flight at one endpoint, and how long one may take, both learned from what it answers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import TracebackType

MIN_SAMPLES = 50
"""Latencies that must be known before they decide the timeout."""

SLOW_FACTOR, MIN_TIMEOUT = 4.0, 2.0
"""A call is given up after this many times the 99th percentile of the latencies, but never before these seconds."""


class Limiter:
    """Calls in flight: halved when the provider asks for less (429), raised by one per round of successes.

    Additive increase, multiplicative decrease (Chiu & Jain 1989). Only a call that started after the last decrease
    causes another: calls that were already on their way say nothing new. Other errors do not shrink it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._cut_at = 0.0
        self._paused_until = 0.0

    async def __aenter__(self) -> None:
        if not self._waiting and self._free():
            self.in_flight += 1
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def throttled(self, started: float, wait: float) -> None:
        """Note a 429 of a call that began at `started` (`time.monotonic()`); no call starts for `wait` seconds."""
        now = time.monotonic()
        if started >= self._cut_at:
            self.limit = max(1.0, self.limit / 2)
            self._cut_at = now
        if now + wait > self._paused_until:
            self._paused_until = now + wait
            asyncio.get_running_loop().call_later(wait + 0.005, self._wake)

    def resume(self) -> None:
        """End a pause."""
        self._paused_until = 0.0
        self._wake()

    def succeeded(self) -> None:
        """Note an answer."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def _free(self) -> bool:
        return self.in_flight < int(self.limit) and time.monotonic() >= self._paused_until

    def _release(self) -> None:
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._free():
            future = self._waiting.popleft()
            if not future.done():
                self.in_flight += 1
                future.set_result(None)


class Latencies:
    """The newest latencies of one model, and the timeout that follows from them."""

    def __init__(self, most_seconds: float) -> None:
        self.most = most_seconds
        self._seen: deque[float] = deque(maxlen=500)
        self._n = 0
        self._timeout = most_seconds

    def add(self, seconds: float) -> None:
        """Note the latency of a call that was answered."""
        self._seen.append(seconds)
        self._n += 1
        if self._n >= MIN_SAMPLES and self._n % 25 == 0:
            self._learn()

    def timeout(self, n_timeouts: int) -> float:
        """Return the seconds to wait for an answer; doubled after every timeout of the same question."""
        return min(self.most, self._timeout * 2.0**n_timeouts)

    def _learn(self) -> None:
        ranked = sorted(self._seen)
        p99 = ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
        self._timeout = min(self.most, max(MIN_TIMEOUT, SLOW_FACTOR * p99))
