"""`raw_traces`: one Parquet file per event day."""

from datetime import timedelta

import dagster as dg

from flywheel_pipeline.defs.assets.trace_files import GROUP
from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.partitions import daily_partitions
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.capture import write_days


@asset(
    partitions=daily_partitions,
    deps=["capture_log"],
    group_name=GROUP,
    kinds={"duckdb", "parquet"},
    owners=["team:data-engineering"],
    freshness_policy=dg.FreshnessPolicy.time_window(timedelta(days=7), timedelta(days=2)),
)
def raw_traces(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Production traces by event day, one row per trace; a trace seen twice keeps its fullest, newest row."""
    days = context.partition_keys
    counts = write_days(lake.lake, days)
    for day, n in counts.items():
        context.add_asset_metadata({"dagster/partition_row_count": n}, partition_key=day)
    return dg.MaterializeResult(metadata={"n_traces": sum(counts.values()), **_metadata(lake, days)})


def _metadata(lake: LakeResource, days: list[str]) -> dict[str, dg.MetadataValue]:
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
