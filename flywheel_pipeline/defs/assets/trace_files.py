"""`trace_files` (external) and `capture_log`: what lies in the landing folder, and what became of each file."""

import hashlib
import json
import re
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.home import HomeFile, read_lines
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.metadata import definition_metadata, table
from flywheel_pipeline.defs.resources import LakeResource, Workbench, utc_now
from flywheel_pipeline.records import CaptureLog, Json, Reject
from flywheel_pipeline.steps.capture import Bounds, read_traces

GROUP = "capture_and_label"

trace_files = dg.AssetSpec(
    "trace_files",
    group_name=GROUP,
    kinds={"file"},
    owners=["team:data-engineering"],
    description="Export files of production traces in `traces/` of the home, put there by apps and people. "
    "A sensor watches the folder; nothing here changes them.",
)


@dg.asset(
    deps=[trace_files],
    group_name=GROUP,
    kinds={"python", "parquet"},
    owners=["team:data-engineering"],
    metadata=definition_metadata("capture_log"),
)
def capture_log(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Reads every new or changed landing file once and accounts for each of its rows: captured or rejected."""
    fresh = read_new_files(lake.lake, bench)
    log = lake.lake.read("capture_log", CaptureLog)
    rejects = lake.lake.read("rejects", Reject, "source = 'traces'")
    waiting = {f.name for f in bench.home.files("traces")} - {x.source_file for x in log}
    told: dict[str, Any] = {"files_read_now": len(fresh), "still_being_written": ", ".join(sorted(waiting)) or "none"}
    return dg.MaterializeResult(metadata={**told, **_shown(log, rejects)})


def _shown(log: list[CaptureLog], rejects: list[Reject]) -> dict[str, Any]:
    files = [[x.source_file, x.n_rows_in, x.n_traces, x.n_rejects, x.fingerprint[:16]] for x in log[-50:]]
    told = [[r.file, r.line, r.reason, r.excerpt] for r in rejects[:20]]
    return {
        "dagster/row_count": len(log),
        "n_rows_in": sum(f.n_rows_in for f in log),
        "n_traces": sum(f.n_traces for f in log),
        "n_rejects": len(rejects),
        "files": table(("file", "rows", "traces", "rejected", "fingerprint"), files),
        "rejects": table(("file", "line", "reason", "excerpt"), told),
    }


def read_new_files(lake: Lake, bench: Workbench) -> list[str]:
    """Read the landing files whose content is not in the log yet; returns their names."""
    known = lake.inputs("captured_traces")
    settled = bench.home.settled_files("traces", bench.settle_seconds)
    files = [(f, f"{f.fingerprint()}-{_rules(bench)}") for f in settled]
    fresh = [(f, digest) for f, digest in files if known.get(part_of(f)) != digest]
    for file, digest in fresh:
        _read_file(lake, bench, file, digest)
    return [f.name for f, _ in fresh]


def _read_file(lake: Lake, bench: Workbench, file: HomeFile, digest: str) -> None:
    capture = bench.settings.capture
    max_bytes = int(capture.max_line_mb * 1_000_000)
    bounds = Bounds(bench.settings.app.name, capture.start_date, utc_now(), max_bytes)
    captured = read_traces(file.name, read_lines(file, max_bytes), bounds)
    part, days = part_of(file), Json(json.dumps(captured.days()))
    row = CaptureLog(file.name, digest, captured.n_rows_in, len(captured.traces), len(captured.rejects), days)
    lake.write("rejects", captured.rejects, part=f"traces-{part}")
    lake.write("capture_log", [row], part=part)
    lake.write("captured_traces", captured.traces, part=part, inputs=digest)  # last: this marks the file as read


def part_of(file: HomeFile) -> str:
    """Return the partition that holds a landing file's rows: a changed file replaces its own."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", file.name)
    return safe if safe == file.name else f"{safe}-{hashlib.sha256(file.name.encode()).hexdigest()[:8]}"


def _rules(bench: Workbench) -> str:
    """Return what beside its content decides how a file is read, so that a changed setting reads it again."""
    capture = bench.settings.capture
    return f"{bench.settings.app.name}-{capture.start_date}-{capture.max_line_mb:g}"
