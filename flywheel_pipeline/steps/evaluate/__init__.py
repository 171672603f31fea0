"""Evaluate: run the app on golden cases and judge its answers, one targeted evaluator per failure mode."""

from flywheel_pipeline.steps.evaluate.alignment import (
    COMPOSITE,
    LabelledAnswer,
    align_judges,
    held_out,
    judge_errors,
    what_to_label,
)
from flywheel_pipeline.steps.evaluate.cells import Due, Plan, Stored, due_cells
from flywheel_pipeline.steps.evaluate.coverage import Coverage, coverage_of
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.known import (
    KnownFailure,
    KnownReport,
    approvals,
    approve,
    dump_known,
    known_failures,
    read_known,
)
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
    "Coverage",
    "Due",
    "Evaluation",
    "GoldenRate",
    "KnownFailure",
    "KnownReport",
    "LabelledAnswer",
    "ModePassRate",
    "ModeToJudge",
    "Plan",
    "RepeatReport",
    "Stored",
    "align_judges",
    "approvals",
    "approve",
    "case_outcomes",
    "case_scores",
    "coverage_of",
    "deciding",
    "due_cells",
    "dump_known",
    "golden_rate",
    "held_out",
    "judge_errors",
    "known_failures",
    "majority",
    "mode_scores",
    "outcomes_by_case",
    "pass_rates",
    "read_known",
    "report_repeats",
    "run_evals",
    "what_to_label",
    "without_stale",
]
