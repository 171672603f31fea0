"""The staging tables of the lake -> event days of `raw_traces`: which are due, and writing them; nothing of Dagster.

Most row groups of `captured_traces` hold rows of one day of which none is repeated and for none of which feedback came
on its own. A day takes them over as they are; only the other rows are read, resolved and written.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from flywheel_pipeline.adapters.lake import Group, Lake, casts, to_frame
from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture import join_pieces, scale_of

SQL = {
    name: files("flywheel_pipeline.steps.capture").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    for name in ("superseded", "judged", "log", "split_traces", "whole", "day")
}
_SOURCE = "captured_traces"


def write_days(lake: Lake, days: Sequence[str]) -> dict[str, int]:
    """Write event days from what all files hold of them; returns their traces. A day without any is no file."""
    inputs, written = due_inputs(lake), lake.inputs("raw_traces")
    held = [day for day in days if day in inputs or day in written]
    counts = dict.fromkeys(days, 0)
    if held:
        with lake.connect() as con, lake.scratch() as scratch:
            con.execute(SQL["superseded"])
            judge_feedback(con)
            whole = _split(lake, con, (min(held), max(held)), scratch)

            def write(day: str) -> int:
                query = (SQL["day"], {"day": day})
                return lake.write_from(con.cursor(), query, "raw_traces", day, inputs.get(day, "empty"), whole[day])

            with ThreadPoolExecutor(os.cpu_count()) as pool:  # one day alone does not keep the cores busy
                counts.update(zip(held, pool.map(write, held), strict=True))
    return counts


def judge_feedback(con: Any) -> None:
    """Create `judged`, `opinion` and `named` (judged.sql): what was said of every trace."""
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


def _split(lake: Lake, con: Any, span: tuple[str, str], scratch: Path) -> Mapping[str, list[Group]]:
    """Return the row groups that each day takes over; create `rest` and `joined` of the other rows of these days."""
    con.register("pieces_joined", to_frame(_SOURCE, _joined(con, *span)))
    con.execute(f"create table joined as select {casts(_SOURCE)} from pieces_joined")
    lake.list_groups(con, _SOURCE, "started_at", scratch)
    found = con.execute(SQL["whole"], dict(zip(("first", "last"), span, strict=True))).fetchall()
    whole: dict[str, list[Group]] = defaultdict(list)
    for (day, *_), group in zip(found, lake.fitting([row[1:] for row in found], _SOURCE, scratch), strict=True):
        if group:
            whole[day].append(group)
    lake.leave_out(con, _SOURCE, {group for groups in whole.values() for group in groups}, scratch)
    return whole


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


def due_days(lake: Lake) -> list[str]:
    """Return the days whose files have changed since the day was written, oldest first."""
    wanted, written = due_inputs(lake), lake.inputs("raw_traces")
    gone = [day for day in written if day not in wanted and written[day] != "empty"]
    return sorted([day for day, digest in wanted.items() if written.get(day) != digest] + gone)
