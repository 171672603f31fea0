"""The jobs: the whole turn, and the parts of it that schedules and sensors start."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from flywheel_pipeline.defs.instance import HOME_TAG
from flywheel_pipeline.defs.processes import processes
from flywheel_pipeline.defs.scope import Scope

AS_SET: dict[str, None] = dict.fromkeys(("size", "since", "until", "strata", "seed"))
"""What the launchpad offers for a batch; a value that is left empty is as `sample` of `flywheel.yaml` has it."""

Job = Any
"""A job that Dagster has not resolved yet."""

WHOLE = {"dagster/retry_strategy": "ALL_STEPS"}
"""A run that was killed, not one that failed, is started again from its beginning (`run_retries` of dagster.yaml)."""


def build_jobs(scope: Scope, assets: Sequence[Any]) -> dict[str, Job]:
    """Return {name without prefix: job}; the whole turn makes all of `assets`."""
    alone = {HOME_TAG: str(scope.settings.home)}
    pulled = scope.key("pulled_traces")
    made = [a for a in assets if isinstance(a, dg.AssetsDefinition) and pulled not in a.keys]

    def job(name: str, makes: Sequence[str], text: str, **more: Any) -> Job:
        chosen = dg.AssetSelection.assets(*(scope.key(m) for m in makes)) if makes else dg.AssetSelection.assets(*made)
        return dg.define_asset_job(
            scope.name(name), selection=chosen, description=text, executor_def=executor_of(scope), **more
        )

    return {
        "flywheel_turn": job(
            "flywheel_turn", (),
            "One turn of the flywheel: capture, sample, annotations, taxonomy, golden set, evals, candidate.",
            tags=alone,
        ),
        "pull_traces": job(
            "pull_traces", ["pulled_traces"],
            "Fetch what is new from the sources of `capture.pull`; `new_trace_files` then has it read.",
            tags=WHOLE,
        ),
        "read_trace_files": job(
            "read_trace_files", ["capture_log"],
            "Read new and changed landing files; `capture` then writes the days that they touch.",
            tags=WHOLE,
        ),
        "capture": job(
            "capture", ["raw_traces"], "Write event days of `raw_traces` from the files that were read.", tags=WHOLE
        ),
        "sample": job(
            "sample", ["sampled_traces"],
            "Draw a batch for the expert: the usual one, or with other days, size, strata or seed in the config.",
            config={"ops": {scope.name("sampled_traces"): {"config": AS_SET}}},
        ),
        "label_batch": job(
            "label_batch", ["annotations", "failure_taxonomy", "failure_assignments", "golden_set"],
            "A new or corrected label batch: annotations, taxonomy and golden set in one run, so that the checks on "
            "the labels gate what follows.",
            tags={**WHOLE, **alone},
        ),
        "gate_on_labels": job(
            "gate_on_labels", ["prompt_candidate", "flywheel_turns"],
            "The gate decides again on the last candidate, with the expert's labels of flipped cases: no app and no "
            "model is called.",
            config=decide_on_labels(scope), tags=alone,
        ),
        "nightly_evals": job(
            "nightly_evals",
            ["production_prompt", "answers", "eval_results", "judge_alignment", "production_verdicts",
             "production_health", "flywheel_turns"],
            "Evaluate the production prompt on the golden set as it is now, judge a sample of new traces, and compare "
            "production with what it was before the present prompt.",
            tags={**WHOLE, **alone},
        ),
        "watch_canary": job(
            "watch_canary", ["canary_health"], "Look at the running canary, and end it where harm is shown.", tags=WHOLE
        ),
    }  # fmt: skip


def decide_on_labels(scope: Scope) -> dict[str, Any]:
    """Return the run config in which the gate decides on the last candidate again."""
    return {"ops": {scope.name("prompt_candidate"): {"config": {"on_labels": True}}}}


def executor_of(scope: Scope) -> dg.ExecutorDefinition:
    """Return what runs the steps of our jobs; other jobs of the code location keep the executor of their own."""
    return processes if scope.settings.automation.executor == "multiprocess" else dg.in_process_executor
