"""Landing files -> `raw_traces`: read what is new, account for every row, write the event days that changed."""

from __future__ import annotations

import hashlib
import json
import time

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.flows.capture.event_days import (
    SQL,
    due_days,
    due_inputs,
    first_captured_day,
    group_days,
    judge_feedback,
    write_days,
)
from flywheel_pipeline.flows.capture.landing_files import (
    already_read,
    expire_originals,
    keep_only_copies,
    read_new_files,
)
from flywheel_pipeline.flows.workbench import Workbench, utc_now
from flywheel_pipeline.records import Reject
from flywheel_pipeline.steps.capture import Rules, shared_id

__all__ = [
    "already_read", "capture_files", "capture_traces", "due_days", "due_inputs", "first_captured_day", "group_days",
    "remove_originals", "rewrite_days", "write_days",
]  # fmt: skip

SHARED_IDS = "shared-ids"
"""The part of `rejects` that is written after all files are read."""


def capture_traces(bench: Workbench) -> dict[str, int]:
    """Read new and changed landing files and write the event days that they touch; return {day: traces}."""
    capture_files(bench)
    remove_originals(bench)
    return write_days(bench.lake, due_days(bench.lake))


def rewrite_days(bench: Workbench) -> None:
    """Account for what is captured, and write the event days that are missing or out of date."""
    _write_log(bench)
    write_days(bench.lake, due_days(bench.lake))


def capture_files(bench: Workbench) -> list[str]:
    """Read the landing files that are new or changed and settled, and account for them; return their names."""
    settled = bench.home.settled_files("traces", bench.settle_seconds)
    fresh = read_new_files(bench.lake, settled, bench.settings.capture, rules_of(bench))
    _write_log(bench)
    return fresh


def remove_originals(bench: Workbench) -> list[str]:
    """Remove landing files that were read and are older than `capture.retention_days`; return their names.

    The rows of those, and of files that a person has removed, are kept outside the lake: there is no other copy.
    """
    days, found = bench.settings.capture.retention_days, list(bench.home.files("traces"))
    gone = expire_originals(found, bench.lake, time.time(), days) if days else []
    keep_only_copies([file for file in found if file.name not in gone], bench.lake)
    return gone


def rules_of(bench: Workbench) -> Rules:
    """Return the rules by which the settings have traces read."""
    capture = bench.settings.capture
    salt = capture.redact_salt.get_secret_value()
    app, first_day = bench.settings.app.name, capture.first_day
    return Rules(app, first_day, utc_now(), redact=capture.redact, scales=capture.scales, salt=salt)


def _write_log(bench: Workbench) -> None:
    """Write `capture_log` again if a file was read since: files share traces, so that one changes another's counts."""
    lake = bench.lake
    marks = lake.inputs("captured_files")
    inputs = hashlib.sha256(json.dumps(marks, sort_keys=True).encode()).hexdigest()[:16]
    if marks and lake.inputs("capture_log").get("all") != inputs:
        _report_shared_ids(lake)
        with lake.connect() as con:
            con.execute(SQL["superseded"])
            judge_feedback(con)
            lake.write_from(con, (SQL["log"], []), "capture_log", "all", inputs)


def _report_shared_ids(lake: Lake) -> None:
    """Write to `rejects` the traces whose id is also that of another conversation, wherever in the files that stands.

    Those within one block were rejected when it was read.
    """
    with lake.connect() as con:
        con.execute(SQL["superseded"])
        found = con.execute(
            "select source_file, source_line, trace_id, kept_file, kept_line, input from confused order by all"
        ).fetchall()
    rejects = []
    for file, line, trace_id, kept_file, kept_line, text in found:
        where = f"line {kept_line}" + (f" of {kept_file}" if kept_file != file else "")
        rejects.append(Reject("traces", file, line, shared_id(trace_id, where), text))
    if rejects:
        lake.write("rejects", rejects, part=SHARED_IDS)
    else:
        lake.remove("rejects", lambda name: name == SHARED_IDS)
