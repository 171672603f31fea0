"""Rates of production from verdicts and labels: all failures together, and every failure mode that is judged."""

from __future__ import annotations

from collections.abc import Sequence

from flywheel_pipeline.flows.evaluate import production_rate
from flywheel_pipeline.flows.production import JudgedProduction, Production, judge_production, read_production
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import ProductionRate
from flywheel_pipeline.stats import Rate
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    JudgedTrace,
    error_of,
    may_decide,
    share_by_labels_and_verdicts,
    share_by_verdicts,
)

BY_LABELS = "by labels"
BY_VERDICTS = "by verdicts; assumes judge error rates unchanged"


def judge_and_estimate(bench: Workbench) -> JudgedProduction:
    """Judge a sample of the newest days (`judge_production`), and estimate the rates that follow."""
    found = judge_production(bench)
    record_rates(bench)
    return found


def record_rates(bench: Workbench) -> list[ProductionRate]:
    """Estimate the rates of production, and keep them in `production_rates`.

    In the days of the batch whose labels are weighted to traffic they rest on labels and verdicts where all these days
    are judged; the rate of all failures rests on labels alone where they are not. In the days since, or in all where
    no label is of our sample, they rest on verdicts, corrected for the judges' errors on the labels there are.
    """
    known = read_production(bench)
    rows = _of_labels(bench, known)
    ends = {row.mode_id: row.until for row in rows}
    for name in _names(known):
        own = [t for t in known.judged if t.weight is not None and name in t.cells]
        traces = [t for t in own if t.day > ends.get(name, "")]
        row = _row(name, sorted({t.day for t in traces}), _by_verdicts(known, traces, name))
        rows += [row] if row else []
    bench.lake.write("production_rates", rows)
    return rows


def _names(known: Production) -> list[str]:
    return [COMPOSITE, *known.modes]


Found = tuple[Rate, str] | None
"""A share of failures and what it rests on."""


def _of_labels(bench: Workbench, known: Production) -> list[ProductionRate]:
    """Return the rates in the days of the labelled batch."""
    if known.window is None:
        return []
    found: dict[str, Found] = {name: _by_both(known, name) for name in _names(known)}
    if found[COMPOSITE] is None and (passing := production_rate(bench)):
        found[COMPOSITE] = _complement(passing), BY_LABELS
    return [row for name, share in found.items() if (row := _row(name, known.window, share))]


def _by_both(known: Production, name: str) -> Found:
    population = known.within(*known.window, name) if known.window else None
    share = share_by_labels_and_verdicts(population, name) if population else None
    if population is None or share is None:
        return None
    n = sum(t.weight is not None and name in t.cells for t in population.judged)
    return share, f"by labels and the verdicts on {n:,} traces"


def _by_verdicts(known: Production, traces: Sequence[JudgedTrace], name: str) -> Found:
    """Return the share of some judged traces that shows a mode, from verdicts alone.

    None for all that decide together unless they agree with the expert as a judge must that decides: as long as some
    modes have no judge, a share of all failures would rest on the modes that have one.
    """
    error = error_of(known.labels, known.everything.cells(name), name)
    if name == COMPOSITE and not may_decide(error):
        return None
    share = share_by_verdicts(traces, error, name)
    return (share, BY_VERDICTS) if share else None


def _row(name: str, days: Sequence[str], found: Found) -> ProductionRate | None:
    if found is None:
        return None
    share, basis = found
    return ProductionRate(name, days[0], days[-1], share.value, share.low, share.high, share.n, basis)


def _complement(rate: Rate) -> Rate:
    return Rate(1 - rate.value, 1 - rate.high, 1 - rate.low, rate.n)


def read_rates(bench: Workbench) -> list[ProductionRate]:
    """Return the rates of the last run, those of the labelled days first."""
    return sorted(bench.lake.read("production_rates", ProductionRate), key=lambda r: (r.since, r.mode_id))


def passing_lines(rows: Sequence[ProductionRate]) -> list[str]:
    """Return what share of production passes, and what that rests on: in the days of the labels, and since."""
    found = [r for r in rows if r.mode_id == COMPOSITE]
    lines = [f"production passes {_complement(share_of(r))} of its traffic, {r.basis}" for r in found]
    return [*lines[:1], *(f"{line} (since {r.since})" for line, r in list(zip(lines, found, strict=True))[1:])]


def share_of(row: ProductionRate) -> Rate:
    """Return the share of a row with its interval."""
    return Rate(row.share, row.low, row.high, row.n)
