"""The one partitions definition of the graph: `raw_traces` by event day (UTC)."""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.flows.capture import first_captured_day
from flywheel_pipeline.settings import Settings

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def first_partition(settings: Settings) -> date:
    """Return the day of the first partition: `capture.start_date` where it is set, else the earliest captured day.

    While nothing is captured, or the lake cannot be read, it is the first day that a trace may have, so that a first
    run can write any day. Dagster asks once, when it loads the definitions.
    """
    if settings.capture.start_date:
        return settings.capture.start_date
    try:
        found = first_captured_day(Lake(settings.home / "lake"))
    except FlywheelError:
        found = None
    return found or settings.capture.first_day


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the event days from the first partition to today and, since producers' clocks differ, tomorrow."""
    return dg.DailyPartitionsDefinition(start_date=first_partition(settings).isoformat(), end_offset=2)


def range_tags(days: Sequence[str]) -> dict[str, str]:
    """Return the run tags that materialize all days from the first to the last of `days` in one run."""
    return {RANGE_START: min(days), RANGE_END: max(days)}
