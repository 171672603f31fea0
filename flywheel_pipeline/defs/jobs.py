"""The jobs: the whole turn, and the parts of it that schedules and sensors start."""

import dagster as dg

WHOLE = {"dagster/retry_strategy": "ALL_STEPS"}
"""A run that was killed, not one that failed, is started again from its beginning (`run_retries` of dagster.yaml)."""

turn = dg.define_asset_job(
    "flywheel_turn",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets("pulled_traces"),
    description="One turn of the flywheel: capture, sample, annotations, taxonomy, golden set, evals, candidate.",
)

pull_traces = dg.define_asset_job(
    "pull_traces",
    selection=dg.AssetSelection.assets("pulled_traces"),
    tags=WHOLE,
    description="Fetch what is new from the sources of `capture.pull`; `new_trace_files` then has it read.",
)

read_trace_files = dg.define_asset_job(
    "read_trace_files",
    selection=dg.AssetSelection.assets("capture_log"),
    tags=WHOLE,
    description="Read new and changed landing files; `capture` then writes the days that they touch.",
)

capture = dg.define_asset_job(
    "capture",
    selection=dg.AssetSelection.assets("raw_traces"),
    tags=WHOLE,
    description="Write event days of `raw_traces` from the files that were read.",
)

AS_SET: dict[str, None] = dict.fromkeys(("size", "since", "until", "strata", "seed"))
BATCH = {"ops": {"sampled_traces": {"config": AS_SET}}}
"""What the launchpad offers for a batch; a value that is left empty is as `sample` of `flywheel.yaml` has it."""

sample = dg.define_asset_job(
    "sample",
    selection=dg.AssetSelection.assets("sampled_traces"),
    config=BATCH,
    description="Draw a batch for the expert: the usual one, or with other days, size, strata or seed in the config.",
)

label_batch = dg.define_asset_job(
    "label_batch",
    selection=dg.AssetSelection.assets("annotations", "failure_taxonomy", "failure_assignments", "golden_set"),
    tags={**WHOLE, "flywheel/writes": "labels"},
    description="A new or corrected label batch: annotations, taxonomy and golden set in one run, so that the "
    "checks on the labels gate what follows.",
)

DECIDE_ON_LABELS = {"ops": {"prompt_candidate": {"config": {"on_labels": True}}}}

gate_on_labels = dg.define_asset_job(
    "gate_on_labels",
    selection=dg.AssetSelection.assets("prompt_candidate", "flywheel_turns"),
    config=DECIDE_ON_LABELS,
    description="The gate decides again on the last candidate, with the expert's labels of flipped cases: no app and "
    "no model is called.",
)

nightly_evals = dg.define_asset_job(
    "nightly_evals",
    selection=dg.AssetSelection.assets(
        "production_prompt",
        "answers",
        "eval_results",
        "judge_alignment",
        "production_verdicts",
        "production_health",
        "flywheel_turns",
    ),
    tags=WHOLE,
    description="Evaluate the production prompt on the golden set as it is now, judge a sample of new traces, and "
    "compare production with what it was before the present prompt.",
)

watch_canary = dg.define_asset_job(
    "watch_canary",
    selection=dg.AssetSelection.assets("canary_health"),
    tags=WHOLE,
    description="Look at the running canary, and end it where harm is shown.",
)

JOBS = [turn, pull_traces, read_trace_files, capture, sample, label_batch, gate_on_labels, nightly_evals, watch_canary]
