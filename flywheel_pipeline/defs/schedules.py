"""The schedules: plain cron, since a declarative `on_cron` does not fire on a quiet day."""

import dagster as dg

from flywheel_pipeline.defs.jobs import nightly_evals, pull_traces, read_trace_files, watch_canary
from flywheel_pipeline.settings import Settings


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return all schedules; they are on from the start only if the settings say so."""
    automation = settings.automation
    running = automation.default_status == "running"
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(
            name=name, job=job, cron_schedule=cron, execution_timezone="UTC", default_status=status, description=text
        )
        for name, job, cron, text in (
            (
                "nightly_pull", pull_traces, automation.pull_cron,
                "Fetches what is new from the sources of `capture.pull`; does nothing where there is none.",
            ),
            (
                "nightly_capture", read_trace_files, automation.capture_cron,
                "Reads what landed since; the sensor `captured_days` then writes the days that it touches.",
            ),
            (
                "nightly_evals", nightly_evals, automation.evals_cron,
                "Evaluates the production prompt every night, also on a night without new data, and judges new traces.",
            ),
            (
                "hourly_canary", watch_canary, automation.canary_cron,
                "Looks at the running canary, and ends it where harm is shown; does nothing without one.",
            ),
        )
    ]  # fmt: skip
