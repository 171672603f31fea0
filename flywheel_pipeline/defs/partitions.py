"""The one partitions definition of the graph: `raw_traces` by event day (UTC)."""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def daily_partitions(start: date) -> dg.DailyPartitionsDefinition:
    """Return the event days from `start` to today and, since producers' clocks differ, tomorrow."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=2)


def range_tags(days: Sequence[str]) -> dict[str, str]:
    """Return the run tags that materialize all days from the first to the last of `days` in one run."""
    return {RANGE_START: min(days), RANGE_END: max(days)}


def contiguous(days: Sequence[str]) -> list[list[str]]:
    """Group sorted days into runs without gaps longer than a week, so that few runs cover no empty years."""
    groups: list[list[str]] = []
    for day in sorted(days):
        near = groups and date.fromisoformat(day) - date.fromisoformat(groups[-1][-1]) <= timedelta(days=7)
        if near:
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups
