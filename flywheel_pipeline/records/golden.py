"""Tables of the golden step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json

KINDS = ("failure", "happy_path", "synthetic", "adversarial")
PICKED_KINDS = ("failure", "happy_path", "adversarial")
"""Kinds of cases that a person can make of a trace; a synthetic case is no trace's."""

SPLITS = ("train", "dev", "test")

STAGES = ("capability", "regression")

STATUSES = ("active", "retired", "other version")

CRITERIA_KINDS = ("criticism", "requirement", "prohibition")
"""What `criteria` state: what was wrong with an earlier answer, what a right answer does, or what it must not do."""


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
    criteria: Annotated[str | None, Column("What to judge an answer by; `criteria_kind` says in which sense")]
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
    criteria_kind: Annotated[
        str,
        Column(
            "criticism: what was wrong with an earlier answer; requirement: what a right answer does; prohibition: "
            "what it must not do",
            allowed=CRITERIA_KINDS,
        ),
    ] = "criticism"
    reference_alternatives: Annotated[Json | None, Column("Further answers that are as good as `reference`")] = None
    variables: Annotated[Json | None, Column("Values of the prompt's `{{variables}}`, by name")] = None
    expected_tool_calls: Annotated[
        Json | None, Column("The tool calls that a right answer makes; `[]` if it makes none")
    ] = None
    critical: Annotated[bool, Column("A prompt must pass it: a candidate that fails it is rejected")] = False
