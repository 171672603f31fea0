"""Steps in processes of their own: forked from one that has imported what steps need, instead of started anew."""

import dagster as dg

PRELOADED = [
    "dagster",
    "flywheel_pipeline.definitions",
    "sklearn.feature_extraction.text",
    "great_expectations",
]
"""Modules that are imported once for all steps of a run: together they take longer than most steps."""

processes = dg.multiprocess_executor.configured(
    {"start_method": {"forkserver": {"preload_modules": PRELOADED}}}, name="processes"
)
