"""`sampled_traces`: the batch for the expert."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.assets.trace_files import GROUP
from flywheel_pipeline.defs.metadata import bars, definition_metadata, preview, table
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.sample import (
    NONE,
    Design,
    Frame,
    frame_params,
    frame_query,
    judge_saturation,
    read_frame,
    sample_traces,
)

SHOWN = ("trace_id", "stratum", "reason", "inclusion_probability", "weight")
IN_WINDOW = "started_at >= ?::date and started_at < ?::date + interval 1 day and input != ''"


class BatchConfig(dg.Config):
    """A batch other than the usual one; what is left out is as `sample` of `flywheel.yaml` says."""

    size: int | None = Field(default=None, description="Traces for the expert", ge=1, le=2000)
    since: str | None = Field(default=None, description="First day, for example 2026-01-31")
    until: str | None = Field(default=None, description="Last day; by default the newest with traces")
    strata: list[str] | None = Field(
        default=None, description="Columns of raw_traces or names of tags, each value a stratum"
    )
    seed: int | None = Field(default=None, description="Another seed draws another batch of the same window")


@dg.asset(
    deps=["raw_traces"],
    group_name=GROUP,
    kinds={"duckdb", "scikitlearn"},
    owners=["team:evals"],
    metadata=definition_metadata("sampled_traces"),
)
def sampled_traces(config: BatchConfig, lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """The traces to label: diverse and failure-seeking, each with its reason and its inclusion probability."""
    frame, rows = draw_batch(lake.lake, bench, config)
    n_rows = len(lake.lake.read("sampled_traces", SampledTrace))
    return dg.MaterializeResult(
        metadata={"dagster/row_count": n_rows, **_shown(lake.lake, frame, rows, bench.settings.sample.min_per_stratum)}
    )


def _shown(lake: Lake, frame: list[Frame], rows: list[SampledTrace], least: int) -> dict[str, Any]:
    saturation = judge_saturation(_failures_per_mode(lake))
    to_label = [r for r in rows if r.to_label]
    return {
        "n_sampled": len(to_label),
        "n_known": len(rows) - len(to_label),
        "batch": rows[0].batch if rows else "no traces to sample",
        "n_frame": rows[0].n_frame if rows else 0,
        "coverage": coverage_plot(frame, to_label),
        "allocation": table(("traces", "in frame", "sampled", "of frame", "of sample"), allocation(frame, to_label)),
        **(
            {"strata_below_minimum": ", ".join(below_minimum(frame, to_label, least)) or "none"}
            if _named(frame)
            else {}
        ),
        "unseen_share_at_most": round(saturation.unseen_share_at_most, 4),
        "saturation": dg.MetadataValue.text(saturation.advice),
        "preview": preview(to_label, SHOWN),
    }


def draw_batch(
    lake: Lake, bench: Workbench, config: BatchConfig | None = None
) -> tuple[list[Frame], list[SampledTrace]]:
    """Return the frame and the batch of the newest days, and write the table of all batches.

    A drawn batch is a file in `samples/` and stays as the expert saw it: without its probabilities, labels
    could not be weighted back to production any more. Only a new window or design draws a new one.

    Raises:
        SettingsError: a day is not a date, or no trace of the window has a stratum that was named.
    """
    design = _design(lake, bench, config or BatchConfig())
    frame = _frame(lake, design)
    batches = read_batches(bench)
    if design.batch not in batches and frame:
        n_frame = _n_in_window(lake, design)
        rows = sample_traces(frame, design, bench.embed, n_frame)
        bench.home.append_jsonl(f"samples/{design.batch}.jsonl", [asdict(row) for row in rows])
        batches[design.batch] = rows
    lake.write("sampled_traces", [row for rows in batches.values() for row in rows])
    return frame, batches.get(design.batch, [])


def read_batches(bench: Workbench) -> dict[str, list[SampledTrace]]:
    """Return {name: rows} of the batches that were drawn; old ones know neither near-duplicates nor judged traces."""
    found = {}
    for file in bench.home.files("samples"):
        name = file.path.stem
        rows = bench.home.read_jsonl(f"samples/{file.name}")
        old = {"to_label": True, "n_like": 1, "design": name.rpartition("_")[2]}
        found[name] = [SampledTrace(**{**old, **row}) for row in rows]
    return found


def _frame(lake: Lake, design: Design) -> list[Frame]:
    params = frame_params(design.since, design.until, design.size, design.seed)
    frame = read_frame(lake.frame(frame_query(design.strata), params).to_dict("records"))
    for place, name in enumerate(design.strata):
        if frame and all(f.strata[place] == NONE for f in frame):
            raise SettingsError(
                f"sample.strata: no trace from {design.since} to {design.until} has a column or a tag {name!r}. "
                '`flywheel sql "select distinct unnest(json_keys(tags)) from raw_traces"` lists the tags.'
            )
    return frame


def _n_in_window(lake: Lake, design: Design) -> int:
    found = lake.frame(f"select count(*) as n from raw_traces where {IN_WINDOW}", [design.since, design.until])
    return int(found["n"][0])


def _design(lake: Lake, bench: Workbench, config: BatchConfig) -> Design:
    settings = bench.settings.sample
    newest = lake.frame("select max(started_at)::date::varchar as day from raw_traces")["day"][0]
    last = date.fromisoformat(newest) if isinstance(newest, str) else bench.settings.capture.start_date
    until = _day(config.until) if config.until else last
    since = _day(config.since) if config.since else until - timedelta(days=settings.window_days - 1)
    if since > until:
        raise SettingsError(f"the batch would begin on {since} and end on {until}: swap the days")
    return Design(
        since.isoformat(),
        until.isoformat(),
        settings.size if config.size is None else config.size,
        settings.risk_multiplier,
        settings.uniform_share,
        settings.seed if config.seed is None else config.seed,
        settings.strata if config.strata is None else tuple(config.strata),
        settings.min_per_stratum,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is not a day: write it as 2026-01-31") from None


def _failures_per_mode(lake: Lake) -> list[int]:
    """Return the failures of every mode; one that fits none may be the first of its own."""
    found = lake.frame(
        "select count(*) as n from failure_assignments group by coalesce(mode_id, trace_id) order by all"
    )
    return [int(n) for n in found["n"]]


KINDS: dict[str, Callable[[Frame], bool]] = {
    "thumbs down": lambda f: f.thumbs_down,
    "several turns": lambda f: f.n_turns > 1,
    "error or no answer": lambda f: f.failed or f.silent,
    "user asked again": lambda f: f.rephrased,
    "test case fails": lambda f: f.doubted,
    "outlier": lambda f: f.outlier,
    "ordinary": lambda f: not f.flagged,
}
MAX_STRATA = 12
"""Strata that are shown, the largest first; the batch holds all."""


def _named(frame: list[Frame]) -> int:
    """Return how many columns of strata were named."""
    return len(frame[0].strata) if frame else 0


def below_minimum(frame: list[Frame], rows: list[SampledTrace], least: int) -> list[str]:
    """Return the strata of which fewer were drawn than `least`, or than there are."""
    chosen, fresh, told = {r.trace_id for r in rows}, [f for f in frame if not f.known], []
    for place in range(_named(frame)):
        there = Counter(f.strata[place] for f in fresh)
        drawn = Counter(f.strata[place] for f in fresh if f.trace_id in chosen)
        wanted = {value: min(least, n) for value, n in sorted(there.items())}
        told += [f"{value} ({drawn[value]} of {n})" for value, n in wanted.items() if drawn[value] < n]
    return told


def _counts(frame: list[Frame], rows: list[SampledTrace]) -> dict[str, tuple[int, int]]:
    """Return {what is known of a trace: (in the frame, in the sample)}."""
    chosen = {r.trace_id for r in rows}
    own = {name: [f for f in frame if test(f)] for name, test in KINDS.items()}
    for value in dict.fromkeys(v for f in frame for v in f.strata):
        own[value] = [f for f in frame if value in f.strata]
    told = {
        name: (round(sum(f.n_like / f.kept for f in fs)), sum(f.trace_id in chosen for f in fs))
        for name, fs in [*own.items(), ("all", frame)]
    }
    strata = sorted((n for n in told if n not in KINDS and n != "all"), key=lambda n: -told[n][0])[:MAX_STRATA]
    return {name: told[name] for name in (*KINDS, *strata, "all")}


def allocation(frame: list[Frame], rows: list[SampledTrace]) -> list[list[object]]:
    """Return per kind of trace, and per stratum, how many there are and how many were drawn."""
    counts = _counts(frame, rows)
    n, m = max(counts["all"][0], 1), max(len(rows), 1)
    return [[name, a, b, f"{a / n:.0%}", f"{b / m:.0%}"] for name, (a, b) in counts.items()]


def coverage_plot(frame: list[Frame], rows: list[SampledTrace]) -> dg.MarkdownMetadataValue:
    """Plot which share of each kind of trace the sample holds."""
    return bars([(f"{name} ({b} of {a})", b / a if a else 0.0) for name, (a, b) in _counts(frame, rows).items()])
