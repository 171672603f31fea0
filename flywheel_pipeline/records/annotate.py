"""Tables of the annotate step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json

VERDICTS = ("pass", "fail", "defer")
"""An expert's judgement of a trace; a deferred trace counts as not labelled."""


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
