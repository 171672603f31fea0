"""One class per table: its columns, their types, meaning and allowed values; one module per step.

From these classes come the Parquet schema (`sql_type`), the column documentation in the Dagster UI and
the expectations of the asset checks. Times are UTC and end in ``_at``; money ends in ``_usd``; rates are
0 to 1; counts start with ``n_``. A column of type `Json` holds JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping

from flywheel_pipeline.records.annotate import EVALUATOR_KINDS, VERDICTS, Annotation, EvaluatorScore, LabelLog
from flywheel_pipeline.records.capture import CapturedFile, CapturedTrace, CaptureLog, Feedback, RawTrace, Reject
from flywheel_pipeline.records.cluster import (
    MODE_KINDS,
    MODE_STATUSES,
    SEVERITIES,
    TRENDS,
    FailureAssignment,
    FailureMode,
)
from flywheel_pipeline.records.deploy import CanaryHealth, FlywheelTurn, ProductionHealth, PromptVersion
from flywheel_pipeline.records.evaluate import (
    LABELS,
    CaseAnswer,
    EvalResult,
    JudgeAlignment,
    JudgeVerdict,
    ProductionRate,
    ProductionVerdict,
)
from flywheel_pipeline.records.golden import CRITERIA_KINDS, KINDS, PICKED_KINDS, SPLITS, STAGES, STATUSES, GoldenCase
from flywheel_pipeline.records.improve import (
    DECISIONS,
    LEVERS,
    TRIAL_STATUSES,
    ImprovementPlan,
    PromptCandidate,
    PromptTrial,
)
from flywheel_pipeline.records.llm import ROLES, LLMCall
from flywheel_pipeline.records.sample import SampledTrace
from flywheel_pipeline.records.schema import Column, ColumnSpec, Json, columns

__all__ = [
    "CRITERIA_KINDS",
    "DECISIONS",
    "EVALUATOR_KINDS",
    "KINDS",
    "LABELS",
    "LEVERS",
    "MODE_KINDS",
    "MODE_STATUSES",
    "PICKED_KINDS",
    "ROLES",
    "SEVERITIES",
    "SPLITS",
    "STAGES",
    "STATUSES",
    "TABLES",
    "TRENDS",
    "TRIAL_STATUSES",
    "VERDICTS",
    "Annotation",
    "CanaryHealth",
    "CaptureLog",
    "CapturedFile",
    "CapturedTrace",
    "CaseAnswer",
    "Column",
    "ColumnSpec",
    "EvalResult",
    "EvaluatorScore",
    "FailureAssignment",
    "FailureMode",
    "Feedback",
    "FlywheelTurn",
    "GoldenCase",
    "ImprovementPlan",
    "Json",
    "JudgeAlignment",
    "JudgeVerdict",
    "LLMCall",
    "LabelLog",
    "ProductionHealth",
    "ProductionRate",
    "ProductionVerdict",
    "PromptCandidate",
    "PromptTrial",
    "PromptVersion",
    "RawTrace",
    "Reject",
    "SampledTrace",
    "columns",
]

TABLES: Mapping[str, type] = {
    "captured_files": CapturedFile,
    "captured_traces": CapturedTrace,
    "feedback": Feedback,
    "capture_log": CaptureLog,
    "raw_traces": RawTrace,
    "rejects": Reject,
    "sampled_traces": SampledTrace,
    "label_log": LabelLog,
    "annotations": Annotation,
    "evaluator_scores": EvaluatorScore,
    "failure_taxonomy": FailureMode,
    "failure_assignments": FailureAssignment,
    "golden_set": GoldenCase,
    "production_prompt": PromptVersion,
    "answers": CaseAnswer,
    "eval_results": EvalResult,
    "judge_alignment": JudgeAlignment,
    "judge_verdicts": JudgeVerdict,
    "production_verdicts": ProductionVerdict,
    "production_rates": ProductionRate,
    "prompt_candidate": PromptCandidate,
    "prompt_trials": PromptTrial,
    "improvement_plan": ImprovementPlan,
    "canary_health": CanaryHealth,
    "production_health": ProductionHealth,
    "flywheel_turns": FlywheelTurn,
    "llm_calls": LLMCall,
}
"""Every table of the lake, in flywheel order. `captured_*` and `feedback` hold each landing file's rows, read once."""
