"""The one partitions definition of the graph: `raw_traces` by event day (UTC)."""

from collections.abc import Sequence
from datetime import date

import dagster as dg

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def daily_partitions(start: date) -> dg.DailyPartitionsDefinition:
    """Return the event days from `start` to today and, since producers' clocks differ, tomorrow."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=2)


def range_tags(days: Sequence[str]) -> dict[str, str]:
    """Return the run tags that materialize all days from the first to the last of `days` in one run."""
    return {RANGE_START: min(days), RANGE_END: max(days)}
