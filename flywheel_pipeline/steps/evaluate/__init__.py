"""Evaluate: run the app on golden cases and judge its answers, one targeted evaluator per failure mode."""

from flywheel_pipeline.steps.evaluate.alignment import (
    COMPOSITE,
    LabelledAnswer,
    Measured,
    align_judges,
    decides,
    held_out,
    judge_errors,
    what_to_label,
)
from flywheel_pipeline.steps.evaluate.cells import Due, Plan, Stored, due_cells
from flywheel_pipeline.steps.evaluate.coverage import Coverage, coverage_of
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.evaluators_file import Entry
from flywheel_pipeline.steps.evaluate.measure import Trial, disagreements, try_check
from flywheel_pipeline.steps.evaluate.repeats import RepeatReport, majority, outcomes_by_case, report_repeats
from flywheel_pipeline.steps.evaluate.report import (
    GoldenRate,
    ModeDisagreement,
    ModePassRate,
    case_outcomes,
    case_scores,
    deciding,
    does_not_apply,
    evaluator_names,
    find_disagreements,
    golden_rate,
    mode_scores,
    pass_rates,
    requirements,
    without_stale,
)
from flywheel_pipeline.steps.evaluate.run import Evaluation, run_evals

__all__ = [
    "COMPOSITE",
    "Check",
    "Coverage",
    "Due",
    "Entry",
    "Evaluation",
    "GoldenRate",
    "LabelledAnswer",
    "Measured",
    "ModeDisagreement",
    "ModePassRate",
    "ModeToJudge",
    "Plan",
    "RepeatReport",
    "Stored",
    "Trial",
    "align_judges",
    "case_outcomes",
    "case_scores",
    "coverage_of",
    "decides",
    "deciding",
    "disagreements",
    "does_not_apply",
    "due_cells",
    "evaluator_names",
    "find_disagreements",
    "golden_rate",
    "held_out",
    "judge_errors",
    "majority",
    "mode_scores",
    "outcomes_by_case",
    "pass_rates",
    "report_repeats",
    "requirements",
    "run_evals",
    "try_check",
    "what_to_label",
    "without_stale",
]
