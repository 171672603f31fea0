"""`pulled_traces`: landing files with what is new in the observability tools that the settings name."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.errors import PullError
from flywheel_pipeline.flows.capture.pull import Pulled, pull_sources
from flywheel_pipeline.flows.workbench import Workbench


@asset(
    group_name="capture_and_label",
    kinds={"python", "file"},
    owners=["team:data-engineering"],
)
def pulled_traces(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Fetches new and edited traces and late scores from the sources of `capture.pull` into `traces/pulled/`. A source
    that fails stops no other, and the next run goes on where it stood.
    """
    pulled = list(pull_sources(bench))
    if problems := [str(one) for one in pulled if one.problem]:
        raise PullError("\n".join(problems))
    return dg.MaterializeResult(metadata=_metadata(pulled))


def _metadata(pulled: list[Pulled]) -> dict[str, dg.MetadataValue]:
    rows = [[x.source, len(x.rows), len(x.traces), len(x.files), "yes" if x.is_whole else "no"] for x in pulled]
    return {
        "n_rows": dg.MetadataValue.int(sum(len(x.rows) for x in pulled)),
        "n_traces": dg.MetadataValue.int(sum(len(x.traces) for x in pulled)),
        "sources": table(("source", "rows", "traces", "files changed", "up to date"), rows),
    }
