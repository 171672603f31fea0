"""Criteria drift: the same person judges the same trace differently later.

People need criteria to judge, and find them by judging (Shankar et al. 2024, "Who Validates the Validators?"), so
some verdicts change. Many changes mean that early and late labels follow different criteria.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from flywheel_pipeline.records import Annotation
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.annotate.resolve import DEFER

MIN_REJUDGED = 20
"""The least number of verdicts given again for a conclusion."""


@dataclass(frozen=True)
class Drift:
    """The verdicts that were given again, and those of them that changed, as (before, after)."""

    n_again: int
    changed: tuple[tuple[Annotation, Annotation], ...]

    @property
    def rate(self) -> Rate:
        """The share that changed, with its Wilson interval."""
        return proportion(len(self.changed), self.n_again)

    def __str__(self) -> str:
        if not self.n_again:
            return "no trace was judged again"
        doubt = "" if self.n_again >= MIN_REJUDGED else f"; inconclusive below {MIN_REJUDGED}"
        return f"{self.rate} of the verdicts given again differ{doubt}"


def measure_drift(annotations: Iterable[Annotation]) -> Drift:
    """Compare each annotator's verdicts on a trace in the order of their dates.

    A verdict without a date has no order and is left out, as is a deferral. The same verdict at the same moment in a
    second file is an export that came back, not a second judgement; another one at the same moment corrects an
    earlier version of the file.
    """
    given: dict[tuple[str, str], dict[object, Annotation]] = defaultdict(dict)
    for a in annotations:
        if a.labelled_at is not None and a.verdict != DEFER:
            given[a.annotator, a.trace_id].setdefault((a.labelled_at, a.verdict), a)
    pairs = [pair for key in sorted(given) for pair in pairwise(sorted(given[key].values(), key=_order))]
    return Drift(len(pairs), tuple((before, after) for before, after in pairs if before.verdict != after.verdict))


def _order(a: Annotation) -> tuple[str, bool, str]:
    return str(a.labelled_at), not a.is_superseded, a.source_file
