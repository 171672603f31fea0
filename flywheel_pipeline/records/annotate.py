"""Tables of the annotate step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json

VERDICTS = ("pass", "fail", "defer")
"""An expert's judgement of a trace; a deferred trace counts as not labelled."""
EVALUATOR_KINDS = ("LLM", "CODE", "API")
"""Who gave a score that is no person's: a model, a program, or a caller of an API."""

_NO_COLUMNS, _NONE = Json("{}"), Json("[]")


@dataclass(frozen=True)
class Annotation:
    """One verdict of a person on a trace; every verdict is kept, `is_current` marks the one that counts."""

    trace_id: Annotated[str, Column("The judged trace", references="raw_traces.trace_id")]
    batch: Annotated[str, Column("The label file's name, or that of the trace export: every file is a batch")]
    annotator: Annotated[str, Column("Who judged")]
    verdict: Annotated[str, Column("The judgement", allowed=VERDICTS)]
    code: Annotated[str | None, Column("The open code: the failure in a few words (max. 8)")]
    comment: Annotated[str | None, Column("The first thing that went wrong, in the expert's words")]
    category: Annotated[str | None, Column("A failure mode that the expert named, if any")]
    first_failure_step: Annotated[int | None, Column("Index of the message where it first went wrong", low=0)]
    severity: Annotated[str | None, Column("How bad it is, if the expert set it")]
    rubric_version: Annotated[str | None, Column("The rubric that the annotator worked by")]
    is_repeat: Annotated[bool, Column("Shown a second time, to measure the annotator's own consistency")]
    is_picked: Annotated[
        bool, Column("Someone chose the trace to look at: no sample drew it, so that it is in no rate of traffic")
    ]
    labelled_at: Annotated[datetime | None, Column("When it was judged (UTC), if the file states it")]
    corrects: Annotated[str | None, Column("The verdict it was changed from, in an exported file", allowed=VERDICTS)]
    extra: Annotated[Json, Column("What the file holds beyond these columns: {name: value}")]
    is_current: Annotated[bool, Column("The verdict that counts for its trace")]
    is_superseded: Annotated[bool, Column("A later version of its file no longer holds it")]
    source_file: Annotated[str, Column("The label file, relative to `labels/`; `../traces/…` is a trace export")]
    source_version: Annotated[
        str, Column("Which version of the file: the start of its SHA-256, as in labels/.history/")
    ]
    source_line: Annotated[int, Column("The line in it, or the item's number in a JSON array, from 1", low=1)]


@dataclass(frozen=True)
class EvaluatorScore:
    """One score that a label file reports of a model, a program or an API; never an annotation."""

    trace_id: Annotated[str, Column("The judged trace", references="raw_traces.trace_id")]
    evaluator: Annotated[str, Column("The name of the score or of its evaluator")]
    annotator_kind: Annotated[str, Column("Who gave it", allowed=EVALUATOR_KINDS)]
    label: Annotated[str | None, Column("The category it gave, if any")]
    score: Annotated[float | None, Column("The number it gave, if any")]
    explanation: Annotated[str | None, Column("Its reasons, if any")]
    source_id: Annotated[str | None, Column("The model or program, if the file names it")]
    judged_at: Annotated[datetime | None, Column("When (UTC), if the file states it")]
    source_file: Annotated[str, Column("The label file")]
    source_version: Annotated[str, Column("Which version of the file: the start of its SHA-256")]
    source_line: Annotated[int, Column("The line in it, or the item's number in a JSON array, from 1", low=1)]


@dataclass(frozen=True)
class LabelLog:
    """One label file, which is one batch: rows = annotations + scores + rejects + unlabelled + joined."""

    source_file: Annotated[str, Column("The label file, relative to `labels/`", unique=True)]
    fingerprint: Annotated[str, Column("SHA-256 of the file's content")]
    n_rows: Annotated[int, Column("Rows in the file; an item that several people judged is one for each", low=0)]
    n_annotations: Annotated[int, Column("Rows used as verdicts of people", low=0)]
    n_rejects: Annotated[int, Column("Rows that could not be used; each is in `rejects`", low=0)]
    n_unlabelled: Annotated[int, Column("Rows that are not filled in: no verdict, no code, no comment", low=0)]
    n_scores: Annotated[int, Column("Rows kept as scores of models, programs and APIs", low=0)] = 0
    n_joined: Annotated[int, Column("Rows that belong to the verdict of another row, such as its text", low=0)] = 0
    columns: Annotated[Json, Column("Which column was read as which: {ours: theirs}")] = _NO_COLUMNS
    unused: Annotated[Json, Column("Columns that were not read: a list of names")] = _NONE
    notes: Annotated[Json, Column("What is doubtful about the file, and how it was read: a list of texts")] = _NONE
