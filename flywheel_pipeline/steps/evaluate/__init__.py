"""Evaluate: run the app on golden cases and judge its answers, one targeted evaluator a failure mode."""

from flywheel_pipeline.steps.evaluate.alignment import align_judges
from flywheel_pipeline.steps.evaluate.cells import Due, Plan, Stored, due_cells
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.repeats import majority, report_repeats
from flywheel_pipeline.steps.evaluate.report import (
    ModePassRate,
    case_outcomes,
    deciding,
    mode_outcomes,
    overall_rate,
    pass_rates,
)
from flywheel_pipeline.steps.evaluate.run import Evaluation, run_evals

__all__ = [
    "Due",
    "Evaluation",
    "ModePassRate",
    "ModeToJudge",
    "Plan",
    "Stored",
    "align_judges",
    "case_outcomes",
    "deciding",
    "due_cells",
    "majority",
    "mode_outcomes",
    "overall_rate",
    "pass_rates",
    "report_repeats",
    "run_evals",
]
