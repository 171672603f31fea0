"""Draw a batch of traces for the expert; drawn batches are files in `samples/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flywheel_pipeline.errors import CorruptFileError, SettingsError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import SampledTrace, columns
from flywheel_pipeline.records.schema import fits
from flywheel_pipeline.steps.sample import (
    NONE,
    Design,
    Frame,
    Saturation,
    frame_params,
    frame_query,
    judge_saturation,
    read_frame,
    sample_traces,
)

IN_WINDOW = "started_at >= ?::date and started_at < ?::date + interval 1 day and input != ''"


@dataclass(frozen=True)
class BatchRequest:
    """A batch other than the usual one; what is None is as `sample` of `flywheel.yaml` says.

    `since` and `until` are the first and the last day, as 2026-01-31.
    """

    size: int | None = None
    since: str | None = None
    until: str | None = None
    strata: Sequence[str] | None = None
    seed: int | None = None


def draw_batch(bench: Workbench, asked: BatchRequest | None = None) -> tuple[list[Frame], list[SampledTrace]]:
    """Return the sampling frame and the batch of the newest days, and write the table of all batches.

    A drawn batch is a file in `samples/` and stays as the expert saw it: without its probabilities, labels
    could no longer be weighted back to production. Only a new window or design draws a new one.

    Raises:
        SettingsError: a day is not a date, or no trace of the window has a stratum that was named.
    """
    design = _design(bench, asked or BatchRequest())
    frame = _frame(bench, design)
    batches = read_batches(bench)
    if design.batch not in batches and frame:
        n_frame = _n_in_window(bench, design)
        rows = sample_traces(frame, design, bench.embed, n_frame)
        added = [asdict(row) for row in rows]
        bench.home.append_only(f"samples/{design.batch}.jsonl").extend(lambda there: [] if there else added)
        batches = read_batches(bench)
    bench.lake.write("sampled_traces", [row for rows in batches.values() for row in rows])
    return frame, batches.get(design.batch, [])


def read_batches(bench: Workbench) -> dict[str, list[SampledTrace]]:
    """Return {name: rows} of the batches that were drawn.

    Raises:
        CorruptFileError: a row is not that of a drawn trace; the text names file and line.
    """
    files = bench.home.files("samples")
    read = {f.path: bench.home.append_only(f"samples/{f.name}").read().rows for f in files}
    return {path.stem: [_row(path, *numbered) for numbered in enumerate(rows, 1)] for path, rows in read.items()}


def _row(path: Path, number: int, row: Mapping[str, Any]) -> SampledTrace:
    specs = columns(SampledTrace)
    known = {spec.name for spec in specs}
    try:
        sampled = SampledTrace(**row)
        wrong = [s.name for s in specs if not fits(getattr(sampled, s.name), s)]
    except TypeError:
        wrong = sorted(set(row) ^ known)
    if wrong:
        raise CorruptFileError(
            f"{path}, row {number}: {', '.join(wrong)[:200]} cannot be used; the file is written by the sampling step "
            "and must stay as it was. Restore it from version control."
        )
    return sampled


def saturation(bench: Workbench) -> Saturation:
    """Return whether labelling may stop; a failure in no mode may be the first of its own.

    Picked failures are left out: how often a new kind is among them says nothing on how many kinds are unseen.
    """
    found = bench.lake.frame(
        "select count(*) as n from failure_assignments where trace_id not in"
        " (select trace_id from annotations where is_current and is_picked)"
        " group by coalesce(mode_id, trace_id) order by all"
    )
    waiting = bench.lake.frame("select mode_id from failure_taxonomy where kind = 'group to review'")
    return judge_saturation([int(n) for n in found["n"]], len(waiting))


def _frame(bench: Workbench, design: Design) -> list[Frame]:
    params = frame_params(design.since, design.until, design.size, design.seed)
    frame = read_frame(bench.lake.frame(frame_query(design.strata), params).to_dict("records"))
    for place, name in enumerate(design.strata):
        if frame and all(f.strata[place] == NONE for f in frame):
            raise SettingsError(
                f"sample.strata: no trace from {design.since} to {design.until} has a column or a tag {name!r}. "
                '`flywheel sql "select distinct unnest(json_keys(tags)) from raw_traces"` lists the tags.'
            )
    return frame


def _n_in_window(bench: Workbench, design: Design) -> int:
    query = f"select count(*) as n from raw_traces where {IN_WINDOW}"
    return int(bench.lake.frame(query, [design.since, design.until])["n"][0])


def _design(bench: Workbench, asked: BatchRequest) -> Design:
    settings = bench.settings.sample
    newest = bench.lake.frame("select max(started_at)::date::varchar as day from raw_traces")["day"][0]
    last = date.fromisoformat(newest) if isinstance(newest, str) else bench.settings.capture.first_day
    until = _day(asked.until) if asked.until else last
    since = _day(asked.since) if asked.since else until - timedelta(days=settings.window_days - 1)
    if since > until and not asked.until:
        raise SettingsError(f"No traces from {since} on: the newest trace is of {until}.")
    if since > until:
        raise SettingsError(f"The batch would begin on {since} and end on {until}: the last day is before the first.")
    return Design(
        since.isoformat(),
        until.isoformat(),
        settings.size if asked.size is None else asked.size,
        settings.risk_multiplier,
        settings.uniform_share,
        settings.seed if asked.seed is None else asked.seed,
        settings.strata if asked.strata is None else tuple(asked.strata),
        settings.min_per_stratum,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is not a day: write it as 2026-01-31") from None
