"""What a batch is made of: how many traces of each kind there are, and how many were drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.sample.frame import Frame

KINDS: Mapping[str, Callable[[Frame], bool]] = {
    "thumbs down": lambda f: f.thumbs_down,
    "several turns": lambda f: f.n_turns > 1,
    "error or no answer": lambda f: f.failed or f.silent,
    "user asked again": lambda f: f.rephrased,
    "test case fails": lambda f: f.doubted,
    "outlier": lambda f: f.outlier,
    "ordinary": lambda f: not f.flagged,
}
MAX_STRATA = 12
"""Strata that are shown, the largest first; the batch holds all."""


def n_strata(frame: Sequence[Frame]) -> int:
    """Return how many columns of strata were named."""
    return len(frame[0].strata) if frame else 0


def below_minimum(frame: Sequence[Frame], rows: Sequence[SampledTrace], least: int) -> list[str]:
    """Return the strata of which fewer were drawn than `least`, or than there are."""
    chosen, fresh, found = {r.trace_id for r in rows}, [f for f in frame if not f.known], []
    for place in range(n_strata(frame)):
        there = Counter(f.strata[place] for f in fresh)
        drawn = Counter(f.strata[place] for f in fresh if f.trace_id in chosen)
        wanted = {value: min(least, n) for value, n in sorted(there.items())}
        found += [f"{value} ({drawn[value]} of {n})" for value, n in wanted.items() if drawn[value] < n]
    return found


def counts_per_kind(frame: Sequence[Frame], rows: Sequence[SampledTrace]) -> dict[str, tuple[int, int]]:
    """Return {what is known of a trace: (in the frame, in the sample)}."""
    chosen = {r.trace_id for r in rows}
    own = {name: [f for f in frame if test(f)] for name, test in KINDS.items()}
    for value in dict.fromkeys(v for f in frame for v in f.strata):
        own[value] = [f for f in frame if value in f.strata]
    found = {
        name: (round(sum(f.n_like / f.kept for f in fs)), sum(f.trace_id in chosen for f in fs))
        for name, fs in [*own.items(), ("all", frame)]
    }
    strata = sorted((n for n in found if n not in KINDS and n != "all"), key=lambda n: -found[n][0])[:MAX_STRATA]
    return {name: found[name] for name in (*KINDS, *strata, "all")}


def allocation(frame: Sequence[Frame], rows: Sequence[SampledTrace]) -> list[list[object]]:
    """Return per kind of trace, and per stratum, how many there are and how many were drawn."""
    counts = counts_per_kind(frame, rows)
    n, m = max(counts["all"][0], 1), max(len(rows), 1)
    return [[name, a, b, f"{a / n:.0%}", f"{b / m:.0%}"] for name, (a, b) in counts.items()]
