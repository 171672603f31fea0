"""The staging tables of the lake -> event days of `raw_traces`: which are due, and writing them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from importlib.resources import files
from itertools import groupby
from typing import Any

import pandas as pd

from flywheel_pipeline.adapters.lake import Lake, casts, to_frame
from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture import join_pieces, scale_of

SQL = {
    name: files("flywheel_pipeline.steps.capture").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    for name in ("superseded", "judged", "log", "split_traces", "day")
}


def write_days(lake: Lake, days: Sequence[str]) -> dict[str, int]:
    """Write event days from what all files hold of them; return {day: traces}. A day without traces has no file."""
    inputs, written = due_inputs(lake), lake.inputs("raw_traces")
    held = [day for day in days if day in inputs or day in written]
    counts = dict.fromkeys(days, 0)
    if held:
        with lake.connect() as con:
            con.execute(SQL["superseded"])
            judge_feedback(con)
            con.register("pieces_joined", to_frame("captured_traces", _joined(con, min(held), max(held))))
            con.execute(f"create table joined as select {casts('captured_traces')} from pieces_joined")

            def write(day: str) -> int:
                query = (SQL["day"], {"day": day})
                return lake.write_from(con.cursor(), query, "raw_traces", day, inputs.get(day, "empty"))

            with ThreadPoolExecutor(os.cpu_count()) as pool:  # a single day does not keep the cores busy
                counts.update(zip(held, pool.map(write, held), strict=True))
    return counts


def judge_feedback(con: Any) -> None:
    """Create `judged`, `opinion` and `named` (judged.sql): the opinions and scores on every trace."""
    seen = con.execute(
        "select source_file, name, count(*), min(value), max(value) from feedback"
        " where score is null and value is not null group by all"
    ).fetchall()
    scales = [(file, name, scale_of(name, n, low, high)) for file, name, n, low, high in seen]
    known = [(file, name, *scale) for file, name, scale in scales if scale]
    con.register("scales_seen", pd.DataFrame(known, columns=["source_file", "name", "worst", "best"], dtype=object))
    types = "source_file::varchar as source_file, name::varchar as name, worst::double as worst, best::double as best"
    con.execute(f"create table scales as select {types} from scales_seen")
    con.execute(SQL["judged"])


def _joined(con: Any, first: str, last: str) -> list[CapturedTrace]:
    """Return the traces of a range of days whose spans came in several pieces."""
    pieces: list[dict[str, Any]] = con.execute(SQL["split_traces"], [first, last]).df().to_dict("records")
    groups = groupby(pieces, key=lambda piece: piece["trace_id"])
    return [join_pieces(list(group)) for _, group in groups]


def due_inputs(lake: Lake) -> dict[str, str]:
    """Return {event day: digest of the files that touch it}."""
    found = lake.frame(
        "select day, string_agg(source_file || fingerprint, ';' order by source_file) as inputs from ("
        "  select source_file, fingerprint, unnest(json_keys(days)) as day from capture_log) group by day"
    )
    return {day: hashlib.sha256(text.encode()).hexdigest()[:16] for day, text in found.itertuples(index=False)}


def first_captured_day(lake: Lake) -> date | None:
    """Return the earliest event day of the files that were read and of the days that were written, if there is one."""
    days = [*due_inputs(lake), *lake.inputs("raw_traces")]
    return date.fromisoformat(min(days)) if days else None


def due_days(lake: Lake) -> list[str]:
    """Return the days whose files have changed since the day was written, oldest first."""
    wanted, written = due_inputs(lake), lake.inputs("raw_traces")
    gone = [day for day in written if day not in wanted and written[day] != "empty"]
    return sorted([day for day, digest in wanted.items() if written.get(day) != digest] + gone)


def group_days(days: Sequence[str]) -> list[list[str]]:
    """Group days so that no group has a gap of more than a week: few runs, none over empty years."""
    groups: list[list[str]] = []
    for day in sorted(days):
        near = groups and date.fromisoformat(day) - date.fromisoformat(groups[-1][-1]) <= timedelta(days=7)
        if near:
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups
