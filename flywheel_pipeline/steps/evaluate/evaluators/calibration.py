"""Thresholds of a score, learned from labels: pass above, fail below, and no verdict in between.

The rule is fixed-sequence testing (Angelopoulos, Bates, Candès, Jordan & Lei 2021, "Learn then Test", section 3.2). For
`pass_above` the scores are walked from the highest down; at each of them the labelled answers at or above it are tested
for "at most `target` of them pass" (exact binomial, one-sided, level `alpha`). The walk begins at the first score with
enough answers for such a test to succeed, and ends at the first that does not succeed; the last that did is the
threshold (where the two ends meet, an earlier one). So more than `target` of the answers that it lets pass are passes,
with a probability of 1 - `alpha`. `fail_below` is the same for the other end. With too few labels there is no
threshold, and every answer abstains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, log

from flywheel_pipeline.stats import Rate, proportion

TARGET, ALPHA = 0.9, 0.05


@dataclass(frozen=True)
class Thresholds:
    """Pass at or above `pass_above`, fail at or below `fail_below`; None where labels do not carry a threshold.

    `passing` and `failing` are the shares of right verdicts among the labelled answers at each end, `coverage` the
    share of them that get a verdict, `n` their number, `reason` why a threshold is missing.
    """

    pass_above: float | None
    fail_below: float | None
    passing: Rate
    failing: Rate
    coverage: float
    n: int
    reason: str = ""


def fewest_labels(target: float = TARGET, alpha: float = ALPHA) -> int:
    """Return how many right labels in a row, and none wrong, one end needs: 29 for 90 % at the 5 % level."""
    return ceil(log(alpha) / log(target))


def calibrate(
    scores: Sequence[float], labels: Sequence[bool], target: float = TARGET, alpha: float = ALPHA
) -> Thresholds:
    """Return thresholds for `scores` of labelled answers; `labels` are True where the expert passed the answer.

    Raises:
        ValueError: the lengths differ, a score is not a number, or `target` or `alpha` is not between 0 and 1.
    """
    if len(scores) != len(labels) or not all(isfinite(s) for s in scores):
        raise ValueError("calibrate needs one finite score for every label")
    if not (0 < target < 1 and 0 < alpha < 1):
        raise ValueError("target and alpha must be between 0 and 1")
    pairs = sorted(zip(scores, labels, strict=True), key=lambda p: -p[0])
    highs = _walk([(s, bool(y)) for s, y in pairs], target, alpha)
    lows = [-s for s in _walk([(-s, not y) for s, y in reversed(pairs)], target, alpha)]
    above, below = _apart(highs, lows, pairs)
    passing = [y for s, y in pairs if above is not None and s >= above]
    failing = [not y for s, y in pairs if below is not None and s <= below]
    return Thresholds(
        above, below, proportion(sum(passing), len(passing)), proportion(sum(failing), len(failing)),
        (len(passing) + len(failing)) / len(pairs) if pairs else 0.0, len(pairs),
        _reason(labels, above, below, fewest_labels(target, alpha)),
    )  # fmt: skip


def _walk(pairs: Sequence[tuple[float, bool]], target: float, alpha: float) -> list[float]:
    """Return the scores, from the highest down, at and above which more than `target` are shown to be right."""
    from scipy.stats import binom

    found: list[float] = []
    right = 0
    for n, (score, good) in enumerate(pairs, 1):
        right += good
        if n < fewest_labels(target, alpha) or (n < len(pairs) and pairs[n][0] == score):
            continue
        if binom.sf(right - 1, n, target) > alpha:
            break
        found.append(score)
    return found


def _apart(
    highs: Sequence[float], lows: Sequence[float], pairs: Sequence[tuple[float, bool]]
) -> tuple[float | None, float | None]:
    """Return the last threshold of each end; where they overlap, those between which fewest labels are wrong."""
    if not highs or not lows:
        return (highs[-1] if highs else None), (lows[-1] if lows else None)
    if lows[-1] < highs[-1]:
        return highs[-1], lows[-1]
    choices = [(a, max((b for b in lows if b < a), default=None)) for a in highs]

    def cost(choice: tuple[float, float | None]) -> tuple[int, int]:
        above, below = choice
        wrong = sum(not y for s, y in pairs if s >= above) + sum(
            y for s, y in pairs if below is not None and s <= below
        )
        return wrong, -sum(s >= above or (below is not None and s <= below) for s, _ in pairs)

    return min(choices, key=cost)


def _reason(labels: Sequence[bool], above: float | None, below: float | None, fewest: int) -> str:
    passes = sum(bool(y) for y in labels)
    missing = [
        f"{what}: {n} labelled {name}, {'at least ' + str(fewest) + ' are needed' if n < fewest else 'too mixed'}"
        for what, name, n, t in (
            ("no pass_above", "passes", passes, above), ("no fail_below", "fails", len(labels) - passes, below),
        ) if t is None
    ]  # fmt: skip
    return "; ".join(missing)
