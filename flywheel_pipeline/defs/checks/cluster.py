"""Checks on the taxonomy, which warn: how much it covers, whether it is complete, and whether it is in use."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.metadata import table, trace_links, unseen_share
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.sample.saturation import ENOUGH, MIN_FAILURES, judge_saturation

MIN_COVERED, MIN_STABLE = 0.9, 0.8
WARN = dg.AssetCheckSeverity.WARN


def _n_to_review(lake: LakeResource) -> int:
    return len(lake.lake.read("failure_taxonomy", FailureMode, "kind = 'group to review'"))


def _coverage_text(n: int, of: int, waiting: int) -> str:
    if waiting:
        groups, wait = ("1 group", "waits") if waiting == 1 else (f"{waiting} groups", "wait")
        return f"not known: {groups} of failures, found by words alone, {wait} for review"
    return f"belong to a mode: {proportion(n, of)}" if of else "no failures yet"


@asset_check(asset="failure_taxonomy", additional_deps=["failure_assignments"])
def most_failures_covered(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """At least nine of ten failures belong to a mode: the others are of kinds that the taxonomy does not know."""
    rows = lake.lake.frame(
        "select a.trace_id, coalesce(a.code, a.comment) as text, f.mode_id is not null as is_assigned"
        " from annotations a left join failure_assignments f using (trace_id)"
        " where a.is_current and a.verdict = 'fail' order by a.trace_id"
    )
    n, of, waiting = int(rows["is_assigned"].sum()), len(rows), _n_to_review(lake)
    left = rows.loc[~rows["is_assigned"].astype(bool), ["trace_id", "text"]]
    return dg.AssetCheckResult(
        passed=n >= MIN_COVERED * of and not waiting,
        severity=WARN,
        description=_coverage_text(n, of, waiting),
        metadata={
            "n_unassigned": of - n,
            "n_to_review": waiting,
            "unassigned": table(("trace_id", "failure"), left.head(20).values.tolist()),
            "traces": trace_links(bench.page("traces"), left["trace_id"]),
        },
    )


@asset_check(asset="failure_taxonomy", additional_deps=["failure_assignments"])
def no_new_failure_modes_expected(lake: LakeResource) -> dg.AssetCheckResult:
    """At 95 %, at most 5 % of failures belong to modes not seen yet, and there are at least 30 failures."""
    counts = lake.lake.frame(
        "select count(*) as n from failure_assignments group by coalesce(mode_id, trace_id) order by all"
    )
    waiting = _n_to_review(lake)
    found = judge_saturation([int(n) for n in counts["n"]], waiting)  # a failure in no mode may be the first of its own
    passed = found.n_failures >= MIN_FAILURES and found.unseen_share_at_most <= ENOUGH and not waiting
    return dg.AssetCheckResult(
        passed=passed,
        severity=WARN,
        description=found.advice,
        metadata={"n_failures": found.n_failures, **unseen_share(found)},
    )


@asset_check(asset="failure_taxonomy")
def every_mode_in_use(lake: LakeResource) -> dg.AssetCheckResult:
    """Every mode that is not retired has a failure; one without may be merged or retired."""
    idle = [m for m in lake.lake.read("failure_taxonomy", FailureMode, "n_failures = 0") if m.status != "retired"]
    expected = f"without failures: {', '.join(m.name for m in idle)}" if idle else "all have failures"
    listed = table(("mode_id", "mode", "status"), [[m.mode_id, m.name, m.status] for m in idle])
    return dg.AssetCheckResult(
        passed=not idle, severity=WARN, description=expected, metadata={"n_idle": len(idle), "idle": listed}
    )


@asset_check(asset="failure_taxonomy")
def assignments_stable(context: dg.AssetCheckExecutionContext, scope: Scope) -> dg.AssetCheckResult:
    """Two passes over the failures that the last run assigned put at least eight of ten into the same mode."""
    event = context.instance.get_latest_materialization_event(scope.key("failure_taxonomy"))
    found = event.asset_materialization.metadata if event and event.asset_materialization else {}
    n, share = (found[k].value if k in found else None for k in ("n_assigned_twice", "share_agreed"))
    if not isinstance(n, int) or not isinstance(share, float):
        return dg.AssetCheckResult(
            passed=True, severity=WARN, description="not measured in this run: no failure was assigned twice"
        )
    agreed = proportion(round(share * n), n)
    passed = agreed.value >= MIN_STABLE
    doubt = "" if passed == (agreed.low >= MIN_STABLE) and passed == (agreed.high >= MIN_STABLE) else "; inconclusive"
    return dg.AssetCheckResult(passed=passed, severity=WARN, description=f"agree: {agreed}{doubt}")


@asset_check(asset="failure_taxonomy")
def groups_named(context: dg.AssetCheckExecutionContext, scope: Scope) -> dg.AssetCheckResult:
    """The taxonomy model named every group that the last run asked about; the others are groups to review."""
    event = context.instance.get_latest_materialization_event(scope.key("failure_taxonomy"))
    found = event.asset_materialization.metadata if event and event.asset_materialization else {}
    shown = found.get("naming_problems")
    problems = (
        [str(next(iter(r.data.values()))) for r in shown.records] if isinstance(shown, dg.TableMetadataValue) else []
    )
    described = f"groups of failures are left to review: {'; '.join(problems)}" if problems else "nothing is missing"
    return dg.AssetCheckResult(passed=not problems, severity=WARN, description=described)


TAXONOMY_CHECKS = [
    most_failures_covered, no_new_failure_modes_expected, every_mode_in_use, assignments_stable, groups_named
]  # fmt: skip
