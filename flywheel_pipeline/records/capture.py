"""Tables of the capture step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json


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
    """A trace as one landing file holds it, before it is joined with other files and with its feedback."""

    n_rows: Annotated[int, Column("Rows of the file that it was made of: 1, or its spans", low=1)]
    spans: Annotated[Json | None, Column("The spans it was made of, so that later ones can join them")]


@dataclass(frozen=True)
class Feedback:
    """One opinion or score about a trace, wherever and whenever it arrived.

    Only what a user gave becomes the trace's feedback; the scores of annotators, models and scripts become its tags, as
    does a user's score whose scale is unknown. An annotator's verdict becomes a row of `annotations` as well.
    """

    trace_id: Annotated[str, Column("The trace")]
    score: Annotated[float | None, Column("1 good, 0 bad, where that is certain when it is read", low=0, high=1)]
    comment: Annotated[str | None, Column("What was written with it")]
    given_at: Annotated[datetime | None, Column("When (UTC), if the source says so")]
    source_file: Annotated[str, Column("The landing file")]
    source_line: Annotated[int, Column("The line in it, from 1", low=1)]
    name: Annotated[str, Column("What the source calls it")] = "feedback"
    given_by: Annotated[str, Column("Who gave it", allowed=("user", "annotator", "model", "script"))] = "user"
    value: Annotated[float | None, Column("The number as the source has it, on its own scale")] = None
    label: Annotated[str | None, Column("The word as the source has it")] = None
    is_adverse: Annotated[bool, Column("Whether a high value is bad, as its name says")] = False
    n_rows: Annotated[int, Column("1 where it is a row of its own, 0 where it came with its trace", low=0)] = 1
    author: Annotated[str | None, Column("The annotator's name or id, as the source has it; never a user's")] = None
    step_id: Annotated[str | None, Column("The span, run or observation it is about, if the source names one")] = None


@dataclass(frozen=True)
class CapturedFile:
    """One landing file as it was read, with the counts that its rows in the lake do not show."""

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
    n_feedback: Annotated[int, Column("Opinions and scores about traces, whoever gave them", low=0)]
    n_unscaled: Annotated[int, Column("Scores of users that are no opinion, since their scale is unknown", low=0)]
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
