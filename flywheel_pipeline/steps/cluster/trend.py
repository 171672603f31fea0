"""How a mode's share of traffic changed from one sampled batch to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.stats import Rate, rate_difference, weighted_rate
from flywheel_pipeline.steps.cluster.modes import Mode
from flywheel_pipeline.steps.cluster.weights import label_weights

MIN_JUDGED = 10
"""Judged traces of a batch below which nothing is compared with it."""


@dataclass(frozen=True)
class Trend:
    """The share of traffic in the newest labelled batch and in the one before it.

    Where m modes are compared, the intervals are of the level 1 - .05/m (Bonferroni), so that in 95 % of comparisons
    of equal batches no mode at all seems to change.
    """

    now: Rate
    before: Rate

    @property
    def direction(self) -> str:
        """Return `up` or `down` where the interval of the difference excludes 0, else `inconclusive`."""
        _, low, high = rate_difference(self.now, self.before)
        return "up" if low > 0 else "down" if high < 0 else "inconclusive"


def measure_trends(
    modes: Sequence[Mode], failed: Mapping[str, bool], samples: Sequence[SampledTrace]
) -> dict[str, Trend]:
    """Return the trend of every mode, by the modes as they are now; none without two batches to compare.

    Both batches are measured anew with today's verdicts and modes, so that a relabel or a merge is never taken for a
    change of traffic. They must share no trace, or their shares would not be independent.
    """
    batches: dict[str, list[SampledTrace]] = {}
    for row in samples:
        if row.trace_id in failed:
            batches.setdefault(row.batch, []).append(row)
    usable = [batches[b] for b in sorted(batches, reverse=True) if len(batches[b]) >= MIN_JUDGED]
    newest = {s.trace_id for s in usable[0]} if usable else set()
    earlier = next((b for b in usable[1:] if not newest & {s.trace_id for s in b}), None)
    if earlier is None:
        return {}
    weights = [label_weights([s for s in samples if s.batch == b[0].batch], failed) for b in (usable[0], earlier)]
    if not all(weights):
        return {}
    own = {m.mode_id: {x.trace_id for x in m.members} for m in modes}
    z = NormalDist().inv_cdf(1 - 0.05 / max(len(modes), 1) / 2)
    return {i: Trend(*(_share(traces, failed, w, z) for w in weights)) for i, traces in own.items()}


def _share(own: set[str], failed: Mapping[str, bool], weights: Mapping[str, float], z: float) -> Rate:
    return weighted_rate([failed[t] and t in own for t in weights], list(weights.values()), z)
