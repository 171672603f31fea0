"""The sensor that alerts people; it is there where `alerts.urls_env` is set."""

import time
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timezone

import dagster as dg

from flywheel_pipeline.adapters.notify import send
from flywheel_pipeline.defs.causes import CHECK, cause_of, root_of
from flywheel_pipeline.defs.factory import bound
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.flows.alerts import Alert, Send, Watch, lasting_alerts
from flywheel_pipeline.flows.workbench import Workbench

WHOLE_TEXT = 1_500
"""Characters of an alert that are sent, at most."""


def build_alert_sensors(scope: Scope, ours: Collection[str]) -> list[dg.SensorDefinition]:
    """Return the sensor, if alerts are configured; `ours` are the names of our jobs and assets."""
    settings = scope.settings
    if not settings.alerts.urls_env:
        return []

    def alerts(context: dg.SensorEvaluationContext, bench: dg.ResourceParam[Workbench]):
        return alert_people(context, bench, ours)

    text = "Alerts people once of what `alerts` in flywheel.yaml lists, at the addresses in the environment."
    decorate = dg.sensor(
        name=scope.name("alerts"), minimum_interval_seconds=max(60, settings.automation.sensor_seconds),
        default_status=dg.DefaultSensorStatus.RUNNING, description=text,
    )  # fmt: skip
    return [decorate(bound(alerts, scope))]


def alert_people(
    context: dg.SensorEvaluationContext, bench: Workbench, ours: Collection[str], post: Send = send
) -> dg.SkipReason:
    """Send what is new since the last tick; what no address took is tried again at the next one."""
    settings, now = bench.settings.alerts, time.time()
    watch = Watch.of(context.cursor, now)
    lasting, voting, unread = _lasting(bench, watch.voting)
    try:
        failed = [a for a in failed_runs(context.instance, watch.since, ours) if a.kind in settings.on]
        watch, due = watch.look(lasting, failed, now)
        watch, n = watch.deliver(due, settings.urls(), post)
    except FlywheelError as error:
        return dg.SkipReason(f"no alert was sent: {error}")
    context.update_cursor(replace(watch, since=now, voting=tuple(sorted(voting))).text)
    late = f"; {len(watch.waiting)} wait for an address that did not take them" if watch.waiting else ""
    sent = f"{n} alert{'s' * (n != 1)} sent{late}" if n or late else "nothing new to alert people of"
    return dg.SkipReason(sent + unread)


def _lasting(bench: Workbench, voting: Collection[str]) -> tuple[list[Alert] | None, Collection[str], str]:
    """Return what lasts and the judges that vote; where the home cannot be read, no list and the reason.

    Then runs fail, too, of which people are to be alerted all the more.
    """
    try:
        found, now_voting = lasting_alerts(bench, voting)
    except FlywheelError as error:
        return None, voting, f"; the home cannot be read: {error}"
    return [a for a in found if a.kind in bench.settings.alerts.on], now_voting, ""


def failed_runs(instance: dg.DagsterInstance, since: float, ours: Collection[str]) -> list[Alert]:
    """Return an alert for each of our runs that failed after `since` and is not tried again by itself."""
    after = datetime.fromtimestamp(since, timezone.utc)
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=after)
    records = instance.get_run_records(filters, order_by="update_timestamp", ascending=True)
    runs = [r.dagster_run for r in records if r.dagster_run.tags.get("dagster/will_retry") != "true"]
    return [_failure(instance, r) for r in runs if not _names_of(r).isdisjoint(ours)]


def _names_of(run: dg.DagsterRun) -> set[str]:
    return {run.job_name, *(key.to_user_string() for key in run.asset_selection or ())}


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Alert:
    events = _events(instance, run.run_id, dg.DagsterEventType.STEP_FAILURE)
    errors = {error.cls_name for e in events if (error := root_of(e))}
    evaluated = _events(instance, run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [e.asset_check_evaluation_data for e in evaluated]
    stopped = [
        f"{c.check_name} of {c.asset_key.to_user_string()}: {c.description or 'failed'}"
        for c in checks
        if not c.passed and c.severity == dg.AssetCheckSeverity.ERROR
    ]
    causes = "; ".join(cause_of(e) for e in events) or "the run ended without a failed step"
    text = f"{'; '.join([*stopped, causes])}. Run {run.run_id} of {run.job_name}."[:WHOLE_TEXT]
    if "BudgetError" in errors:
        return Alert(run.run_id, "budget_reached", f"The budget is reached: {run.job_name}", text)
    if CHECK in errors:
        return Alert(run.run_id, "check_failed", f"A check stopped {run.job_name}", text)
    return Alert(run.run_id, "run_failed", f"{run.job_name} failed", text)


def _events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    found = instance.get_records_for_run(run_id, of_type=kind).records
    return [e for r in found if (e := r.event_log_entry.dagster_event)]
