"""`sampled_traces`: the batch for the expert."""

from typing import Any

import dagster as dg
from pydantic import Field

from flywheel_pipeline.defs.assets.trace_files import GROUP
from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import preview, table, unseen_share
from flywheel_pipeline.flows.sample import BatchRequest, draw_batch, saturation
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.sample import Frame
from flywheel_pipeline.steps.sample.report import allocation, below_minimum, counts_per_kind, n_strata

SHOWN = ("trace_id", "stratum", "reason", "inclusion_probability", "weight")


class BatchConfig(dg.Config):
    """A batch other than the usual one; what is left out is as `sample` of `flywheel.yaml` says."""

    size: int | None = Field(default=None, description="Traces for the expert", ge=1, le=2000)
    since: str | None = Field(default=None, description="First day, for example 2026-01-31")
    until: str | None = Field(default=None, description="Last day; by default the newest with traces")
    strata: list[str] | None = Field(
        default=None, description="Columns of raw_traces or names of tags, each value a stratum"
    )
    seed: int | None = Field(default=None, description="Another seed draws another batch of the same window")


@asset(
    deps=["raw_traces"],
    group_name=GROUP,
    kinds={"duckdb", "scikitlearn"},
    owners=["team:evals"],
)
def sampled_traces(config: BatchConfig, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """The traces to label: diverse and failure-seeking, each with its reason and its inclusion probability.

    The flywheel feeds back here: traces like golden cases that the production prompt failed in the last `eval_results`
    are drawn more often. The graph has no arrow for it, since it would be a circle.
    """
    frame, rows = draw_batch(bench, BatchRequest(**config.model_dump()))
    n_rows = len(bench.lake.read("sampled_traces", SampledTrace))
    return dg.MaterializeResult(
        metadata={"dagster/row_count": n_rows, **_metadata(bench, frame, rows, bench.settings.sample.min_per_stratum)}
    )


def _metadata(bench: Workbench, frame: list[Frame], rows: list[SampledTrace], least: int) -> dict[str, Any]:
    saturated = saturation(bench)
    to_label = [r for r in rows if r.to_label]
    return {
        "n_sampled": len(to_label),
        "n_known": len(rows) - len(to_label),
        "batch": rows[0].batch if rows else "no traces to sample",
        "n_frame": rows[0].n_frame if rows else 0,
        "coverage": coverage_plot(frame, to_label),
        "allocation": table(("traces", "eligible", "sampled", "of eligible", "of sample"), allocation(frame, to_label)),
        **(
            {"strata_below_minimum": ", ".join(below_minimum(frame, to_label, least)) or "none"}
            if n_strata(frame)
            else {}
        ),
        **unseen_share(saturated),
        "saturation": dg.MetadataValue.text(saturated.advice),
        "preview": preview(to_label, SHOWN),
    }


def coverage_plot(frame: list[Frame], rows: list[SampledTrace]) -> dg.MarkdownMetadataValue:
    """Plot which share of each kind of trace the sample holds."""
    return bars(
        [(f"{name} ({b} of {a})", b / a if a else 0.0) for name, (a, b) in counts_per_kind(frame, rows).items()],
        percent=True,
    )
