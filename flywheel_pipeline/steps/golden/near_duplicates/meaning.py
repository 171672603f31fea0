"""Questions with the same intent in other words, by the vectors of an embedder that knows meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEVIATIONS = 5.4
"""Standard deviations above the mean cosine of two questions from which they mean the same: about 0.8 for MiniLM.

Models spread their cosines differently, so that no one cosine fits all. Measured on the demo (`benchmarks.fence`).
"""
LEAST, MOST = 0.6, 0.97
"""The cosine from which two questions mean the same is never lower or higher than these."""
FEW, FEW_COSINE = 20, 0.92
"""Questions below which their cosines say nothing of the model; the cosine that is then used."""
MEASURED, BLOCK = 2_000, 512
"""Questions whose cosines are measured; rows compared at once."""
DENSE = 0.5
"""Share of numbers in a vector that are not 0; those of an embedder that counts words (TF-IDF) are below."""

Floats = NDArray[np.float32]


def semantic_pairs(vectors: Any, known: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the pairs (i, j), i < j and j >= `known`, of rows that mean the same; none for vectors that count words."""
    rows = np.asarray(vectors, dtype=np.float32)
    if len(rows) < 2 or not knows_meaning(rows):
        return
    least = threshold(rows)
    for start in range(known, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        for r, c in np.argwhere(block @ rows[: start + len(block)].T >= least):
            if c < start + r:
                yield int(c), int(start + r)


def knows_meaning(rows: Floats) -> bool:
    """Return whether vectors are of a model, and not counts of words, most of which are 0."""
    filled = rows[np.any(rows != 0, axis=1)]
    return bool(len(filled)) and float(np.mean(filled != 0)) >= DENSE


def threshold(rows: Floats) -> float:
    """Return the cosine from which two of these questions mean the same."""
    some = rows[:: max(1, len(rows) // MEASURED)][:MEASURED]
    if len(some) < FEW:
        return FEW_COSINE
    cosines = (some @ some.T)[np.triu_indices(len(some), 1)]
    return float(np.clip(cosines.mean() + DEVIATIONS * cosines.std(), LEAST, MOST))
