"""An export of traces -> a first batch to label, in one step and without Dagster."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from flywheel_pipeline.atomic_write import replacing
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.sample import BatchRequest, draw_batch
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CaptureLog, Reject

FIRST_BATCH, SHOWN = 20, 5
"""Traces of the first batch, and rejected rows that are named."""


@dataclass(frozen=True)
class Started:
    """What became of an export: what was captured of it, the rows that could not be read, the batch that was drawn."""

    log: CaptureLog
    rejects: list[Reject]
    batch: str
    n_drawn: int


def start_from(bench: Workbench, file: Path) -> Started:
    """Put a copy of an export into `traces/`, capture it, and draw the first batch from all days that have traces.

    Raises:
        HomeError: the file is missing, another file of `traces/` has its name, or no trace could be read.
    """
    name = _copy(bench, file)
    capture_traces(bench)
    (log,) = bench.lake.read("capture_log", CaptureLog, "source_file = ?", [name])
    rejects = bench.lake.read("rejects", Reject, "source = 'traces' and file = ?", [name])
    if not log.n_traces:
        why = "; ".join(dict.fromkeys(f"line {r.line}: {r.reason}" for r in rejects[:3])) or "it holds no rows"
        raise HomeError(f"{file.name}: no trace could be read. {why}")
    return Started(log, rejects, *draw_first(bench))


def draw_first(bench: Workbench) -> tuple[str, int]:
    """Draw the first batch from all days that have traces; return its name and how many traces it has to label.

    Raises:
        HomeError: there are no traces.
    """
    first = bench.lake.frame("select min(started_at)::date::varchar as day from raw_traces")["day"][0]
    if not isinstance(first, str):
        raise HomeError("There are no captured traces to draw a batch from.")
    _, rows = draw_batch(bench, BatchRequest(size=FIRST_BATCH, since=first))
    drawn = [r for r in rows if r.to_label]
    return (drawn[0].batch if drawn else ""), len(drawn)


def _copy(bench: Workbench, file: Path) -> str:
    """Return the name of the copy in `traces/`; it is whole, so that it need not settle and is read at once."""
    if not file.is_file():
        raise HomeError(f"There is no file {file}.")
    target = bench.settings.home / "traces" / file.name
    if target.exists() and target.read_bytes() != file.read_bytes():
        raise HomeError(f"{target} is another file with this name: rename {file.name}.")
    if not target.exists():
        with replacing(target) as temporary:
            shutil.copyfile(file, temporary)
            settled = time.time() - bench.settings.automation.settle_seconds - 1
            os.utime(temporary, (settled, min(settled, file.stat().st_mtime)))
    return file.name


def describe_start(started: Started) -> list[str]:
    """Return what was captured and what was not, in lines for people."""
    log = started.log
    rejected = f"{log.n_rejects:,} row{'' if log.n_rejects == 1 else 's'} rejected"
    counts = f"{log.n_traces:,} traces from {log.n_rows_in:,} rows, {rejected}"
    lines = [f"captured   {log.source_file} ({log.source_format}): {counts}"]
    lines += [f"  line {r.line}: {r.reason}" for r in started.rejects[:SHOWN]]
    if log.n_fields_dropped:
        lines.append(f"  {log.n_fields_dropped:,} fields that hold something have no place in a trace and are not kept")
    if log.n_feedback:
        lines.append(f"feedback   {log.n_feedback:,} opinions and scores")
    drawn = f"{started.n_drawn} traces to label" if started.n_drawn else "nothing new to label"
    if 0 < started.n_drawn < min(FIRST_BATCH, log.n_traces):
        drawn += " (of traces with the same question and answer one is drawn)"
    return [*lines, f"sampled    {drawn}{f', batch {started.batch}' if started.batch else ''}"]
