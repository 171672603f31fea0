"""Tables of the evaluate step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json

NO_INPUTS = Json("{}")

LABELS = ("pass", "fail", "unsure")
"""An evaluator's judgement of an answer; `unsure` is an abstention: the outcome is unknown."""


@dataclass(frozen=True)
class CaseAnswer:
    """One answer of the app under test to a golden case, or the reason why there is none; judged by many."""

    answer_id: Annotated[str, Column("Hash of the case and of everything in `inputs`", unique=True)]
    case_id: Annotated[str, Column("The golden case", references="golden_set.case_id")]
    prompt_version: Annotated[
        str,
        Column("The prompt that answered; `BASE~OTHER` is BASE once more, beside OTHER; `BASE@MODEL` by another model"),
    ]
    app_version: Annotated[str, Column("Hash of the app's settings and code, the prompt excepted")]
    repeat: Annotated[int, Column("Repetition of the same question, from 0", low=0)]
    output: Annotated[str | None, Column("The answer; empty when there is none")]
    error: Annotated[str | None, Column("Why there is no answer: tried again in the next run")]
    finish_reason: Annotated[str | None, Column("Why the model stopped, in its own word")]
    tool_calls: Annotated[Json, Column("The tool calls that the app made")]
    retrieved_ids: Annotated[Json, Column("Ids of the documents that it retrieved, where it reports them")]
    input_tokens: Annotated[int, Column("Tokens read", low=0)]
    output_tokens: Annotated[int, Column("Tokens written", low=0)]
    cost_usd: Annotated[float | None, Column("Cost of the answer when it was made; empty if not known", low=0)]
    latency_ms: Annotated[float, Column("How long it took when it was made", low=0)]
    cached: Annotated[bool, Column("Made in an earlier run: nothing was paid in this one")]
    inputs: Annotated[Json, Column("A hash of every input that decides the answer, by name")]
    golden_version: Annotated[str | None, Column("The version of the golden set that it was made on")] = None

    @property
    def has_text(self) -> bool:
        """Whether there is a text to judge; an answer may as well be tool calls alone."""
        return bool((self.output or "").strip())

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a text nor a tool call."""
        return not self.has_text and self.tool_calls == "[]"


@dataclass(frozen=True)
class EvalResult:
    """One evaluator's judgement of one answer (OpenInference annotation vocabulary)."""

    case_id: Annotated[str, Column("The golden case", references="golden_set.case_id")]
    prompt_version: Annotated[str, Column("The prompt that answered; `BASE~OTHER` is BASE once more, beside OTHER")]
    evaluator: Annotated[
        str, Column("`judge:<mode_id>`, `answered`, `resisted`, `criteria`, or `check:<name in evaluators.yaml>`")
    ]
    evaluator_version: Annotated[str, Column("Hash of all that decides its verdict: prompt, model, definition")]
    repeat: Annotated[int, Column("Repetition of the answer, from 0", low=0)]
    label: Annotated[str | None, Column("The judgement; empty when there is none: see `error`", allowed=LABELS)]
    score: Annotated[float | None, Column("The judgement as a number", low=0, high=1)]
    explanation: Annotated[str, Column("The evaluator's reason")]
    annotator_kind: Annotated[str, Column("Who judged", allowed=("HUMAN", "LLM", "CODE"))]
    cost_usd: Annotated[float | None, Column("Cost of the judgement when it was made; empty if not known", low=0)]
    cached: Annotated[bool, Column("Made in an earlier run: nothing was paid in this one")]
    golden_version: Annotated[str | None, Column("The version of the golden set that it was evaluated on")] = None
    answer_id: Annotated[str, Column("The answer that was judged", references="answers.answer_id")] = ""
    judge_repeat: Annotated[int, Column("Repetition of the judgement, from 0", low=0)] = 0
    error: Annotated[
        str | None, Column("Why there is no judgement: tried again in the next run; empty where it does not apply")
    ] = None
    inputs: Annotated[Json, Column("A hash of every input that decides the judgement, by name")] = NO_INPUTS


@dataclass(frozen=True)
class JudgeAlignment:
    """How far a judge, another evaluator of a mode, or all that decide together, agree with the expert."""

    evaluator: Annotated[str, Column("The evaluator, or `judges:all`", unique=True)]
    mode_id: Annotated[
        str | None,
        Column("Its failure mode; empty for all together or every answer", references="failure_taxonomy.mode_id"),
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
        int, Column("Fails to label before it may decide, at the present rates; -1: more than 200", low=-1)
    ]
    need_passes: Annotated[int, Column("Passes to label before it may decide, likewise", low=-1)]
    status: Annotated[
        str,
        Column(
            "trusted: decides; advisory: too few labels, shown and not counted; unusable: disagrees; requirement: "
            "decides because it is what was agreed",
            allowed=("trusted", "advisory", "unusable", "requirement"),
        ),
    ]
    n_repeated: Annotated[int, Column("Labelled answers that it judged twice by the same question", low=0)] = 0
    repeat_agreement: Annotated[
        float | None, Column("Share of these that got the same label twice; reported, decides nothing", low=0, high=1)
    ] = None
    n_swapped: Annotated[
        int, Column("Labelled answers that it judged again with labels, examples and documents in reverse order", low=0)
    ] = 0
    swap_agreement: Annotated[
        float | None, Column("Share of these that got the same label again; reported, decides nothing", low=0, high=1)
    ] = None


PURPOSES = ("alignment", "repeated", "swapped")
"""Why a judge was asked: to measure it, or to measure its consistency, by the same question or in reverse order."""


@dataclass(frozen=True)
class JudgeVerdict:
    """What a judge replied on one answer that the expert labelled, beside the expert's own verdict."""

    evaluator: Annotated[str, Column("The judge")]
    evaluator_version: Annotated[str, Column("Hash of all that decides its verdict, as in `eval_results`")]
    model: Annotated[str, Column("The judge's model")]
    mode_id: Annotated[str, Column("Its failure mode", references="failure_taxonomy.mode_id")]
    trace_id: Annotated[str, Column("The labelled trace", references="raw_traces.trace_id")]
    expert: Annotated[str, Column("The expert's verdict: a failure of this mode, or a pass", allowed=("pass", "fail"))]
    label: Annotated[str | None, Column("The judge's; empty when there is none", allowed=LABELS)]
    explanation: Annotated[str, Column("The judge's reason")]
    error: Annotated[str | None, Column("Why there is no verdict")]
    judge_repeat: Annotated[int, Column("Repetition of the question, from 0", low=0)]
    purpose: Annotated[str, Column("Why it was asked", allowed=PURPOSES)]


@dataclass(frozen=True)
class ProductionVerdict:
    """One verdict of an evaluator that may decide, on a production trace of a probability sample, or a labelled one."""

    trace_id: Annotated[str, Column("The trace", references="raw_traces.trace_id")]
    evaluator: Annotated[str, Column("The evaluator, named as in `eval_results`")]
    evaluator_version: Annotated[str, Column("Hash of all that decides its verdict, as in `eval_results`")]
    mode_id: Annotated[str | None, Column("Its failure mode; empty for every answer")]
    prompt_version: Annotated[str | None, Column("The version of the prompt that answered, if the trace has it")]
    session_id: Annotated[str | None, Column("The conversation or session that the trace belongs to")]
    day: Annotated[str, Column("The day of the trace (UTC), as 2026-01-31")]
    label: Annotated[str | None, Column("The judgement; empty where it broke or does not apply", allowed=LABELS)]
    explanation: Annotated[str, Column("The evaluator's reason")]
    error: Annotated[str | None, Column("Why there is no judgement; empty where it does not apply")]
    inclusion_probability: Annotated[
        float | None,
        Column("The probability that the sample of its day contains it; empty: judged as labelled", low=0, high=1),
    ]
    n_day: Annotated[int, Column("Traces of its day that could have been drawn; 0: judged as labelled", low=0)]
    annotator_kind: Annotated[str, Column("Who judged", allowed=("LLM", "CODE"))]
    cost_usd: Annotated[float | None, Column("Cost of the judgement when it was made; empty if not known", low=0)]
    cached: Annotated[bool, Column("Made in an earlier run: nothing was paid in this one")]


@dataclass(frozen=True)
class ProductionRate:
    """The share of production traffic that shows a failure mode, or fails, in the days of a labelled batch or since."""

    mode_id: Annotated[str, Column("The failure mode; `judges:all`: whether the expert would fail the answer")]
    since: Annotated[str, Column("The first day, as 2026-01-31")]
    until: Annotated[str, Column("The last day")]
    share: Annotated[float, Column("Share of the traffic of these days", low=0, high=1)]
    low: Annotated[float, Column("Lower end of the 95 % interval", low=0, high=1)]
    high: Annotated[float, Column("Upper end of it", low=0, high=1)]
    n: Annotated[int, Column("Labels behind it; where there are none, judged traces", low=0)]
    basis: Annotated[str, Column("What it rests on, in words")]
