"""How far concurrent work has come, as one line now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0


@dataclass
class Progress:
    """Counts of one run of `ModelClient.map`; a line is logged every `EVERY_SECONDS`, and at the end of a long run."""

    n_items: int
    say: Callable[[str], None] = log.info
    clock: Callable[[], float] = time.monotonic
    n_done: int = 0
    n_calls: int = 0
    n_cached: int = 0
    n_errors: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    _started: float = field(init=False)
    _said: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self._said = self.clock()

    def done(self) -> None:
        """Count an item that is finished; say how far the work is, if it is time."""
        self.n_done += 1
        now = self.clock()
        if now - self._said >= EVERY_SECONDS:
            self._said = now
            self.say(self.line(now))

    def end(self) -> None:
        """Say the last line, where there was one before."""
        if self._said > self._started:
            self.say(self.line(self.clock()))

    def line(self, now: float) -> str:
        """Return the line: done, requests, cached, errors, cost, rate, time left."""
        seconds = max(now - self._started, 1e-9)
        left = (self.n_items - self.n_done) * seconds / max(self.n_done, 1)
        cost = f"{self.cost_usd:.4f} USD" + (f" and {self.unpriced} calls of unknown price" if self.unpriced else "")
        return (
            f"{self.n_done} of {self.n_items} done: {self.n_calls} requests, {self.n_cached} from the cache, "
            f"{self.n_errors} errors, {cost}, {self.n_calls / seconds:.1f} requests/s, about {left:.0f} s left"
        )
