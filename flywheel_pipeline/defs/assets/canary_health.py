"""`canary_health`: how a prompt does that is tried on a share of traffic."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.flows.deploy.canary import Look, look_at_canary
from flywheel_pipeline.flows.workbench import Workbench


@asset(
    deps=["raw_traces"],
    group_name="deploy_and_repeat",
    kinds={"python", "parquet"},
    owners=["team:app"],
)
def canary_health(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Looks at the running canary and ends it where harm is shown; without one nothing is done."""
    return dg.MaterializeResult(metadata=_metadata(look_at_canary(bench)))


def _metadata(look: Look | None) -> dict[str, dg.MetadataValue]:
    """Return the metadata of the asset."""
    if look is None:
        return {"canary": dg.MetadataValue.text("none runs; `flywheel canary start VERSION` starts one")}
    report = look.report
    return {
        "canary": dg.MetadataValue.text(f"{look.canary.version} on {look.canary.share:.0%} of sessions"),
        "n_canary": dg.MetadataValue.int(report.canary.n),
        "n_control": dg.MetadataValue.int(report.control.n),
        "difference": dg.MetadataValue.float(report.difference),
        "decision": dg.MetadataValue.text(f"{report.decision}: {report.reason}"),
    }
