"""The assets in flywheel order, listed and not discovered."""

from typing import Any

import dagster as dg

from flywheel_pipeline.defs.assets.annotations import annotations, label_files
from flywheel_pipeline.defs.assets.canary_health import canary_health
from flywheel_pipeline.defs.assets.eval_results import eval_results
from flywheel_pipeline.defs.assets.failure_taxonomy import failure_taxonomy
from flywheel_pipeline.defs.assets.flywheel_turns import flywheel_turns
from flywheel_pipeline.defs.assets.golden_set import golden_set
from flywheel_pipeline.defs.assets.improvement_plan import improvement_plan
from flywheel_pipeline.defs.assets.production import production_health, production_verdicts
from flywheel_pipeline.defs.assets.production_prompt import production_prompt
from flywheel_pipeline.defs.assets.prompt_candidate import prompt_candidate
from flywheel_pipeline.defs.assets.pulled_traces import pulled_traces
from flywheel_pipeline.defs.assets.raw_traces import raw_traces
from flywheel_pipeline.defs.assets.sampled_traces import sampled_traces
from flywheel_pipeline.defs.assets.trace_files import capture_log, trace_files
from flywheel_pipeline.defs.scope import Scope

ASSETS: list[Any] = [
    pulled_traces,
    trace_files,
    capture_log,
    raw_traces,
    sampled_traces,
    label_files,
    annotations,
    failure_taxonomy,
    golden_set,
    production_prompt,
    eval_results,
    prompt_candidate,
    improvement_plan,
    flywheel_turns,
    canary_health,
    production_verdicts,
    production_health,
]
"""External assets are specifications, those that we make are recipes."""


def build_assets(scope: Scope) -> list[Any]:
    """Return all assets of a flywheel."""
    return [scope.spec(a) if isinstance(a, dg.AssetSpec) else a.build(scope) for a in ASSETS]
