"""Weights of labelled traces of a batch, also where only a part of the batch is labelled."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from flywheel_pipeline.records import SampledTrace

MIN_LABELLED = 5
"""Labelled traces that a partly labelled group needs to stand for the others of it."""


def label_weights(batch: Sequence[SampledTrace], labelled: Collection[str]) -> dict[str, float]:
    """Return {trace_id: weight} of the labelled traces of a batch; empty where they cannot stand for production.

    A batch is labelled in any order, flagged traces first perhaps. Within flagged and within ordinary traces the
    labelled ones stand for those that are not (yet): their weights are multiplied by sampled / labelled. A group that
    is labelled in part, and has under five labels, stands for nothing. Traces that were judged before the draw are in
    it for themselves only. Source: Särndal, Swensson & Wretman 1992, section 15.6 (response homogeneity groups).
    """
    weights = {s.trace_id: s.weight for s in batch if not s.to_label and s.trace_id in labelled}
    drawn = [s for s in batch if s.to_label]
    for flagged in (True, False):
        group = [s for s in drawn if (s.risk > 1) == flagged]
        known = [s for s in group if s.trace_id in labelled]
        if len(known) < min(len(group), MIN_LABELLED):
            return {}
        weights.update({s.trace_id: s.weight * len(group) / len(known) for s in known})
    return weights
