"""`production_verdicts` and `production_health`: what the evaluators say of production, and whether it got better."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.flows.deploy.health import Health, compare_production
from flywheel_pipeline.flows.production import JudgedProduction, ProductionRate, estimate_pass_rate, judge_production
from flywheel_pipeline.flows.workbench import Workbench

OWNERS = ["team:evals"]
ALL_JUDGED = "no: all days are judged"
NOT_KNOWN = "not known: no label of a drawn trace, and no judges that decide"


@asset(
    deps=["raw_traces", "annotations", "judge_alignment"],
    group_name="deploy_and_repeat",
    kinds={"litellm", "parquet"},
    owners=OWNERS,
    pool=True,
)
def production_verdicts(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Judges a random sample of every day's traces by all that may decide; days within the limits, newest first."""
    found = judge_production(bench)
    return dg.MaterializeResult(metadata=_verdict_metadata(found, estimate_pass_rate(bench)))


def _verdict_metadata(found: JudgedProduction, rate: ProductionRate | None) -> dict[str, dg.MetadataValue]:
    paid = sum((v.cost_usd or 0.0 for v in found.verdicts if not v.cached), 0.0)
    plotted = {"production_pass_rate": dg.MetadataValue.float(round(rate.rate.value, 4))} if rate else {}
    return {
        "n_traces": dg.MetadataValue.int(len({v.trace_id for v in found.verdicts})),
        "n_days": dg.MetadataValue.int(len(found.days)),
        "n_missing": dg.MetadataValue.int(sum(v.label is None and v.error is not None for v in found.verdicts)),
        "paid_usd": dg.MetadataValue.float(round(paid, 6)),
        "stopped": dg.MetadataValue.text(found.stopped or ALL_JUDGED),
        "production_passes": dg.MetadataValue.text(str(rate or NOT_KNOWN)),
        **plotted,
    }


@asset(
    deps=["production_verdicts", "production_prompt", "failure_taxonomy", "eval_results"],
    group_name="deploy_and_repeat",
    kinds={"python", "parquet"},
    owners=OWNERS,
)
def production_health(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Compares production under the present prompt with production under the one before, by failure mode."""
    return dg.MaterializeResult(metadata=_health_metadata(compare_production(bench)))


def _health_metadata(found: Health) -> dict[str, dg.MetadataValue]:
    rows = [[r.name, r.verdict, r.state, r.reason] for r in found.rows]
    return {
        "production": dg.MetadataValue.text(found.headline),
        "advice": dg.MetadataValue.text(found.advice or "none: nothing is shown to be worse"),
        "modes": table(("failure mode", "verdict", "state", "why"), rows, cell=500),
        **{f"share: {r.name}": dg.MetadataValue.float(round(r.share_after, 4)) for r in found.rows},
    }
