"""Evaluate: run the app on golden cases and judge its answers, one targeted evaluator per failure mode."""

from flywheel_pipeline.steps.evaluate.alignment import (
    COMPOSITE,
    Aligned,
    Measured,
    align_judges,
    decides,
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
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.evaluators_file import Entry
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
from flywheel_pipeline.steps.evaluate.measure import Trial, disagreements, try_check
from flywheel_pipeline.steps.evaluate.quality import Quality, quality_of_change, quality_of_rate, unless_unjudged
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
from flywheel_pipeline.steps.evaluate.word_diff import word_diff

__all__ = [
    "COMPOSITE",
    "Aligned",
    "CaseChange",
    "Check",
    "Coverage",
    "Due",
    "Entry",
    "Evaluation",
    "EvaluatorChange",
    "GoldenRate",
    "KnownFailure",
    "KnownReport",
    "LabelledAnswer",
    "Measured",
    "ModeDisagreement",
    "ModePassRate",
    "ModeToJudge",
    "Plan",
    "Quality",
    "RepeatReport",
    "Stored",
    "Trial",
    "VersionComparison",
    "align_judges",
    "approvals",
    "approve",
    "case_outcomes",
    "case_scores",
    "compare_versions",
    "coverage_of",
    "decides",
    "deciding",
    "disagreements",
    "does_not_apply",
    "due_cells",
    "dump_known",
    "evaluator_names",
    "find_disagreements",
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
    "requirements",
    "run_evals",
    "try_check",
    "unless_unjudged",
    "versions_to_compare",
    "what_to_label",
    "without_stale",
    "word_diff",
    "worst_first",
]
