"""The schedules: plain cron, since a declarative `on_cron` does not fire on a quiet day."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from flywheel_pipeline.defs.assets.eval_results import INPUTS
from flywheel_pipeline.defs.assets.production import ALL_JUDGED
from flywheel_pipeline.defs.factory import bound
from flywheel_pipeline.defs.jobs import Job
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.flows.evaluation_inputs import why_unchanged
from flywheel_pipeline.flows.workbench import Workbench


def build_schedules(scope: Scope, jobs: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """Return all schedules; they are on from the start only if the settings say so."""
    automation = scope.settings.automation

    def nightly_pull():
        return dg.RunRequest()

    def nightly_capture():
        return dg.RunRequest()

    def nightly_evals(context: dg.ScheduleEvaluationContext, bench: dg.ResourceParam[Workbench]):
        return request_evals(context, bench, scope)

    def hourly_canary():
        return dg.RunRequest()

    running = automation.default_status == "running"
    return [
        dg.schedule(
            name=scope.name(function.__name__), job=jobs[job], cron_schedule=cron, execution_timezone="UTC",
            description=text,
            default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        )(bound(function, scope))
        for function, job, cron, text in (
            (
                nightly_pull, "pull_traces", automation.pull_cron,
                "Fetches what is new from the sources of `capture.pull`; does nothing where there is none.",
            ),
            (
                nightly_capture, "read_trace_files", automation.capture_cron,
                "Reads what landed since; the sensor `captured_days` then writes the days that it touches.",
            ),
            (
                nightly_evals, "nightly_evals", automation.evals_cron,
                "Evaluates the production prompt every night, and judges new traces; a night on which nothing has "
                "changed is skipped.",
            ),
            (
                hourly_canary, "watch_canary", automation.canary_cron,
                "Looks at the running canary, and ends it where harm is shown; does nothing without one.",
            ),
        )
    ]  # fmt: skip


def request_evals(
    context: dg.ScheduleEvaluationContext, bench: Workbench, scope: Scope
) -> dg.RunRequest | dg.SkipReason:
    """Request an evaluation, unless the last one would only be repeated."""
    inputs = _last(context, scope.key("eval_results"), INPUTS)
    stopped = _last(context, scope.key("production_verdicts"), "stopped")
    missing = _last(context, scope.key("production_verdicts"), "n_missing")
    if stopped != ALL_JUDGED or missing:
        return dg.RunRequest()
    try:
        reason = why_unchanged(bench, inputs)
    except FlywheelError as error:  # the run reports it where people look
        context.log.warning(f"It is not known whether something has changed: {error}")
        reason = None
    return dg.SkipReason(reason) if reason else dg.RunRequest()


def _last(context: dg.ScheduleEvaluationContext, key: dg.AssetKey, name: str) -> Any:
    """Return a value of the metadata with which an asset was made last, if there is one."""
    event = context.instance.get_latest_materialization_event(key)
    found = event.asset_materialization.metadata.get(name) if event and event.asset_materialization else None
    return found.value if found else None
