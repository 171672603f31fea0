"""What answers take: price, latency, length; each with the number of answers that it is known of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flywheel_pipeline.records import CaseAnswer


@dataclass(frozen=True)
class Usage:
    """What an answer takes when it is made, cached or not.

    Attributes:
        n: answers without an error.
        n_errors: answers that ended in one.
        usd_per_1000: price of a thousand answers; None where the price of some is not known.
        latency_ms: median of the latency, in milliseconds; None without answers.
        latency_ms_95: its 95th percentile.
        characters: mean length.
    """

    n: int
    n_errors: int
    usd_per_1000: float | None = None
    latency_ms: float | None = None
    latency_ms_95: float | None = None
    characters: float | None = None

    def __str__(self) -> str:
        if not self.n:
            return f"no answers, {self.n_errors} errors"
        price = "price not known" if self.usd_per_1000 is None else f"{self.usd_per_1000:.4f} USD per 1,000 answers"
        errors = f", {self.n_errors} ended in errors" if self.n_errors else ""
        return (
            f"{price}; {self.latency_ms:,.0f} ms (95% under {self.latency_ms_95:,.0f}); "
            f"{self.characters:,.0f} characters; n={self.n}{errors}"
        )


def usage_of(answers: Sequence[CaseAnswer]) -> Usage:
    """Return what the answers took; those that ended in an error are counted, and in no mean."""
    made = [a for a in answers if not a.error]
    if not made:
        return Usage(0, len(answers))
    prices = [a.cost_usd for a in made if a.cost_usd is not None]
    latency = np.array([a.latency_ms for a in made])
    return Usage(
        len(made), len(answers) - len(made), 1_000 * sum(prices) / len(prices) if len(prices) == len(made) else None,
        float(np.median(latency)), float(np.quantile(latency, 0.95)),
        sum(len(a.output or "") for a in made) / len(made),
    )  # fmt: skip
