"""How far annotators agree with each other, and with themselves on a second look."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from flywheel_pipeline.records import Annotation
from flywheel_pipeline.steps.annotate.resolve import DEFER

RESAMPLES, SEED = 2_000, 0
MIN_PAIRS = 20
"""The least number of traces judged twice for a conclusion."""
ENOUGH = 0.7
"""Below this kappa the rubric should be discussed (Landis & Koch 1977 call 0.61 to 0.80 substantial)."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Agreement:
    """The agreement of two sets of verdicts on `n` traces, with a 95 % bootstrap interval of `value`."""

    who: str
    measure: str
    n: int
    value: float
    low: float
    high: float
    agreed: float
    """The share of traces on which they agree."""

    @property
    def reading(self) -> str:
        """Return the conclusion for people."""
        if self.n < MIN_PAIRS:
            return f"inconclusive: {self.n} traces judged twice, {MIN_PAIRS} are needed"
        if self.low < ENOUGH <= self.high:
            return f"inconclusive: the interval contains {ENOUGH}"
        return "good enough" if self.low >= ENOUGH else f"below {ENOUGH}: compare what differs, clarify the rubric"


def cohen_kappa(pairs: Sequence[Pair]) -> float:
    """Return (p_o - p_e) / (1 - p_e) of two raters' categories of the same items; 1 where both use only one.

    NaN for no items. Source: Cohen 1960, formula 1.
    """
    if not pairs:
        return float("nan")
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = (Counter(side) for side in zip(*pairs, strict=True))
    expected = sum(first[c] * second[c] for c in first) / n**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(units: Sequence[Sequence[Hashable]]) -> float:
    """Return Krippendorff's alpha for nominal values: 1 - observed / expected disagreement.

    `units` holds, for each item, the values of those who judged it; items with fewer than two values do not count, and
    NaN is returned where none is left. 1 where all values are the same. Source: Krippendorff 2011, "Computing
    Krippendorff's Alpha-Reliability", section C.
    """
    rated = [u for u in units if len(u) > 1]
    n = sum(map(len, rated))
    if not rated:
        return float("nan")
    total = Counter(v for u in rated for v in u)
    observed = sum((len(u) ** 2 - sum(c * c for c in Counter(u).values())) / (len(u) - 1) for u in rated) / n
    expected = (n * n - sum(c * c for c in total.values())) / (n * (n - 1))
    return 1.0 if expected == 0 else 1 - observed / expected


def measure_agreement(annotations: Iterable[Annotation]) -> list[Agreement]:
    """Return kappa of every two annotators, alpha of all where there are more, and each one's consistency.

    An annotator's latest first-time verdict on a trace is compared with the others'; a verdict given blind on a second
    look (`is_repeat`) is compared with their own first. Deferrals are left out, and so are picked verdicts: whoever
    picks a trace sees what others found.
    """
    judged = [a for a in annotations if a.verdict != DEFER and not (a.is_superseded or a.is_picked)]
    first = _latest(a for a in judged if not a.is_repeat)
    again = _latest(a for a in judged if a.is_repeat)
    names = sorted(first)
    found = [
        _agreement(f"{one} and {other}", "Cohen's kappa", _shared(first[one], first[other]), cohen_kappa)
        for one, other in combinations(names, 2)
        if first[one].keys() & first[other].keys()
    ]
    if len(names) > 2:
        by_trace = [[first[n][t] for n in names if t in first[n]] for t in sorted(set().union(*first.values()))]
        found.append(_agreement("all", "Krippendorff's alpha", [u for u in by_trace if len(u) > 1], krippendorff_alpha))
    for name in sorted(again.keys() & first.keys()):
        found.append(_agreement(f"{name}, twice", "Cohen's kappa", _shared(first[name], again[name]), cohen_kappa))
    return [f for f in found if f.n]


def _latest(annotations: Iterable[Annotation]) -> dict[str, dict[str, str]]:
    """Return {annotator: {trace: verdict}}."""
    made: dict[str, dict[str, str]] = defaultdict(dict)
    rows = sorted(annotations, key=lambda a: (str(a.labelled_at or ""), a.source_file, a.source_line))
    for a in rows:
        made[a.annotator][a.trace_id] = a.verdict
    return made


def _shared(one: dict[str, str], other: dict[str, str]) -> list[Pair]:
    return [(one[t], other[t]) for t in sorted(one.keys() & other.keys())]


def _agreement(who: str, name: str, units: Sequence[Sequence[str]], measure: Callable[..., float]) -> Agreement:
    low, high = _interval(units, measure)
    agreed = sum(len(set(u)) == 1 for u in units) / max(len(units), 1)
    return Agreement(who, name, len(units), measure(units), low, high, agreed)


def _interval(units: Sequence[Sequence[str]], measure: Callable[..., float]) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of the measure over seeded resamples of the items (Efron 1979)."""
    if not units:
        return -1.0, 1.0
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(units), size=(RESAMPLES, len(units)))
    values = [measure([units[i] for i in row]) for row in drawn]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
