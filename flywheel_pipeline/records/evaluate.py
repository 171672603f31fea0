"""Tables of the evaluate step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column

LABELS = ("pass", "fail", "unsure")
"""An evaluator's judgement of an answer; `unsure` is an abstention: the outcome is unknown."""


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
    """How far an LLM judge, or all trusted ones together, agree with the expert on held-out labelled traces."""

    evaluator: Annotated[str, Column("The judge, or `judges:all`", unique=True)]
    mode_id: Annotated[
        str | None, Column("Its failure mode; empty for all together", references="failure_taxonomy.mode_id")
    ]
    evaluator_version: Annotated[str, Column("Hash of all that decides its verdict, as in `eval_results`")]
    n_fail: Annotated[int, Column("Labelled failures of the mode that it judged", low=0)]
    n_pass: Annotated[int, Column("Labelled passes that it judged", low=0)]
    n_unsure: Annotated[int, Column("Labelled traces on which it was unsure; counted as not recognised", low=0)]
    n_broken: Annotated[int, Column("Labelled traces on which it gave no verdict, by an error; not counted", low=0)]
    fail_recall: Annotated[float | None, Column("Share of the expert's fails that it fails (TNR)", low=0, high=1)]
    fail_recall_low: Annotated[float | None, Column("Lower end of the 95 % Wilson interval", low=0, high=1)]
    pass_recall: Annotated[float | None, Column("Share of the expert's passes that it passes (TPR)", low=0, high=1)]
    pass_recall_low: Annotated[float | None, Column("Lower end of the 95 % Wilson interval", low=0, high=1)]
    youden: Annotated[float, Column("TPR + TNR - 1: how much of a true difference it shows", low=-1, high=1)]
    youden_low: Annotated[float, Column("Lower end of the 95 % interval", low=-1, high=1)]
    kappa: Annotated[float | None, Column("Cohen's kappa; reported, decides nothing", low=-1, high=1)]
    majority: Annotated[float | None, Column("Agreement of always saying the more frequent verdict", low=0, high=1)]
    production_fail_recall: Annotated[float | None, Column("TNR weighted to production", low=0, high=1)]
    production_n_fail: Annotated[float, Column("Effective number of fails behind it", low=0)]
    production_pass_recall: Annotated[float | None, Column("TPR weighted to production", low=0, high=1)]
    production_n_pass: Annotated[float, Column("Effective number of passes behind it", low=0)]
    need_fails: Annotated[
        int, Column("Fails to label before it may decide, if it goes on so; -1: more than 200", low=-1)
    ]
    need_passes: Annotated[int, Column("Passes to label before it may decide, likewise", low=-1)]
    status: Annotated[
        str,
        Column(
            "trusted: decides; advisory: too few labels, shown and not counted; unusable: disagrees",
            allowed=("trusted", "advisory", "unusable"),
        ),
    ]
