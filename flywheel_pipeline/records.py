"""One class per table: its columns, their types, meaning and allowed values.

From these classes come the Parquet schema (`sql_type`), the column documentation in the Dagster UI and
the expectations of the asset checks. Times are UTC and end in ``_at``; money ends in ``_usd``; rates are
0 to 1; counts start with ``n_``. A column of type `Json` holds JSON text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, NewType, Union, get_args, get_origin, get_type_hints

Json = NewType("Json", str)
"""JSON text; query it in DuckDB with `col->>'$.key'`."""


@dataclass(frozen=True)
class Column:
    """What a column means and which values it may hold."""

    doc: str
    unique: bool = False
    allowed: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    references: str | None = None
    """`table.column` whose values every value of this column must be among."""


@dataclass(frozen=True)
class ColumnSpec:
    """A column as declared by a record's field."""

    name: str
    sql_type: str
    nullable: bool
    column: Column


_SQL_TYPES: Mapping[Any, str] = {
    str: "VARCHAR", Json: "VARCHAR", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", datetime: "TIMESTAMP",
}  # fmt: skip


@cache
def columns(record: type) -> tuple[ColumnSpec, ...]:
    """Return the columns that the record class `record` declares, in order."""
    hints = get_type_hints(record, include_extras=True)
    return tuple(_spec(f.name, hints[f.name]) for f in fields(record))


def _spec(name: str, hint: Any) -> ColumnSpec:
    kind, column = get_args(hint)[:2]
    members = get_args(kind) if get_origin(kind) is Union or "|" in str(kind) else (kind,)
    base = next(m for m in members if m is not NoneType)
    return ColumnSpec(name, _SQL_TYPES[base], NoneType in members, column)


VERDICTS = ("pass", "fail", "defer")
"""An expert's judgement of a trace; a deferred trace counts as not labelled."""

LABELS = ("pass", "fail", "unsure")
"""An evaluator's judgement of an answer; `unsure` counts as no judgement and is shown."""

ROLES = ("app", "judge", "taxonomy", "improver", "generator")
"""What models are asked as."""

KINDS = ("failure", "happy_path", "synthetic", "adversarial")
SPLITS = ("train", "dev", "test")
STAGES = ("capability", "regression")
STATUSES = ("active", "retired", "other version")
DECISIONS = ("ship", "hold", "reject")
MODE_STATUSES, SEVERITIES = ("provisional", "accepted", "retired"), ("low", "medium", "high")
TRENDS = ("up", "down", "inconclusive", "not known")


@dataclass(frozen=True)
class RawTrace:
    """One production trace: what the user asked, what the app answered, and what came of it."""

    trace_id: Annotated[str, Column("The source's own id, or a hash of the content where it has none", unique=True)]
    session_id: Annotated[str | None, Column("The conversation or session that the trace belongs to")]
    started_at: Annotated[datetime, Column("When the trace began (UTC); its day is the partition")]
    latency_ms: Annotated[float | None, Column("Milliseconds from the first input to the last output", low=0)]
    app: Annotated[str, Column("The application that produced the trace")]
    prompt_name: Annotated[str | None, Column("The name of the prompt in use")]
    prompt_version: Annotated[str | None, Column("The version of the prompt in use")]
    model: Annotated[str | None, Column("The model that answered")]
    input: Annotated[str, Column("The user message that the last answer replies to")]
    output: Annotated[str | None, Column("The last answer of the app; empty when it never answered")]
    messages: Annotated[Json, Column("The whole conversation as OpenAI-style messages, with tool calls")]
    retrieved: Annotated[Json, Column("Retrieved documents: a list of {id, title, content, score}")]
    n_turns: Annotated[int, Column("Messages by the user", low=0)]
    n_tool_calls: Annotated[int, Column("Tool calls by the app", low=0)]
    feedback_score: Annotated[float | None, Column("The user's verdict: 1 thumbs up, 0 thumbs down", low=0, high=1)]
    feedback_comment: Annotated[str | None, Column("What the user wrote with the verdict")]
    error: Annotated[str | None, Column("The error that ended the trace")]
    input_tokens: Annotated[int | None, Column("Tokens read by the model", low=0)]
    output_tokens: Annotated[int | None, Column("Tokens written by the model", low=0)]
    cost_usd: Annotated[float | None, Column("What the trace cost", low=0)]
    tags: Annotated[Json, Column("Everything else the source says about the trace: {name: value}")]
    source_format: Annotated[str, Column("The format that the line was recognised as")]
    source_file: Annotated[str, Column("The landing file")]
    source_line: Annotated[int, Column("The line in it, or the item's number in a JSON array, from 1", low=1)]


@dataclass(frozen=True)
class CapturedTrace(RawTrace):
    """A trace as one landing file holds it, before it is resolved with what other files say of it."""

    n_rows: Annotated[int, Column("Rows of the file that it was made of: 1, or its spans", low=1)]
    spans: Annotated[Json | None, Column("The spans it was made of, so that later ones can join them")]


@dataclass(frozen=True)
class Feedback:
    """What a user said of a trace, wherever and whenever it arrived."""

    trace_id: Annotated[str, Column("The trace")]
    score: Annotated[float | None, Column("1 thumbs up, 0 thumbs down", low=0, high=1)]
    comment: Annotated[str | None, Column("The user's words")]
    given_at: Annotated[datetime | None, Column("When (UTC), if the source says so")]
    source_file: Annotated[str, Column("The landing file")]
    source_line: Annotated[int, Column("The line in it, from 1", low=1)]


@dataclass(frozen=True)
class CapturedFile:
    """One landing file as it was read: what can not be counted any more once it is in the lake."""

    source_file: Annotated[str, Column("The landing file, relative to `traces/`", unique=True)]
    fingerprint: Annotated[str, Column("SHA-256 of the file's content, and the settings that it was read with")]
    source_format: Annotated[str, Column("The formats found in it, the most frequent first")]
    n_bytes: Annotated[int, Column("Its size, as it lay there", low=0)]
    n_rows_in: Annotated[int, Column("Rows in the file: traces, spans, scores, and what could not be read", low=0)]
    n_repeated: Annotated[int, Column("Spans that say the same a second time", low=0)]
    n_fields_dropped: Annotated[int, Column("Fields that hold something and are kept nowhere", low=0)]
    redacted: Annotated[Json, Column("{kind: values replaced}")]


@dataclass(frozen=True)
class CaptureLog:
    """One landing file: rows in = rows out + duplicates + rejects."""

    source_file: Annotated[str, Column("The landing file, relative to `traces/`", unique=True)]
    fingerprint: Annotated[str, Column("SHA-256 of the file's content, and the settings that it was read with")]
    source_format: Annotated[str, Column("The formats found in it, the most frequent first")]
    n_bytes: Annotated[int, Column("Its size, as it lay there", low=0)]
    n_rows_in: Annotated[int, Column("Rows in the file: traces, spans, scores, and what could not be read", low=0)]
    n_rows_out: Annotated[int, Column("Rows that traces are made of, and feedback", low=0)]
    n_traces: Annotated[int, Column("Traces, or pieces of traces that other files complete", low=0)]
    n_feedback: Annotated[int, Column("Rows of feedback", low=0)]
    n_duplicates: Annotated[int, Column("Rows of which a fuller or newer one counts, of this or another file", low=0)]
    n_rejects: Annotated[int, Column("Rows that could not be read; each is in `rejects`", low=0)]
    n_fields_dropped: Annotated[int, Column("Fields that hold something and are kept nowhere", low=0)]
    redacted: Annotated[Json, Column("{kind: values replaced}")]
    days: Annotated[Json, Column("{day: traces} of the event days that the file touches")]


@dataclass(frozen=True)
class Reject:
    """One row of a trace file, a label file or an imported golden set that could not be used, with the reason."""

    source: Annotated[str, Column("Which kind of file", allowed=("traces", "labels", "golden"))]
    file: Annotated[str, Column("The file, relative to its folder; of an import, its name")]
    line: Annotated[int, Column("The line in the file, from 1; 0 means the file as a whole", low=0)]
    reason: Annotated[str, Column("What is wrong and what to do about it")]
    excerpt: Annotated[str, Column("The first 200 characters of the row")]


@dataclass(frozen=True)
class SampledTrace:
    """One trace chosen for labelling, with why and with what probability."""

    batch: Annotated[str, Column("The batch: its window, size and a hash of the design")]
    trace_id: Annotated[str, Column("The chosen trace", references="raw_traces.trace_id")]
    stratum: Annotated[str, Column("The part of the population it is from: by sample.strata, else flagged or ordinary")]
    reason: Annotated[str, Column("Why it was likely to be chosen, for people")]
    to_label: Annotated[
        bool, Column("Drawn for the expert; else judged before, and here for its part of the population")
    ]
    risk: Annotated[float, Column("Risk score of the trace, 1 for an ordinary one", low=1)]
    inclusion_probability: Annotated[float, Column("The probability with which the design chooses it", low=0, high=1)]
    weight: Annotated[float, Column("n_like / inclusion_probability: the traces it stands for", low=1)]
    n_like: Annotated[int, Column("Itself and its near-duplicates: same words, answer and signals", low=1)]
    design: Annotated[str, Column("The id of the design: a hash of all that decides the draw")]
    seed: Annotated[int, Column("The seed of the draw")]
    n_frame: Annotated[int, Column("Traces that could have been chosen", low=1)]


@dataclass(frozen=True)
class Annotation:
    """One verdict of a person on a trace; facts are kept, `is_current` marks the one that counts."""

    trace_id: Annotated[str, Column("The judged trace", references="raw_traces.trace_id")]
    batch: Annotated[str, Column("The label file's name: every file is a batch")]
    annotator: Annotated[str, Column("Who judged")]
    verdict: Annotated[str, Column("The judgement", allowed=VERDICTS)]
    code: Annotated[str | None, Column("The open code: the failure in at most eight words")]
    comment: Annotated[str | None, Column("The first thing that went wrong, in the expert's words")]
    category: Annotated[str | None, Column("A failure mode that the expert named, if any")]
    first_failure_step: Annotated[int | None, Column("Index of the message where it first went wrong", low=0)]
    severity: Annotated[str | None, Column("How bad it is, if the expert said so")]
    rubric_version: Annotated[str | None, Column("The rubric that the annotator worked by")]
    is_repeat: Annotated[bool, Column("Shown a second time, to measure the annotator's own consistency")]
    labelled_at: Annotated[datetime | None, Column("When it was judged (UTC), if the file says so")]
    corrects: Annotated[str | None, Column("The verdict it was changed from, in an exported file", allowed=VERDICTS)]
    extra: Annotated[Json, Column("What the file says beyond these columns: {name: value}")]
    is_current: Annotated[bool, Column("The verdict that counts for its trace")]
    is_superseded: Annotated[bool, Column("A later version of its file does not say so any more")]
    source_file: Annotated[str, Column("The label file")]
    source_version: Annotated[
        str, Column("Which version of the file: the start of its SHA-256, as in labels/.history/")
    ]
    source_line: Annotated[int, Column("The line in it, or the item's number in a JSON array, from 1", low=1)]


@dataclass(frozen=True)
class LabelLog:
    """One label file, which is one batch: rows = annotations + rejects + rows that nobody filled in."""

    source_file: Annotated[str, Column("The label file, relative to `labels/`", unique=True)]
    fingerprint: Annotated[str, Column("SHA-256 of the file's content")]
    n_rows: Annotated[int, Column("Rows in the file", low=0)]
    n_annotations: Annotated[int, Column("Rows used as verdicts", low=0)]
    n_rejects: Annotated[int, Column("Rows that could not be used; each is in `rejects`", low=0)]
    n_unlabelled: Annotated[int, Column("Rows that nobody filled in: no verdict, no code, no comment", low=0)]


@dataclass(frozen=True)
class FailureMode:
    """One failure mode of the taxonomy, with how often it occurs."""

    mode_id: Annotated[str, Column("Stable id; survives renames", unique=True)]
    name: Annotated[str, Column("Short name")]
    definition: Annotated[str, Column("One sentence: when a failure belongs to it")]
    status: Annotated[str, Column("provisional until a person accepts it", allowed=MODE_STATUSES)]
    n_failures: Annotated[int, Column("Failures assigned to it", low=0)]
    share: Annotated[float, Column("Its share of `share_of`, weighted back to the population", low=0, high=1)]
    share_low: Annotated[float, Column("Lower end of the 95 % interval", low=0, high=1)]
    share_high: Annotated[float, Column("Upper end of the 95 % interval", low=0, high=1)]
    share_of: Annotated[str, Column("What the share is a share of", allowed=("traffic", "labelled traces"))]
    rank: Annotated[int, Column("1 is the mode to fix first", low=1)]
    version: Annotated[str, Column("The taxonomy's version")]
    severity: Annotated[str | None, Column("As people said of it, or of its failures on average", allowed=SEVERITIES)]
    severity_weight: Annotated[float, Column("1 for medium and where nobody said; high 3, low a third", low=0)]
    priority: Annotated[float, Column("share x severity_weight: what ranks it", low=0)]
    share_before: Annotated[float | None, Column("Its share in the sampled batch before the newest", low=0, high=1)]
    trend: Annotated[str, Column("Its share of traffic in the newest batch against the one before", allowed=TRENDS)]
    reason: Annotated[str, Column("Why it has its rank")]


@dataclass(frozen=True)
class FailureAssignment:
    """One failure and the mode it belongs to, or none: an unassigned failure is kept and shown."""

    trace_id: Annotated[str, Column("The failed trace", references="annotations.trace_id", unique=True)]
    mode_id: Annotated[str | None, Column("The mode; empty when it fits none", references="failure_taxonomy.mode_id")]
    assigned_by: Annotated[str, Column("Who decided", allowed=("HUMAN", "LLM", "CODE"))]
    confidence: Annotated[float, Column("How sure", low=0, high=1)]
    text: Annotated[str, Column("The code or comment that was assigned")]
    quote: Annotated[str, Column("The words of it that decided, verbatim, where a model assigned it")]


@dataclass(frozen=True)
class GoldenCase:
    """One permanent test case."""

    case_id: Annotated[str, Column("Hash of kind and conversation", unique=True)]
    kind: Annotated[str, Column("Why it is in the set", allowed=KINDS)]
    mode_id: Annotated[str | None, Column("The failure mode it guards", references="failure_taxonomy.mode_id")]
    input: Annotated[str, Column("The user message under test")]
    messages: Annotated[Json, Column("The conversation up to and including that message, without a system prompt")]
    context: Annotated[Json, Column("The documents that the app had retrieved")]
    reference: Annotated[str | None, Column("A known-good answer, where one exists")]
    expected_doc_ids: Annotated[Json | None, Column("Documents that a right answer needs")]
    criteria: Annotated[str | None, Column("What a right answer must not do: the expert's comment")]
    observed_output: Annotated[str | None, Column("What production answered; the expert's verdict is about this")]
    family: Annotated[str, Column("Near-duplicates share a family, and with it a split")]
    split: Annotated[str, Column("Who may see it: train the improver, dev the search, test the gate", allowed=SPLITS)]
    source_trace_id: Annotated[str | None, Column("The production trace it came from")]
    added_in: Annotated[str, Column("The taxonomy version it was added under")]
    session_id: Annotated[str | None, Column("The conversation of its source trace")] = None
    parent_case_id: Annotated[str | None, Column("The case that a synthetic or adversarial one was made from")] = None
    transform: Annotated[str | None, Column("How a synthetic or adversarial case was made")] = None
    stage: Annotated[
        str, Column("capability: still to be reached; regression: always passes, only guards", allowed=STAGES)
    ] = "capability"
    status: Annotated[
        str, Column("active: evaluated; retired; other version: not of the one that is pinned", allowed=STATUSES)
    ] = "active"


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


@dataclass(frozen=True)
class PromptVersion:
    """One version of the app's prompt, as kept in the registry."""

    version: Annotated[str, Column("Hash of the text", unique=True)]
    name: Annotated[str, Column("The prompt's name")]
    text: Annotated[str, Column("The system prompt")]
    base_version: Annotated[str | None, Column("The version that it was made from")]
    note: Annotated[str, Column("Where it comes from")]

    @classmethod
    def of(cls, name: str, text: str, base: str | None, note: str) -> PromptVersion:
        """Return the version of a text; equal texts are the same version, whatever their line ends."""
        kept = "\n".join(text.strip().splitlines())
        return cls(hashlib.sha256(kept.encode()).hexdigest()[:12], name, kept, base, note)


@dataclass(frozen=True)
class PromptCandidate:
    """One proposed prompt, with the gate's decision and its evidence."""

    candidate_id: Annotated[str, Column("The proposed prompt's version", unique=True)]
    base_version: Annotated[str, Column("The production prompt that it was compared with")]
    text: Annotated[str, Column("The proposed system prompt")]
    status: Annotated[str, Column("Where it stands", allowed=("decided", "runner_up"))]
    decision: Annotated[str | None, Column("What the gate says; only the best candidate meets it", allowed=DECISIONS)]
    reason: Annotated[str, Column("Why, in one sentence")]
    changes: Annotated[Json, Column("What was changed, one line a change")]
    evidence: Annotated[Json, Column("The gate's numbers, overall and per failure mode")]


@dataclass(frozen=True)
class LLMCall:
    """One call to a model."""

    called_at: Annotated[datetime, Column("When the answer arrived (UTC)")]
    role: Annotated[str, Column("What the model was asked as", allowed=ROLES)]
    model: Annotated[str, Column("The litellm model string")]
    input_tokens: Annotated[int, Column("Tokens read; 0 when cached", low=0)]
    output_tokens: Annotated[int, Column("Tokens written; 0 when cached", low=0)]
    cost_usd: Annotated[float, Column("What the call cost now; 0 when cached", low=0)]
    latency_ms: Annotated[float, Column("How long it took", low=0)]
    cached: Annotated[bool, Column("Answered from the cache: no call was made")]
    error: Annotated[str | None, Column("Why there is no answer, after all retries")]


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
    "failure_taxonomy": FailureMode,
    "failure_assignments": FailureAssignment,
    "golden_set": GoldenCase,
    "production_prompt": PromptVersion,
    "eval_results": EvalResult,
    "judge_alignment": JudgeAlignment,
    "prompt_candidate": PromptCandidate,
    "llm_calls": LLMCall,
}
"""Every table of the lake, in flywheel order. `captured_*` and `feedback` hold each landing file's rows, read once."""
