"""`raw_traces`: one Parquet file an event day."""

import hashlib
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake, casts, to_frame
from flywheel_pipeline.defs.assets.trace_files import GROUP, SQL, capture_log
from flywheel_pipeline.defs.metadata import bars, definition_metadata, table
from flywheel_pipeline.defs.partitions import daily_partitions
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.steps.capture import join_pieces


def build_raw_traces(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset; its partitions begin at `capture.start_date`."""

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", dg.BetaWarning
        )  # backfill_policy is beta in 1.13; a backfill in one run needs it
        decorate = _decorator(settings)

    @decorate
    def raw_traces(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        """Production traces by event day, one row a trace; a trace seen twice keeps its fullest, newest row."""
        days = context.partition_keys
        counts = write_days(lake.lake, days)
        for day, n in counts.items():
            context.add_asset_metadata({"dagster/partition_row_count": n}, partition_key=day)
        return dg.MaterializeResult(metadata={"n_traces": sum(counts.values()), **_shown(lake, days)})

    return raw_traces


def _decorator(settings: Settings):
    return dg.asset(
        partitions_def=daily_partitions(settings.capture.start_date),
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[capture_log],
        group_name=GROUP,
        kinds={"duckdb", "parquet"},
        owners=["team:data-engineering"],
        metadata=definition_metadata("raw_traces"),
    )


def write_days(lake: Lake, days: Sequence[str]) -> dict[str, int]:
    """Write event days from what all files hold of them; returns their traces. A day without any is no file."""
    inputs, written = due_inputs(lake), lake.inputs("raw_traces")
    held = [day for day in days if day in inputs or day in written]
    counts = dict.fromkeys(days, 0)
    if held:
        with lake.connect() as con:
            con.execute(SQL["superseded"])
            con.register("pieces_joined", to_frame("captured_traces", _joined(con, min(held), max(held))))
            con.execute(f"create table joined as select {casts('captured_traces')} from pieces_joined")

            def write(day: str) -> int:
                digest = inputs.get(day, "empty")
                return lake.write_from(con.cursor(), "raw_traces", SQL["day"], [day] * 4, day, digest)

            with ThreadPoolExecutor(os.cpu_count()) as pool:  # one day alone does not keep the cores busy
                counts.update(zip(held, pool.map(write, held), strict=True))
    return counts


def _joined(con: Any, first: str, last: str) -> list[CapturedTrace]:
    """Return the traces of a range of days whose spans came in several pieces."""
    pieces: list[dict[str, Any]] = con.execute(SQL["pieces"], [first, last]).df().to_dict("records")
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


def _shown(lake: LakeResource, days: list[str]) -> dict[str, dg.MetadataValue]:
    per_day = lake.lake.frame(
        "select strftime(started_at, '%Y-%m-%d') as day, count(*) as n, count(*) filter (feedback_score < 0.5) as bad,"
        " count(*) filter (feedback_score is null) as silent, round(median(latency_ms)) as latency"
        " from raw_traces where started_at >= ?::date and started_at < ?::date + interval 1 day"
        " group by all order by all",
        [min(days), max(days)],
    )
    rows = per_day.values.tolist()
    return {
        "traces_per_day": bars([(r[0][5:], r[1]) for r in rows[-14:]]),
        "days": table(("day", "traces", "thumbs down", "no feedback", "median ms"), rows[-31:]),
        "preview": table(("trace_id", "input", "output"), _preview(lake, days)),
    }


def _preview(lake: LakeResource, days: list[str]) -> list[list[str]]:
    sql = (
        "select trace_id, left(input, 200), left(output, 200) from raw_traces"
        " where started_at >= ?::date order by started_at, trace_id limit 5"
    )
    found: list[list[str]] = lake.lake.frame(sql, [min(days)]).values.tolist()
    return found
