"""Evaluate: run the app on golden cases and judge its answers, one targeted evaluator a failure mode."""

from flywheel_pipeline.steps.evaluate.alignment import align_judges
from flywheel_pipeline.steps.evaluate.cells import Due, Plan, Stored, due_cells
from flywheel_pipeline.steps.evaluate.coverage import Coverage, coverage_of
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.repeats import RepeatReport, majority, outcomes_by_case, report_repeats
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
    "Coverage",
    "Due",
    "Evaluation",
    "ModePassRate",
    "ModeToJudge",
    "Plan",
    "RepeatReport",
    "Stored",
    "align_judges",
    "case_outcomes",
    "coverage_of",
    "deciding",
    "due_cells",
    "majority",
    "mode_outcomes",
    "outcomes_by_case",
    "overall_rate",
    "pass_rates",
    "report_repeats",
    "run_evals",
]
