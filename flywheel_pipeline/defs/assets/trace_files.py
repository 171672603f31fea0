"""`trace_files` (external) and `capture_log`: what lies in the landing folder, and what became of each file."""

import hashlib
import json
import time
from collections import Counter
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.capturing import expire_originals, read_new_files
from flywheel_pipeline.defs.metadata import bars, definition_metadata, table
from flywheel_pipeline.defs.resources import LakeResource, Workbench, utc_now
from flywheel_pipeline.event_days import SQL, judge_feedback
from flywheel_pipeline.records import CaptureLog, Reject
from flywheel_pipeline.steps.capture import Rules

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
    """Reads every new or changed landing file once and accounts for each of its rows: rows in = rows out +
    duplicates + rejects. Personal data and secrets are replaced here, before anything is stored.
    """
    fresh = capture_files(lake.lake, bench)
    gone = remove_originals(lake.lake, bench)
    told: dict[str, Any] = {
        "files_read_now": len(fresh),
        "originals_removed": len(gone),
        "still_being_written": _waiting(lake, bench),
    }
    return dg.MaterializeResult(metadata={**told, **_shown(lake.lake)})


def capture_files(lake: Lake, bench: Workbench) -> list[str]:
    """Read the landing files that are new or changed and settled, and account for them; returns their names."""
    settled = bench.home.settled_files("traces", bench.settle_seconds)
    fresh = read_new_files(lake, settled, bench.settings.capture, rules_of(bench))
    write_log(lake)
    return fresh


def remove_originals(lake: Lake, bench: Workbench) -> list[str]:
    """Remove landing files that were read and are older than `capture.retention_days`; returns their names."""
    days = bench.settings.capture.retention_days
    return expire_originals(bench.home.files("traces"), lake, time.time(), days) if days else []


def rules_of(bench: Workbench) -> Rules:
    """Return how the settings want traces to be read."""
    capture = bench.settings.capture
    salt = capture.redact_salt.get_secret_value()
    app, first_day = bench.settings.app.name, capture.start_date
    return Rules(app, first_day, utc_now(), redact=capture.redact, scales=capture.scales, salt=salt)


def write_log(lake: Lake) -> None:
    """Write `capture_log` anew where a file was read since: files share traces, so that one changes another's count."""
    marks = lake.inputs("captured_files")
    inputs = hashlib.sha256(json.dumps(marks, sort_keys=True).encode()).hexdigest()[:16]
    if marks and lake.inputs("capture_log").get("all") != inputs:
        with lake.connect() as con:
            con.execute(SQL["superseded"])
            judge_feedback(con)
            lake.write_from(con, (SQL["log"], []), "capture_log", "all", inputs)


def _waiting(lake: LakeResource, bench: Workbench) -> str:
    known = {x.source_file for x in lake.lake.read("capture_log", CaptureLog)}
    return ", ".join(sorted({f.name for f in bench.home.files("traces")} - known)[:50]) or "none"


def _shown(lake: Lake) -> dict[str, Any]:
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
        "rejects": table(
            ("file", "line", "reason", "excerpt"), [[r.file, r.line, r.reason, r.excerpt] for r in rejects]
        ),
    }


def _redacted(log: list[CaptureLog]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in log:
        total.update(json.loads(row.redacted))
    return total
