"""Intervals, paired comparisons and weights: numbers in, numbers out, seeded where drawn.

Every rate a user sees comes with its n and an interval from here.
"""

from __future__ import annotations

from flywheel_pipeline.stats.judges import Cell, post_stratified_rate
from flywheel_pipeline.stats.paired import PairedChange, mcnemar_mid_p, paired_change, smallest_detectable_change
from flywheel_pipeline.stats.rates import (
    MAX_EFFECT,
    Z95,
    Rate,
    proportion,
    rate_difference,
    unseen_share_bound,
    weighted_rate,
    wilson,
)

__all__ = [
    "MAX_EFFECT",
    "Z95",
    "Cell",
    "PairedChange",
    "Rate",
    "mcnemar_mid_p",
    "paired_change",
    "post_stratified_rate",
    "proportion",
    "rate_difference",
    "smallest_detectable_change",
    "unseen_share_bound",
    "weighted_rate",
    "wilson",
]
