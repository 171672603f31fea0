"""Shares of production traffic from the verdicts of evaluators, corrected for their errors by the expert's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.stats import (
    JudgeError,
    Labelled,
    Rate,
    Recall,
    corrected_rate,
    effective_counts,
    post_stratified_rate,
)
from flywheel_pipeline.steps.evaluate.alignment import COMPOSITE
from flywheel_pipeline.steps.evaluate.production import FAIL, JudgedTrace

MIN_JUDGED = 0.95
"""Share of the labelled traces that must have a verdict: new labels wait for the next night."""


@dataclass(frozen=True)
class ExpertLabel:
    """The expert's verdict on a trace: whether it failed, and its failure mode.

    `weight` is 1 / inclusion probability in the batch that stands for the population, None where it is not of it;
    `own_weight` that in whatever batch it was drawn, None for a trace that our sampler did not draw. One that is `seen`
    was shown to a judge as an example, or is nearly the same as one that was: verdicts on it say nothing of the
    judge's errors.
    """

    trace_id: str
    failed: bool
    mode_id: str | None = None
    weight: float | None = None
    own_weight: float | None = None
    seen: bool = False

    def shows(self, name: str) -> bool:
        """Return whether it is a failure of the mode `name`, or of any where `name` is `judges:all`."""
        return self.failed and name in (COMPOSITE, self.mode_id)


@dataclass(frozen=True)
class Population:
    """The traces of a window of days: how many there are, those that were judged, and all labels."""

    n: int
    judged: Sequence[JudgedTrace]
    labels: Sequence[ExpertLabel]

    def cells(self, name: str) -> dict[str, str]:
        """Return {trace_id: verdict} by the evaluators of a mode, or by all that decide together."""
        return {t.trace_id: t.cells[name] for t in self.judged if name in t.cells}


def share_by_labels_and_verdicts(population: Population, name: str, seed: int = 0) -> Rate | None:
    """Return the share of a population that the expert would fail for the mode `name`; None without usable labels.

    The labels are those that our sampler drew in this population, the verdicts those of a second, larger sample of it
    (`stats.post_stratified_rate`, in cells by the verdict). Nothing is assumed of the judge. Labels that are `seen`
    count for their own trace alone: the train split is chosen by a hash, so that the others stand for the rest.
    """
    cells = population.cells(name)
    own = {x.trace_id: x for x in population.labels if x.weight is not None}
    labelled = [Labelled(x.shows(name), cells[i], x.weight or 1.0) for i, x in own.items() if not x.seen and i in cells]
    unseen = sum(not x.seen for x in own.values())
    rest = [t for t in population.judged if t.weight and t.trace_id not in own and name in t.cells]
    if not labelled or len(labelled) < MIN_JUDGED * unseen or not (rest or len(own) >= population.n):
        return None
    seen = [x.shows(name) for x in own.values() if x.seen]
    n = population.n - len(seen)
    found = post_stratified_rate(labelled, _counts(rest, name), n, seed)
    value, low, high = ((n * x + sum(seen)) / population.n for x in (found.value, found.low, found.high))
    return Rate(value, low, high, len(labelled) + len(seen))


def _counts(traces: Sequence[JudgedTrace], name: str) -> dict[str, float]:
    """Return {verdict: traces}; where they stand for different numbers, effective ones by Kish."""
    weights = [t.weight or 1.0 for t in traces]
    scale = sum(weights) / sum(w * w for w in weights) if weights else 0.0
    counts: dict[str, float] = {}
    for t, weight in zip(traces, weights, strict=True):
        counts[t.cells[name]] = counts.get(t.cells[name], 0.0) + weight * scale
    return counts


def error_of(labels: Sequence[ExpertLabel], cells: Mapping[str, str], name: str) -> JudgeError:
    """Return how often the evaluators of a mode fail its failures, and how often they fail nothing else.

    Answers with another failure count among the others. Labels of all batches that our sampler drew count, each with
    its weight; of a kind of which it drew none, all labels do.
    """
    usable = [x for x in labels if not x.seen and x.trace_id in cells]
    found = []
    for shows in (False, True):
        of_kind = [x for x in usable if x.shows(name) == shows]
        own = [x for x in of_kind if x.own_weight is not None] or of_kind
        right = [(cells[x.trace_id] == FAIL) == shows for x in own]
        weights = [x.own_weight or 1.0 for x in own]
        n = sum(weights) ** 2 / sum(w * w for w in weights) if weights else 0.0
        share = sum(w for w, is_right in zip(weights, right, strict=True) if is_right) / sum(weights) if weights else 0
        found.append(Recall(share * n, n))
    return JudgeError(*found)


def seen_failing(traces: Sequence[JudgedTrace], name: str) -> Recall:
    """Return how many of the sampled traces the evaluators of a mode fail; effective counts, sessions as clusters."""
    own = [t for t in traces if t.weight and name in t.cells]
    failed, sessions = [t.cells[name] == FAIL for t in own], [t.session for t in own]
    return effective_counts(failed, [t.weight or 1.0 for t in own], sessions)


def share_by_verdicts(traces: Sequence[JudgedTrace], error: JudgeError, name: str) -> Rate | None:
    """Return the share that the expert would fail, from verdicts alone: it assumes unchanged error rates of the judge.

    None where the judge tells nothing apart (`stats.corrected_rate`), or nothing is judged.
    """
    found = seen_failing(traces, name)
    passing = corrected_rate(found.n - found.n_right, found.n, error) if found.n else None
    n = sum(t.weight is not None and name in t.cells for t in traces)
    return Rate(1 - passing.value, 1 - passing.high, 1 - passing.low, n) if passing else None
