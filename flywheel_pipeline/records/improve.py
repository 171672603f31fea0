"""Tables of the improve step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json

DECISIONS = ("ship", "hold", "reject")

LEVERS = ("prompt", "retrieval", "tool or code", "fine-tuning", "cannot tell")

NO_REASONS = Json("[]")


@dataclass(frozen=True)
class PromptCandidate:
    """One proposed prompt, with the gate's decision and its evidence."""

    candidate_id: Annotated[str, Column("The proposed prompt's version", unique=True)]
    base_version: Annotated[str, Column("The production prompt that it was compared with")]
    text: Annotated[str, Column("The proposed system prompt")]
    status: Annotated[str, Column("Where it stands", allowed=("decided", "runner_up"))]
    decision: Annotated[str | None, Column("The gate's decision; only the best candidate meets it", allowed=DECISIONS)]
    reason: Annotated[str, Column("Why, in words")]
    changes: Annotated[Json, Column("What was changed, one line per change")]
    evidence: Annotated[Json, Column("The gate's numbers, overall and per guard, and what would decide a hold")]
    reasons: Annotated[
        Json,
        Column(
            "Why each line was changed: a list of {line, action (added, changed, removed), mode_id, mode, cases (ids "
            "of the train split), why}"
        ),
    ] = NO_REASONS


@dataclass(frozen=True)
class ImprovementPlan:
    """The lever that would fix a failure mode, on which evidence, or what would decide it."""

    mode_id: Annotated[str, Column("The failure mode", unique=True, references="failure_taxonomy.mode_id")]
    mode: Annotated[str, Column("Its name")]
    lever: Annotated[str, Column("What to change to fix it", allowed=LEVERS)]
    reason: Annotated[str, Column("Why, in words")]
    to_do: Annotated[Json, Column("What to do next, or what would decide it, one line each")]
    evidence: Annotated[Json, Column("The numbers: missing documents, failing tools, gated rounds, right answers")]
    rank: Annotated[int, Column("The mode's place in the taxonomy: what to fix first", low=1)]
