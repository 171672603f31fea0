"""Evaluate: run the app on golden cases and judge its answers, one targeted evaluator per failure mode."""

from flywheel_pipeline.steps.evaluate.alignment import (
    COMPOSITE,
    Aligned,
    align_judges,
    is_stale,
    judge_errors,
    majority_label,
    mark_stale,
    next_step,
    what_to_label,
)
from flywheel_pipeline.steps.evaluate.cells import Due, Plan, Stored, due_cells
from flywheel_pipeline.steps.evaluate.coverage import Coverage, coverage_of
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer, held_out, mark_dev
from flywheel_pipeline.steps.evaluate.repeats import RepeatReport, majority, outcomes_by_case, report_repeats
from flywheel_pipeline.steps.evaluate.report import (
    GoldenRate,
    ModePassRate,
    case_outcomes,
    case_scores,
    deciding,
    golden_rate,
    mode_scores,
    pass_rates,
    without_stale,
)
from flywheel_pipeline.steps.evaluate.run import Evaluation, run_evals

__all__ = [
    "COMPOSITE",
    "Aligned",
    "Coverage",
    "Due",
    "Evaluation",
    "GoldenRate",
    "LabelledAnswer",
    "ModePassRate",
    "ModeToJudge",
    "Plan",
    "RepeatReport",
    "Stored",
    "align_judges",
    "case_outcomes",
    "case_scores",
    "coverage_of",
    "deciding",
    "due_cells",
    "golden_rate",
    "held_out",
    "is_stale",
    "judge_errors",
    "majority",
    "majority_label",
    "mark_dev",
    "mark_stale",
    "mode_scores",
    "next_step",
    "outcomes_by_case",
    "pass_rates",
    "report_repeats",
    "run_evals",
    "what_to_label",
    "without_stale",
]
