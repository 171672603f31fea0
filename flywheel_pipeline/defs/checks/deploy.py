"""Checks on what is deployed: the canary does no harm."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.records import CanaryHealth


@asset_check(asset="canary_health")
def canary_does_no_harm(lake: LakeResource) -> dg.AssetCheckResult:
    """The last look at the canary showed no harm; one that did has ended the canary."""
    rows = lake.lake.read("canary_health", CanaryHealth)
    last = max(rows, key=lambda r: r.looked_at, default=None)
    return dg.AssetCheckResult(
        passed=last is None or last.decision != "roll back",
        severity=dg.AssetCheckSeverity.ERROR,
        description="no canary has run yet" if last is None else f"{last.version}: {last.decision}, {last.reason}",
    )


DEPLOY_CHECKS = [canary_does_no_harm]
