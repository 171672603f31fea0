"""Checks on the evaluation: judges agree with the expert, and every answer was judged."""

from collections import Counter

import dagster as dg
import pandas as pd

from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.evaluate import standing_judges
from flywheel_pipeline.flows.evaluators import unplaced_evaluators
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.steps.evaluate import decides, evaluator_names, what_to_label

WARN = dg.AssetCheckSeverity.WARN


@asset_check(asset="judge_alignment")
def judges_agree_with_expert(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """Every judge or check of a failure mode agrees with the expert well enough to decide; others decide nothing."""
    rows = [a for a in standing_judges(bench) if a.mode_id]
    names = evaluator_names(rows, {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)})
    status = Counter(a.status for a in rows)
    wanted = [what_to_label(a, names[a.evaluator]) for a in rows if not decides(a)]
    described = f"{len(rows) - len(wanted)} of {len(rows)} judges and checks of failure modes may decide"
    return dg.AssetCheckResult(
        passed=not wanted,
        severity=WARN,
        description="; ".join([described, *wanted[:3]]),
        metadata={
            **{f"n_{s}": status[s] for s in ("trusted", "advisory", "unusable", "requirement")},
            "what_to_label": table(("next",), [[line] for line in wanted], cell=300),
        },
    )


@asset_check(asset="eval_results")
def every_answer_judged(lake: LakeResource) -> dg.AssetCheckResult:
    """No evaluator broke; one that did leaves a row with the error and without a score."""
    broken = lake.lake.frame(
        "select case_id, evaluator, error from eval_results"
        " where label is null and (error is not null or not starts_with(evaluator, 'check:')) order by all"
    )
    return _report_broken(broken)


def _report_broken(broken: pd.DataFrame) -> dg.AssetCheckResult:
    """Return the check on verdicts that are missing; the columns are what was judged, evaluator, error."""
    listed = table(tuple(broken.columns), broken.head(20).values.tolist())
    return dg.AssetCheckResult(
        passed=broken.empty,
        severity=WARN,
        description=_what_broke(broken) if len(broken) else None,
        metadata={"n_broken": len(broken), "broken": listed},
    )


def _what_broke(broken: pd.DataFrame) -> str:
    """Return how many verdicts are missing, the most frequent reason, and what to do."""
    reason, n = Counter(str(error or "no reason given") for error in broken["error"]).most_common(1)[0]
    return (
        f"verdicts missing: {len(broken):,}, of which {n:,} because: {reason[:200]}. They count as not evaluated, "
        "never as passed; `flywheel run` asks for them again, and for nothing else"
    )


@asset_check(asset="eval_results")
def every_evaluator_has_its_mode(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """Every accepted evaluator of evaluators.yaml names a failure mode that there is; one that does not is not run."""
    problems = unplaced_evaluators(bench)
    return dg.AssetCheckResult(
        passed=not problems,
        severity=WARN,
        description="; ".join(problems[:3]) or None,
        metadata={"not_run": table(("problem",), [[p] for p in problems], cell=300)},
    )


@asset_check(asset="production_verdicts")
def every_sampled_trace_judged(lake: LakeResource) -> dg.AssetCheckResult:
    """No evaluator broke on a production trace; one that did leaves a row with the error and without a verdict."""
    broken = lake.lake.frame(
        "select trace_id, evaluator, error from production_verdicts where label is null and error is not null"
        " order by all"
    )
    return _report_broken(broken)


EVALUATE_CHECKS = [
    judges_agree_with_expert,
    every_answer_judged,
    every_evaluator_has_its_mode,
    every_sampled_trace_judged,
]
