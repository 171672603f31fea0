"""Checks on what is deployed: the canary harms nobody, no mode got worse or came back, the prompt is published."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.deploy.health import read_health
from flywheel_pipeline.flows.deploy.publish import unpublished
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CanaryHealth
from flywheel_pipeline.steps.deploy import advice


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


@asset_check(asset="production_prompt")
def production_prompt_is_published(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """The promoted prompt is wherever `deploy.publish` says; `flywheel prompts publish` tries again."""
    missing = unpublished(bench)
    places = len(bench.settings.deploy.publish)
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(str(m) for m in missing)
        or (f"{places} configured, none lacks it" if places else "no place is configured"),
        metadata={"missing": table(("place", "problem"), [[m.where, m.problem] for m in missing], cell=300)},
    )


@asset_check(asset="production_health")
def production_holds(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No failure mode is shown to be worse under the present prompt, or back although it was fixed."""
    rows = read_health(bench)
    what = advice({r.name: (r.verdict, r.state) for r in rows}, rows[0].before_version) if rows else ""
    said = f"{len(rows)} comparisons with {rows[0].before_version}" if rows else "nothing to compare with yet"
    return dg.AssetCheckResult(passed=not what, severity=dg.AssetCheckSeverity.ERROR, description=what or said)


DEPLOY_CHECKS = [canary_does_no_harm, production_holds, production_prompt_is_published]
