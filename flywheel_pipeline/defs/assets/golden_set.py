"""`golden_set`: the permanent test set."""

import dagster as dg

from flywheel_pipeline.defs.growing import grow, propose, shown
from flywheel_pipeline.defs.metadata import definition_metadata
from flywheel_pipeline.defs.resources import LakeResource, Workbench


@dg.asset(
    deps=["raw_traces", "annotations", "failure_taxonomy", "failure_assignments"],
    group_name="build_test_sets",
    kinds={"python", "scikitlearn", "litellm"},
    owners=["team:evals"],
    metadata=definition_metadata("golden_set"),
)
def golden_set(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Representative failures of every mode, happy paths, synthetic and adversarial cases; append-only in `golden/`."""
    grown = grow(lake.lake, bench)
    lake.lake.write("golden_set", grown.cases)
    grown = propose(lake.lake, bench, grown)
    return dg.MaterializeResult(metadata=shown(lake.lake, bench, grown))
