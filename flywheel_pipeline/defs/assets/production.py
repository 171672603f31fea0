"""`production_verdicts` and `production_health`: what the evaluators say of production, and whether it got better."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.flows.deploy.health import Health, compare_production
from flywheel_pipeline.flows.production import JudgedProduction
from flywheel_pipeline.flows.production_rates import judge_and_estimate, passing_lines, read_rates
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode, ProductionRate
from flywheel_pipeline.steps.evaluate import COMPOSITE

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
    found = judge_and_estimate(bench)
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    return dg.MaterializeResult(metadata=_verdict_metadata(found, read_rates(bench), names))


def _verdict_metadata(
    found: JudgedProduction, rates: list[ProductionRate], names: dict[str, str]
) -> dict[str, dg.MetadataValue]:
    latest = {r.mode_id: r.share for r in rates}
    plotted = {f"share: {names[m]}": dg.MetadataValue.float(round(x, 4)) for m, x in latest.items() if m in names}
    if COMPOSITE in latest:
        plotted["production_pass_rate"] = dg.MetadataValue.float(round(1 - latest[COMPOSITE], 4))
    return {
        "n_traces": dg.MetadataValue.int(len({v.trace_id for v in found.verdicts})),
        "n_days": dg.MetadataValue.int(len(found.days)),
        "n_missing": dg.MetadataValue.int(sum(v.label is None and v.error is not None for v in found.verdicts)),
        "stopped": dg.MetadataValue.text(found.stopped or ALL_JUDGED),
        "production_passes": dg.MetadataValue.text("; ".join(passing_lines(rates)) or NOT_KNOWN),
        **({} if found.paid_usd is None else {"paid_usd": dg.MetadataValue.float(round(found.paid_usd, 6))}),
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
        **{f"share: {r.name}": dg.MetadataValue.float(round(r.share_after, 4)) for r in found.rows if r.n_after},
    }
