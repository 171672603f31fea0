"""Checks on the evaluation: judges agree with the expert, and every answer was judged."""

from collections import Counter

import dagster as dg

from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.records import JudgeAlignment

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dg.asset_check(asset="judge_alignment", blocking=True)
def judges_agree_with_expert(lake: LakeResource) -> dg.AssetCheckResult:
    """A judge that contradicts the expert must not decide: with no judge left to trust, the run stops here."""
    rows = lake.lake.read("judge_alignment", JudgeAlignment)
    status = Counter(a.status for a in rows)
    stop = status["unusable"] > 0 and status["trusted"] == 0
    told = [[a.evaluator, a.status, a.n_fail, a.n_pass, a.n_unsure] for a in rows if a.status != "trusted"]
    return dg.AssetCheckResult(
        passed=status["trusted"] == len(rows),
        severity=ERROR if stop else WARN,
        description=f"{status['trusted']} of {len(rows)} judges agree with the expert well enough to decide",
        metadata={
            **{f"n_{s}": status[s] for s in ("trusted", "unproven", "unusable")},
            "not_trusted": table(("judge", "status", "labelled fails", "labelled passes", "unsure"), told),
        },
    )


@dg.asset_check(asset="eval_results")
def every_answer_judged(lake: LakeResource) -> dg.AssetCheckResult:
    """No evaluator broke; one that did leaves a row with the error and without a score."""
    broken = lake.lake.frame("select case_id, evaluator, error from eval_results where label is null order by all")
    told = table(("case_id", "evaluator", "error"), broken.head(20).values.tolist())
    return dg.AssetCheckResult(passed=broken.empty, severity=WARN, metadata={"n_broken": len(broken), "broken": told})


EVALUATE_CHECKS = [judges_agree_with_expert, every_answer_judged]
