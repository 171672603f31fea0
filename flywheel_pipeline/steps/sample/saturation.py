"""When to stop labelling: how many failures may be of a kind that has not been seen yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.stats import unseen_share_bound

ENOUGH, MIN_FAILURES = 0.05, 30


@dataclass(frozen=True)
class Saturation:
    """How complete the failure modes found so far are."""

    n_failures: int
    n_modes: int
    unseen_share_at_most: float
    """The upper 95 % bound on the share of failures in unseen modes (Good-Turing)."""

    @property
    def advice(self) -> str:
        """Return whether to keep labelling, for people.

        "No new mode in the last 20" would stop too early: up to 14 % of failures may still be of unseen modes.
        """
        if not self.n_failures:
            return "Keep labelling: no failure has a mode yet"
        unseen = f"up to {self.unseen_share_at_most:.1%} of failures may be of a kind not seen yet"
        if self.n_failures < MIN_FAILURES:
            return f"Keep labelling: {unseen}, and {self.n_failures} failures are too few (at least {MIN_FAILURES})"
        if self.unseen_share_at_most > ENOUGH:
            return f"Keep labelling: {unseen} (target {ENOUGH:.0%})"
        return f"Enough labels: {unseen}; label again when the app or its users change"


def judge_saturation(failures_per_mode: Sequence[int]) -> Saturation:
    """Return how far the modes are saturated, from the number of failures of each."""
    seen = [n for n in failures_per_mode if n]
    return Saturation(sum(seen), len(seen), unseen_share_bound(seen))
