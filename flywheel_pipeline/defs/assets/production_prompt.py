"""`production_prompt`: the prompt that production runs, from the registry."""

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.metadata import definition_metadata, table, text_block
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.steps.deploy import first_prompt

SEEN_SQL = "select messages from raw_traces order by started_at desc, trace_id limit 2000"


@dg.asset(
    deps=["raw_traces"],
    group_name="deploy_and_repeat",
    kinds={"file"},
    owners=["team:app"],
    metadata=definition_metadata("production_prompt"),
)
def production_prompt(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """The production prompt as `prompts/` of the home names it; the first one is taken from the traces."""
    prompt = current_prompt(lake.lake, bench)
    lake.lake.write("production_prompt", [prompt])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(prompt.version),
        metadata={
            "dagster/row_count": 1,
            "version": prompt.version,
            "n_characters": len(prompt.text),
            "text": text_block(prompt.text),
            "history": table(("version", "note"), [[v, bench.registry.get(v).note] for v in bench.registry.history()]),
        },
    )


def current_prompt(lake: Lake, bench: Workbench) -> PromptVersion:
    """Return the production prompt; an empty registry gets the most frequent system prompt of the traces.

    Raises:
        HomeError: the registry is empty and no trace has a system prompt.
    """
    found = bench.registry.production()
    if found is None:
        with lake.connect() as con:
            seen = [row[0] for row in con.execute(SEEN_SQL).fetchall()]
        found = first_prompt(bench.settings.app.prompt_name, seen)
        if found is None:
            raise HomeError(
                "No prompt is registered and no trace holds a system prompt: put the app's prompt into a file and run "
                "`flywheel prompt FILE`."
            )
        bench.registry.add(found)
        bench.registry.promote(found.version)
    return found
