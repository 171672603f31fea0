"""`trace_files` (external) and `capture_log`: what lies in the landing folder, and what became of each file."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import rejects_table, table
from flywheel_pipeline.flows.capture import capture_files, remove_originals
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CaptureLog, Reject

GROUP = "capture_and_label"

trace_files = dg.AssetSpec(
    "trace_files",
    deps=["pulled_traces"],
    group_name=GROUP,
    kinds={"file"},
    owners=["team:data-engineering"],
    description="Export files of production traces in `traces/` of the home, put there by apps, people and pulls. "
    "A sensor watches the folder; nothing here changes them.",
)


@asset(
    deps=[trace_files],
    group_name=GROUP,
    kinds={"python", "parquet"},
    owners=["team:data-engineering"],
    freshness_policy=dg.FreshnessPolicy.time_window(timedelta(hours=49), timedelta(hours=25)),
)
def capture_log(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Reads every new or changed landing file once and accounts for each of its rows: rows in = rows out +
    duplicates + rejects. Personal data and secrets are replaced here, before anything is stored.
    """
    fresh, gone = capture_files(bench), remove_originals(bench)
    counts: dict[str, Any] = {
        "files_read_now": len(fresh),
        "originals_removed": len(gone),
        "still_being_written": _waiting(bench),
    }
    return dg.MaterializeResult(metadata={**counts, **_metadata(bench.lake)})


def _waiting(bench: Workbench) -> str:
    known = {x.source_file for x in bench.lake.read("capture_log", CaptureLog)}
    return ", ".join(sorted({f.name for f in bench.home.files("traces")} - known)[:50]) or "none"


def _metadata(lake: Lake) -> dict[str, Any]:
    log = lake.read("capture_log", CaptureLog)
    rejects = lake.read("rejects", Reject, "source = 'traces'", limit=20)
    names = ("n_rows_in", "n_rows_out", "n_duplicates", "n_rejects", "n_fields_dropped")
    rows = [[x.source_file, x.source_format, *(getattr(x, n) for n in names)] for x in log[-50:]]
    columns = ("file", "format", "in", "out", "duplicates", "rejected", "fields dropped")
    return {
        "dagster/row_count": len(log),
        "n_traces": sum(x.n_traces for x in log),
        **{n: sum(getattr(x, n) for x in log) for n in names},
        "n_feedback": sum(x.n_feedback for x in log),
        "n_unscaled": sum(x.n_unscaled for x in log),
        "redacted": bars([(f"{kind} {n}", n) for kind, n in sorted(_redacted(log).items())])
        if _redacted(log)
        else "nothing",
        "files": table(columns, rows),
        "rejects": rejects_table(rejects),
    }


def _redacted(log: list[CaptureLog]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in log:
        total.update(json.loads(row.redacted))
    return total
