"""How often each failure mode occurs in the newest labelled batch and in the one before, by the expert's labels."""

from __future__ import annotations

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE
from flywheel_pipeline.flows.annotate import current_annotations
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.cluster import load_taxonomy
from flywheel_pipeline.steps.cluster.trend import Trend, measure_trends


def label_trends(bench: Workbench) -> list[tuple[str, Trend]]:
    """Return (name, trend) of every failure mode, what occurs most now first; none without two labelled batches."""
    live = [m for m in load_taxonomy(bench.home.reviewed(TAXONOMY_FILE).read().value).modes if m.is_live]
    failed = {a.trace_id: a.verdict == "fail" for a in current_annotations(bench) if not a.is_picked}
    trends = measure_trends(live, failed, bench.lake.read("sampled_traces", SampledTrace))
    named = [(m.name, trends[m.mode_id]) for m in live if m.mode_id in trends]
    return sorted(named, key=lambda item: (-item[1].now.value, -item[1].before.value, item[0]))
