"""Checks on the taxonomy, which warn: how much it covers, whether it is complete, and whether it is in use."""

import dagster as dg

from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.sample.saturation import ENOUGH, MIN_FAILURES, judge_saturation

MIN_COVERED = 0.9
WARN = dg.AssetCheckSeverity.WARN


@dg.asset_check(asset="failure_taxonomy", additional_deps=["failure_assignments"])
def most_failures_covered(lake: LakeResource) -> dg.AssetCheckResult:
    """At least nine of ten failures belong to a mode: the others are of kinds that the taxonomy does not know."""
    rows = lake.lake.frame(
        "select a.trace_id, coalesce(a.code, a.comment) as text, f.mode_id is not null as is_assigned"
        " from annotations a left join failure_assignments f using (trace_id)"
        " where a.is_current and a.verdict = 'fail' order by a.trace_id"
    )
    n, of = int(rows["is_assigned"].sum()), len(rows)
    left = rows.loc[~rows["is_assigned"].astype(bool), ["trace_id", "text"]]
    return dg.AssetCheckResult(
        passed=n >= MIN_COVERED * of,
        severity=WARN,
        description=f"belong to a mode: {proportion(n, of)}" if of else "no failures yet",
        metadata={"n_unassigned": of - n, "unassigned": table(("trace_id", "failure"), left.head(20).values.tolist())},
    )


@dg.asset_check(asset="failure_taxonomy")
def modes_saturated(lake: LakeResource) -> dg.AssetCheckResult:
    """At 95 %, at most 5 % of failures are of modes that nobody has seen, and there are at least 30 failures."""
    found = judge_saturation([m.n_failures for m in lake.lake.read("failure_taxonomy", FailureMode)])
    passed = found.n_failures >= MIN_FAILURES and found.unseen_share_at_most <= ENOUGH
    return dg.AssetCheckResult(
        passed=passed,
        severity=WARN,
        description=f"labelling: {found.advice}",
        metadata={"n_failures": found.n_failures, "unseen_share_at_most": found.unseen_share_at_most},
    )


@dg.asset_check(asset="failure_taxonomy")
def every_mode_in_use(lake: LakeResource) -> dg.AssetCheckResult:
    """Every mode that is not retired has a failure; one without may be merged or retired."""
    idle = [m for m in lake.lake.read("failure_taxonomy", FailureMode, "n_failures = 0") if m.status != "retired"]
    told = f"without failures: {', '.join(m.name for m in idle)}" if idle else "all have failures"
    listed = table(("mode_id", "mode", "status"), [[m.mode_id, m.name, m.status] for m in idle])
    return dg.AssetCheckResult(
        passed=not idle, severity=WARN, description=told, metadata={"n_idle": len(idle), "idle": listed}
    )


TAXONOMY_CHECKS = [most_failures_covered, modes_saturated, every_mode_in_use]
