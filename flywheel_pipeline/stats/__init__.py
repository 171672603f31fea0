"""Intervals, paired comparisons and weights: numbers in, numbers out, seeded where drawn.

Every rate a user sees comes with its n and an interval from here.
"""

from __future__ import annotations

from flywheel_pipeline.stats.agreement import quadratic_weighted_kappa
from flywheel_pipeline.stats.before_after import Change, corrected_change, effective_counts
from flywheel_pipeline.stats.judges import JudgeError, Recall, corrected_rate
from flywheel_pipeline.stats.paired import (
    PERFECT,
    Counts,
    PairedChange,
    Youden,
    change_of,
    mcnemar_mid_p,
    paired_change,
    paired_counts,
    probability_below,
    smallest_detectable_change,
)
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
from flywheel_pipeline.stats.two_phase import Labelled, post_stratified_rate

__all__ = [
    "MAX_EFFECT",
    "PERFECT",
    "Z95",
    "Change",
    "Counts",
    "JudgeError",
    "Labelled",
    "PairedChange",
    "Rate",
    "Recall",
    "Youden",
    "change_of",
    "corrected_change",
    "corrected_rate",
    "effective_counts",
    "mcnemar_mid_p",
    "paired_change",
    "paired_counts",
    "post_stratified_rate",
    "probability_below",
    "proportion",
    "quadratic_weighted_kappa",
    "rate_difference",
    "smallest_detectable_change",
    "unseen_share_bound",
    "weighted_rate",
    "wilson",
]
