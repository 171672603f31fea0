"""Agreement of two raters on an ordered scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def quadratic_weighted_kappa(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Return Cohen's kappa with quadratic weights of two raters' whole numbers for the same items.

    1 - Σ w·observed / Σ w·expected with w = (i - j)², expected from the raters' own frequencies (Cohen 1968,
    Psychological Bulletin 70, "Weighted kappa"). From -1 to 1; a rating two steps off counts four times as much as one
    step. None where it is not defined: no items, or both raters gave one and the same number throughout.

    Raises:
        ValueError: the raters did not rate the same number of items.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} ratings of the same items")
    n = len(first)
    observed = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) * n
    expected = sum((a - b) ** 2 * k * m for a, k in Counter(first).items() for b, m in Counter(second).items())
    return 1 - observed / expected if expected else None
