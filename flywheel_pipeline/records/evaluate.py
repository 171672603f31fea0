"""Tables of the evaluate step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column

LABELS = ("pass", "fail", "unsure")
"""An evaluator's judgement of an answer; `unsure` counts as no judgement and is shown."""


@dataclass(frozen=True)
class EvalResult:
    """One evaluator's judgement of one answer (OpenInference annotation vocabulary)."""

    case_id: Annotated[str, Column("The golden case", references="golden_set.case_id")]
    prompt_version: Annotated[str, Column("The prompt that answered")]
    evaluator: Annotated[str, Column("What was checked: `judge:<mode_id>` or `answered`")]
    evaluator_version: Annotated[str, Column("Hash of all that decides its verdict: prompt, model, definition")]
    repeat: Annotated[int, Column("Repetition of the same evaluation, from 0", low=0)]
    label: Annotated[str | None, Column("The judgement; empty when the evaluator failed", allowed=LABELS)]
    score: Annotated[float | None, Column("The judgement as a number", low=0, high=1)]
    explanation: Annotated[str, Column("Why, or the error that prevented a judgement")]
    annotator_kind: Annotated[str, Column("Who judged", allowed=("HUMAN", "LLM", "CODE"))]
    output: Annotated[str | None, Column("The answer that was judged")]
    latency_ms: Annotated[float | None, Column("Time of the app's call", low=0)]
    cost_usd: Annotated[float | None, Column("Cost of the evaluator's call", low=0)]
    cached: Annotated[bool, Column("Answered from the cache, at no cost")]
    golden_version: Annotated[str | None, Column("The version of the golden set that it was evaluated on")] = None


@dataclass(frozen=True)
class JudgeAlignment:
    """How far an LLM judge agrees with the expert, on traces that the expert labelled."""

    evaluator: Annotated[str, Column("The judge", unique=True)]
    mode_id: Annotated[str, Column("Its failure mode", references="failure_taxonomy.mode_id")]
    n_fail: Annotated[int, Column("Labelled failures of the mode that it judged", low=0)]
    n_pass: Annotated[int, Column("Labelled passes that it judged", low=0)]
    n_unsure: Annotated[int, Column("Labelled traces on which it gave no verdict", low=0)]
    fail_recall: Annotated[float | None, Column("Share of the expert's fails that it fails (TNR)", low=0, high=1)]
    fail_recall_low: Annotated[float | None, Column("Lower end of the 95 % Wilson interval", low=0, high=1)]
    pass_recall: Annotated[float | None, Column("Share of the expert's passes that it passes (TPR)", low=0, high=1)]
    pass_recall_low: Annotated[float | None, Column("Lower end of the 95 % Wilson interval", low=0, high=1)]
    status: Annotated[str, Column("Whether it may decide", allowed=("trusted", "unproven", "unusable"))]
