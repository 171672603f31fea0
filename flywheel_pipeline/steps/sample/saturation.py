"""When to stop labelling: how many failures are still of a kind not seen yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.stats import unseen_share_bound

ENOUGH, MIN_FAILURES = 0.05, 30


@dataclass(frozen=True)
class Saturation:
    """How complete the modes are that the failures so far were sorted into."""

    n_failures: int
    n_modes: int
    unseen_share_at_most: float
    """The upper 95 % bound on the share of failures in unseen modes (Good-Turing)."""
    n_to_review: int = 0
    """Groups among the modes that words alone have found: until a person reviews them nothing is known."""

    @property
    def advice(self) -> str:
        """Return whether to keep labelling ("none new in the last 20" stops too early: up to 14 % are left)."""
        if not self.n_failures:
            return "Keep labelling: no failure is in a mode yet"
        if self.n_to_review:
            n = self.n_to_review
            groups, wait = ("1 group", "waits") if n == 1 else (f"{n} groups", "wait")
            return (
                f"Not known whether labelling can stop: {groups} of failures, found by words alone, {wait} for review"
            )
        unseen = f"up to {self.unseen_share_at_most:.1%} of failures may be of a kind not seen yet"
        if self.n_failures < MIN_FAILURES:
            return (
                f"Keep labelling: {unseen}, and {self.n_failures} failures are too few to tell ({MIN_FAILURES} suffice)"
            )
        if self.unseen_share_at_most > ENOUGH:
            return f"Keep labelling: {unseen} (target {ENOUGH:.0%})"
        return f"Labelling can stop: {unseen} (target {ENOUGH:.0%}); label again when the app or its users change"


def judge_saturation(failures_per_mode: Sequence[int], n_to_review: int = 0) -> Saturation:
    """Return how far the modes are saturated, from the number of failures of each; see `Saturation`."""
    seen = [n for n in failures_per_mode if n]
    return Saturation(sum(seen), len(seen), unseen_share_bound(seen), n_to_review)
