"""`production_prompt`: the prompt that production runs, from the registry."""

import dagster as dg

from flywheel_pipeline.adapters.registry import PRODUCTION
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import table, text_block
from flywheel_pipeline.flows.deploy.promote import record_production_prompt
from flywheel_pipeline.flows.workbench import Workbench


@asset(
    deps=["raw_traces"],
    group_name="deploy_and_repeat",
    kinds={"file"},
    owners=["team:app"],
)
def production_prompt(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """The production prompt as `prompts/` of the home names it; the first one is taken from the traces."""
    prompt = record_production_prompt(bench)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(prompt.version),
        metadata={
            "dagster/row_count": 1,
            "version": prompt.version,
            "n_characters": len(prompt.text),
            "text": text_block(prompt.text),
            "history": table(
                ("at", "version", "by", "message"),
                [[m.at, m.version, m.by, m.message] for m in bench.registry.labels().moves if m.label == PRODUCTION],
            ),
        },
    )
