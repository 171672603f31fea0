"""`improvement_plan`: the lever of each failure mode, with its evidence."""

import json
from collections import Counter

import dagster as dg

from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.flows.plan import make_plan
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import ImprovementPlan


@asset(
    deps=["prompt_candidate", "failure_taxonomy", "annotations", "judge_alignment"],
    group_name="improve",
    kinds={"python"},
    owners=["team:app"],
)
def improvement_plan(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Names what would fix each failure mode: prompt, retrieval, tool or code, fine-tuning; or what would decide it."""
    return dg.MaterializeResult(metadata=_metadata(make_plan(bench)))


def _metadata(rows: list[ImprovementPlan]) -> dict[str, dg.MetadataValue]:
    counted = Counter(r.lever for r in rows)
    return {
        "dagster/row_count": dg.MetadataValue.int(len(rows)),
        **{f"n_{lever.replace(' ', '_').replace('-', '_')}": dg.MetadataValue.int(n) for lever, n in counted.items()},
        "plan": table(
            ("mode", "lever", "reason", "to do"),
            [[r.mode, r.lever, r.reason, "; ".join(json.loads(r.to_do))] for r in rows],
            cell=400,
        ),
    }
