"""`flywheel_turns`: what every turn of the flywheel took, decided and brought."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import preview
from flywheel_pipeline.flows.deploy.turns import close_turn
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FlywheelTurn

SHOWN = ("turn", "candidate_id", "decision", "labels_added", "n_new_modes", "test_gain", "predicted_gain",
         "realised_gain", "hours_to_fix", "cost_usd")  # fmt: skip
NEWEST = 20


@asset(
    deps=["prompt_candidate", "production_health"],
    group_name="deploy_and_repeat",
    kinds={"python", "parquet"},
    owners=["team:app"],
)
def flywheel_turns(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Builds the table of turns from the gate's decisions, the moves of `production`, and what production shows."""
    return dg.MaterializeResult(metadata=_metadata(close_turn(bench)))


def _metadata(rows: list[FlywheelTurn]) -> dict[str, dg.MetadataValue]:
    """Return the metadata of the asset; the numbers of the last turn are plotted by Dagster over runs."""
    newest = rows[::-1][:NEWEST]
    found: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(len(rows)),
        "turns": preview(newest, SHOWN, NEWEST),
    }
    if not rows:
        return found
    last = rows[-1]
    numbers = {"labels_added": last.labels_added, "new_modes": last.n_new_modes, "test_gain": last.test_gain,
               "predicted_gain": last.predicted_gain, "realised_gain": last.realised_gain,
               "hours_to_fix": last.hours_to_fix, "cost_usd": last.cost_usd}  # fmt: skip
    known = {name: dg.MetadataValue.float(float(value)) for name, value in numbers.items() if value is not None}
    return {**found, **known, "decision": dg.MetadataValue.text(f"{last.decision}: {last.reason}")}
