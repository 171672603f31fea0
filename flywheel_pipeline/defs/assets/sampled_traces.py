"""`sampled_traces`: the batch for the expert."""

from dataclasses import asdict
from datetime import date, timedelta
from importlib.resources import files

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.assets.trace_files import GROUP
from flywheel_pipeline.defs.metadata import bars, definition_metadata, preview, table
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.sample import MAX_FRAME, Design, Frame, sample_traces

FRAME_SQL = files("flywheel_pipeline.steps.sample").joinpath("frame.sql").read_text(encoding="utf-8")
SHOWN = ("trace_id", "stratum", "reason", "inclusion_probability", "weight")


@dg.asset(
    deps=["raw_traces"],
    group_name=GROUP,
    kinds={"duckdb", "scikitlearn"},
    owners=["team:evals"],
    metadata=definition_metadata("sampled_traces"),
)
def sampled_traces(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """The traces to label: diverse and failure-seeking, each with its reason and its inclusion probability."""
    frame, rows = draw_batch(lake.lake, bench)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(lake.lake.read("sampled_traces", SampledTrace)),
            "n_sampled": len(rows),
            "batch": rows[0].batch if rows else "no traces to sample",
            "n_frame": round(sum(1 / f.kept for f in frame)),
            "coverage": coverage_plot(frame, rows),
            "allocation": table(
                ("stratum", "in frame", "sampled", "share of frame", "share of sample"),
                allocation(frame, rows),
            ),
            "preview": preview(rows, SHOWN),
        }
    )


def draw_batch(lake: Lake, bench: Workbench) -> tuple[list[Frame], list[SampledTrace]]:
    """Return the frame and the batch of the newest days, and write the table of all batches.

    A drawn batch is a file in `samples/` and stays as the expert saw it: without its probabilities, labels
    could not be weighted back to production any more. Only a new window or design draws a new one.
    """
    design = _design(lake, bench)
    asked = [design.since, design.until, design.seed, MAX_FRAME, MAX_FRAME]
    frame = [Frame(*row) for row in lake.frame(FRAME_SQL, asked).itertuples(index=False)]
    batches = {
        f.name: [SampledTrace(**row) for row in bench.home.read_jsonl(f"samples/{f.name}")]
        for f in bench.home.files("samples")
    }
    name = f"{design.batch}.jsonl"
    if name not in batches and frame:
        batches[name] = sample_traces(frame, design, bench.embed)
        bench.home.append_jsonl(f"samples/{name}", [asdict(row) for row in batches[name]])
    lake.write("sampled_traces", [row for rows in batches.values() for row in rows])
    return frame, batches.get(name, [])


def _design(lake: Lake, bench: Workbench) -> Design:
    settings = bench.settings.sample
    newest = lake.frame("select max(started_at)::date::varchar as day from raw_traces")["day"][0]
    until = date.fromisoformat(newest) if isinstance(newest, str) else bench.settings.capture.start_date
    since = until - timedelta(days=settings.window_days - 1)
    return Design(
        since.isoformat(),
        until.isoformat(),
        settings.size,
        settings.risk_multiplier,
        settings.uniform_share,
        settings.seed,
    )


def _strata(frame: list[Frame], rows: list[SampledTrace]) -> dict[str, tuple[int, int]]:
    """Return {what is known of a trace: (in the frame, in the sample)}."""
    chosen = {r.trace_id for r in rows}
    tests = {
        "thumbs down": lambda f: f.thumbs_down,
        "several turns": lambda f: f.n_turns > 1,
        "error or no answer": lambda f: f.failed or f.silent,
        "outlier": lambda f: f.many_turns or f.slow or f.long,
        "ordinary": lambda f: not (f.thumbs_down or f.failed or f.silent or f.many_turns or f.slow or f.long),
        "all": lambda f: True,
    }
    found = {name: [f for f in frame if test(f)] for name, test in tests.items()}
    return {
        name: (round(sum(1 / f.kept for f in own)), sum(f.trace_id in chosen for f in own))
        for name, own in found.items()
    }


def allocation(frame: list[Frame], rows: list[SampledTrace]) -> list[list[object]]:
    """Return per kind of trace how many there are and how many were drawn."""
    counts = _strata(frame, rows)
    n, m = max(counts["all"][0], 1), max(len(rows), 1)
    return [[name, a, b, f"{a / n:.0%}", f"{b / m:.0%}"] for name, (a, b) in counts.items()]


def coverage_plot(frame: list[Frame], rows: list[SampledTrace]) -> dg.MarkdownMetadataValue:
    """Plot which share of each kind of trace the sample holds."""
    return bars([(name, b / a if a else 0.0) for name, (a, b) in _strata(frame, rows).items()])
