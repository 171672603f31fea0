"""Checks on capture: every row of a landing file is accounted for, and few are rejected."""

import dagster as dg

from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.metadata import rejects_table, table
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Reject

WARN = dg.AssetCheckSeverity.WARN


@asset_check(asset="capture_log", blocking=True)
def rows_accounted(lake: LakeResource) -> dg.AssetCheckResult:
    """Of every landing file: rows in = rows out + duplicates + rejects."""
    off = lake.lake.frame(
        "select source_file, n_rows_in, n_rows_out, n_duplicates, n_rejects from capture_log"
        " where n_rows_in != n_rows_out + n_duplicates + n_rejects order by source_file"
    )
    names = ("file", "rows in", "rows out", "duplicates", "rejects")
    found = f"{len(off)} landing files whose rows do not add up" if len(off) else "the rows of every file add up"
    return dg.AssetCheckResult(
        passed=off.empty,
        description=found,
        metadata={"n_files_off": len(off), "off": table(names, off.values.tolist()[:50])},
    )


@asset_check(asset="capture_log")
def few_rejected_traces(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No more rows of a landing file were rejected than `capture.max_reject_share` allows."""
    limit = bench.settings.capture.max_reject_share
    over = lake.lake.frame(
        "select source_file, n_rows_in, n_rejects, n_rejects / n_rows_in as share from capture_log"
        " where n_rejects > ? * n_rows_in order by n_rejects desc, source_file",
        [limit],
    )
    rejects = lake.lake.read("rejects", Reject, "source = 'traces'", limit=50)
    first = f"; the first: {rejects[0].file}, line {rejects[0].line}: {rejects[0].reason}" if rejects else ""
    found = f"Files with more than {limit:.1%} of their rows rejected: {len(over)}{first}"
    return dg.AssetCheckResult(
        passed=over.empty,
        severity=WARN,
        description=found,
        metadata={
            "files": table(("file", "rows in", "rejects", "share"), over.values.tolist()[:50]),
            "rejects": rejects_table(rejects),
        },
    )


CAPTURE_CHECKS = [rows_accounted, few_rejected_traces]
