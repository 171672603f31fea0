"""Where the labelling page of a home has its traces from: the drawn batches and the tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE, PICKED_FILE
from flywheel_pipeline.flows.annotate import is_judged, labels_of, sampled_to_label
from flywheel_pipeline.flows.flips import flips_to_label, keep_flip_labels, read_flip_labels
from flywheel_pipeline.flows.label_export import describe_picked
from flywheel_pipeline.flows.traces.pick import picked_to_label
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode, RawTrace
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.steps.annotate import Sharing
from flywheel_pipeline.web.annotate.flips import COMPARED, DEFER
from flywheel_pipeline.web.annotate.service import People
from flywheel_pipeline.web.annotate.tables import Sampled, Source

TABLES = (
    "sampled_traces", "raw_traces", "annotations", "failure_taxonomy", "prompt_candidate", "production_prompt",
    "answers", "golden_set",
)  # fmt: skip
"""What the page shows."""


def people_of(settings: Settings) -> People:
    """Return who labels on the page, and how they share the batches."""
    known = settings.annotate
    names = tuple(dict.fromkeys([known.arbiter, *known.annotators]))
    return People(Sharing(names, known.overlap, known.repeated), known.submit_after)


def source_of(bench: Workbench) -> Source:
    """Return the tables of a home as the page reads them."""
    lake = bench.lake
    return Source(
        stamp=lambda: (lake.stamp(*TABLES), bench.home.stamp(FLIP_LABELS_FILE), bench.home.stamp(PICKED_FILE)),
        sampled=lambda: [Sampled(*row) for row in sampled_to_label(bench)],
        picked=lambda annotator: _picked(bench, annotator),
        judged=lambda trace_id: is_judged(bench, trace_id),
        traces=lambda ids: lake.read("raw_traces", RawTrace, "trace_id in (select unnest(?))", [list(ids)]),
        filed=lambda annotator: labels_of(bench, annotator),
        modes=lambda: [m.name for m in sorted(lake.read("failure_taxonomy", FailureMode), key=lambda m: m.rank)],
        flips=lambda: flips_to_label(bench),
        filed_flips=lambda: {row["answers"]: _as_label(row) for row in read_flip_labels(bench)},
        keep_flips=lambda rows: keep_flip_labels(bench, rows),
    )


def _as_label(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "verdict": DEFER if DEFER in (row["before"], row["after"]) else COMPARED}


def _picked(bench: Workbench, annotator: str) -> list[Sampled]:
    sent = [p for p in picked_to_label(bench) if p.to == annotator]
    return [Sampled(p.trace_id, p.batch, describe_picked(p)) for p in sent]
