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
from flywheel_pipeline.steps.evaluate.case_change import CaseChange, versions_to_compare, worst_first
from flywheel_pipeline.steps.evaluate.cells import Due, Plan, Stored, due_cells
from flywheel_pipeline.steps.evaluate.compare import EvaluatorChange, VersionComparison, compare_versions
from flywheel_pipeline.steps.evaluate.coverage import Coverage, coverage_of
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.known import (
    KnownFailure,
    KnownReport,
    approvals,
    approve,
    dump_known,
    known_failures,
    known_in,
    read_known,
)
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer, held_out, mark_dev
from flywheel_pipeline.steps.evaluate.quality import Quality, quality_of_change, quality_of_rate
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
from flywheel_pipeline.steps.evaluate.word_diff import word_diff

__all__ = [
    "COMPOSITE",
    "Aligned",
    "CaseChange",
    "Coverage",
    "Due",
    "Evaluation",
    "EvaluatorChange",
    "GoldenRate",
    "KnownFailure",
    "KnownReport",
    "LabelledAnswer",
    "ModePassRate",
    "ModeToJudge",
    "Plan",
    "Quality",
    "RepeatReport",
    "Stored",
    "VersionComparison",
    "align_judges",
    "approvals",
    "approve",
    "case_outcomes",
    "case_scores",
    "compare_versions",
    "coverage_of",
    "deciding",
    "due_cells",
    "dump_known",
    "golden_rate",
    "held_out",
    "is_stale",
    "judge_errors",
    "known_failures",
    "known_in",
    "majority",
    "majority_label",
    "mark_dev",
    "mark_stale",
    "mode_scores",
    "next_step",
    "outcomes_by_case",
    "pass_rates",
    "quality_of_change",
    "quality_of_rate",
    "read_known",
    "report_repeats",
    "run_evals",
    "versions_to_compare",
    "what_to_label",
    "without_stale",
    "word_diff",
    "worst_first",
]
