"""The list of traces, newest first in pages, and beside every filter how many traces it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flywheel_pipeline.flows.traces.filters import (
    EVALUATOR,
    FACETS,
    JOINED,
    NONE,
    FilterError,
    Filters,
    Params,
    all_conditions,
    conditions,
    evaluator_condition,
    facet_conditions,
)
from flywheel_pipeline.flows.workbench import Workbench

TABLES = ("raw_traces", "annotations", "failure_assignments", "golden_set", "evaluator_scores")
"""What the list and its filters read."""
PAGE, MOST_VALUES, SHOWN = 50, 20, 240
"""Traces of a page, values of a facet that are listed, and characters of a text in the list."""

ROWS = """
select r.trace_id, r.started_at, r.session_id, left(r.input, $shown), left(r.output, $shown), r.feedback_score,
    left(r.feedback_comment, $shown), r.error is not null, r.app, r.model, r.prompt_version, r.n_turns, r.n_tool_calls,
    r.latency_ms, coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0), r.cost_usd, a.verdict,
    coalesce(a.is_picked, false), f.mode_id, coalesce(c.n, 0)
from raw_traces r
left join (from annotations where is_current) a using (trace_id)
left join failure_assignments f using (trace_id)
left join (select source_trace_id as trace_id, count(*) as n from golden_set where status = 'active' group by 1) c
    using (trace_id)
where r.started_at >= $oldest and r.started_at <= $newest and r.trace_id in (select unnest($ids))
"""


@dataclass(frozen=True)
class Listed:
    """One trace in the list; texts are cut. `verdict` is the one that counts, `picked` whether it is no sample's."""

    trace_id: str
    started_at: datetime
    session_id: str | None
    input: str
    output: str | None
    feedback_score: float | None
    feedback_comment: str | None
    failed: bool
    app: str
    model: str | None
    prompt_version: str | None
    n_turns: int
    n_tool_calls: int
    latency_ms: float | None
    n_tokens: int
    cost_usd: float | None
    verdict: str | None
    picked: bool
    mode_id: str | None
    n_cases: int


@dataclass(frozen=True)
class Page:
    """The traces of one page; `next` is where the next page begins, None on the last one."""

    traces: list[Listed]
    next: str | None


@dataclass(frozen=True)
class Facets:
    """How many traces there are with the filters: in all, by day, and for every facet {value: traces}.

    The counts of a facet leave out its own filter: they say what each of its values would give.
    """

    n: int
    days: dict[date, int]
    values: dict[str, dict[str, int]]


def list_traces(bench: Workbench, filters: Filters, after: str = "", size: int = PAGE) -> Page:
    """Return a page of the traces, the newest first, or in the order of `filters.among`.

    `after` is the `next` of the page before.

    Raises:
        FilterError: `after` is no such place.
    """
    place = _place(after) if after else None
    with bench.lake.connect(TABLES) as con:
        found = _keys(con, filters, place, size + 1)
        shown = found[:size]
        if not shown:
            return Page([], None)
        days, at = [day for day, _ in shown], {trace_id: n for n, (_, trace_id) in enumerate(shown)}
        own = {"ids": list(at), "oldest": min(days), "newest": max(days), "shown": SHOWN}
        rows = [Listed(*row) for row in con.execute(ROWS, own).fetchall()]
    rows.sort(key=lambda row: at[row.trace_id])
    return Page(rows, _cursor(*shown[-1]) if len(found) > size else None)


def _keys(con: Any, filters: Filters, place: Params | None, most: int) -> list[tuple[datetime, str]]:
    """Return (when it began, id) of the first traces behind a place in the list."""
    where, params = all_conditions(filters)
    keys = f"select started_at, trace_id from raw_traces where {where}"
    if filters.among is not None:
        rank = {trace_id: n for n, trace_id in enumerate(filters.among)}
        begin = rank.get(place["id"], len(rank)) + 1 if place else 0
        listed = [row for row in con.execute(keys, params).fetchall() if rank[row[1]] >= begin]
        return sorted(listed, key=lambda row: rank[row[1]])[:most]
    if place:
        keys += " and started_at <= $at and (started_at < $at or trace_id < $id)"
    keys += f" order by started_at desc, trace_id desc limit {int(most)}"
    found: list[tuple[datetime, str]] = con.execute(keys, {**params, **(place or {})}).fetchall()
    return found


def _cursor(started_at: datetime, trace_id: str) -> str:
    return json.dumps([started_at.isoformat(timespec="microseconds"), trace_id])


def _place(after: str) -> Params:
    with suppress(ValueError, TypeError, RecursionError):
        at, trace_id = json.loads(after)
        if isinstance(trace_id, str):
            return {"at": datetime.fromisoformat(at), "id": trace_id}
    raise FilterError("this is no place in the list: begin with the first page")


def count_traces(bench: Workbench, filters: Filters) -> Facets:
    """Return how many traces there are with the filters, by day and by facet; the table is read once."""
    where, params = conditions(filters)
    of_evaluators, more = evaluator_condition(filters)
    exprs = {**FACETS, **{name: f"coalesce({name}_.value, '{NONE}')" for name in JOINED}}
    joins = " ".join(f"left join ({query}) {name}_ using (trace_id)" for name, query in JOINED.items())
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in exprs.items())
    cube = f"""create temp table cube as select started_at::date as day, {columns}, count(*) as n
        from raw_traces {joins} where {where} and {of_evaluators} group by all"""
    with bench.lake.connect(TABLES) as con:
        con.execute(cube, {**params, **more})
        values = {name: _counts(con, name, filters) for name in exprs}
        held, own = facet_conditions(filters)
        days = con.execute(
            f"select day, sum(n)::bigint from cube where {held} group by day order by day", own
        ).fetchall()
        evaluators = _evaluators(con, filters)
    return Facets(sum(n for _, n in days), dict(days), {**values, "evaluator": evaluators})


def _counts(con: Any, name: str, filters: Filters) -> dict[str, int]:
    """Return the values of a facet with the most traces, and those that are chosen, {value: traces}."""
    held, params = facet_conditions(filters, but=name)
    sql = f'select "{name}", sum(n)::bigint from cube where {held} group by 1 order by 2 desc, 1'
    return _longest(con.execute(sql, params).fetchall(), filters.chosen.get(name, ()))


def _evaluators(con: Any, filters: Filters) -> dict[str, int]:
    where, params = all_conditions(filters, but="evaluator")
    sql = f"""select value, count(*) from ({EVALUATOR}) semi join (select trace_id from raw_traces where {where})
        using (trace_id) group by value order by 2 desc, 1"""
    has_scores = con.execute("select 1 from evaluator_scores limit 1").fetchone()
    chosen = filters.chosen.get("evaluator", ())
    return _longest(con.execute(sql, params).fetchall() if has_scores else [], chosen)


def _longest(rows: Sequence[tuple[str, int]], chosen: Sequence[str]) -> dict[str, int]:
    counted = dict(rows)
    missing = {value: 0 for value in chosen if value not in counted}
    kept: Mapping[str, int] = {v: n for k, (v, n) in enumerate(rows) if k < MOST_VALUES or v in chosen}
    return {**kept, **missing}
