"""The definitions of one flywheel, in flywheel order, listed and not discovered."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from flywheel_pipeline.defs.alerts import build_alert_sensors
from flywheel_pipeline.defs.assets import build_assets
from flywheel_pipeline.defs.checks import build_checks
from flywheel_pipeline.defs.jobs import Job, build_jobs
from flywheel_pipeline.defs.resources import build_resources
from flywheel_pipeline.defs.schedules import build_schedules
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.defs.sensors import build_sensors


def build_flywheel(scope: Scope) -> dg.Definitions:
    """Return the definitions of a flywheel, without an executor for jobs that are not ours."""
    assets = build_assets(scope)
    jobs = build_jobs(scope, assets)
    return dg.Definitions(
        assets=assets,
        asset_checks=build_checks(scope),
        jobs=list(jobs.values()),
        schedules=build_schedules(scope, jobs),
        sensors=[*build_sensors(scope, jobs), *build_alert_sensors(scope, _names(assets, jobs))],
        resources=build_resources(scope),
    )


def _names(assets: Sequence[Any], jobs: Mapping[str, Job]) -> set[str]:
    """Return the names of our jobs and assets."""
    keys = [k for a in assets for k in ([a.key] if isinstance(a, dg.AssetSpec) else a.keys)]
    return {*(job.name for job in jobs.values()), *(key.to_user_string() for key in keys)}
