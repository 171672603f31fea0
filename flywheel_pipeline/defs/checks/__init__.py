"""Asset checks, one module per step: great-expectations on every table, and what only this project can know.

A blocking check that fails stops the run before wrong data poisons what follows; the others warn.
"""

import dagster as dg

from flywheel_pipeline.defs.checks.annotate import LABEL_CHECKS
from flywheel_pipeline.defs.checks.capture import CAPTURE_CHECKS
from flywheel_pipeline.defs.checks.cluster import TAXONOMY_CHECKS
from flywheel_pipeline.defs.checks.deploy import DEPLOY_CHECKS
from flywheel_pipeline.defs.checks.evaluate import EVALUATE_CHECKS
from flywheel_pipeline.defs.checks.expectations import build_expectation_check
from flywheel_pipeline.defs.checks.golden import GOLDEN_CHECKS
from flywheel_pipeline.defs.checks.improve import IMPROVE_CHECKS
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.records import TABLES

HIDDEN = {
    "rejects", "captured_files", "captured_traces", "feedback", "label_log", "evaluator_scores", "llm_calls",
    "judge_verdicts", "production_rates", "prompt_trials",
}  # fmt: skip
"""Tables that are no assets of their own."""


def build_checks(scope: Scope) -> list[dg.AssetChecksDefinition]:
    """Return all checks of a flywheel."""
    generated = [build_expectation_check(name) for name in TABLES if name not in HIDDEN]
    own = [CAPTURE_CHECKS, LABEL_CHECKS, TAXONOMY_CHECKS, GOLDEN_CHECKS, EVALUATE_CHECKS, IMPROVE_CHECKS, DEPLOY_CHECKS]
    return [check.build(scope) for checks in (generated, *own) for check in checks]
