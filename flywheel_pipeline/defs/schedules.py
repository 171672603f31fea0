"""The schedules: plain cron, since a declarative `on_cron` does not fire on a quiet day."""

import dagster as dg

from flywheel_pipeline.defs.jobs import nightly_evals, read_trace_files, watch_canary
from flywheel_pipeline.settings import Settings


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return all schedules; they are on from the start only if the settings say so."""
    running = settings.automation.default_status == "running"
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(
            name="nightly_capture",
            job=read_trace_files,
            cron_schedule=settings.automation.capture_cron,
            execution_timezone="UTC",
            default_status=status,
            description="Reads what landed since; the sensor `captured_days` then writes the days that it touches.",
        ),
        dg.ScheduleDefinition(
            name="nightly_evals",
            job=nightly_evals,
            cron_schedule=settings.automation.evals_cron,
            execution_timezone="UTC",
            default_status=status,
            description="Evaluates the production prompt every night, also on a night without new data.",
        ),
        dg.ScheduleDefinition(
            name="hourly_canary",
            job=watch_canary,
            cron_schedule=settings.automation.canary_cron,
            execution_timezone="UTC",
            default_status=status,
            description="Looks at the running canary, and ends it where harm is shown; does nothing without one.",
        ),
    ]
