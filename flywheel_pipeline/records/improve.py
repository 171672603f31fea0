"""Tables of the improve step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json

DECISIONS = ("ship", "hold", "reject")

TRIAL_STATUSES = ("base", "rejected", "held", "dropped", "unscored", "evaluated", "best")

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
class PromptTrial:
    """One prompt that the search considered, in the tree of what was made from what; the root is production."""

    version: Annotated[str, Column("The prompt's version", unique=True)]
    parent_version: Annotated[str | None, Column("The prompt that it was made from; empty for the root")]
    base_version: Annotated[str, Column("The production prompt, the root of the tree")]
    number: Annotated[int, Column("Its place in the order in which prompts were considered; the root has 0", low=0)]
    improver: Annotated[str, Column("What made it; empty for the root")]
    status: Annotated[
        str,
        Column(
            "base: production; rejected: a hard rule forbids it; held: a person has to read it first; dropped: not "
            "worth an evaluation on dev; unscored: too many answers ended in errors; evaluated: on dev; best: the best "
            "on dev, which the gate decides on",
            allowed=TRIAL_STATUSES,
        ),
    ]
    reason: Annotated[str, Column("Why it was rejected or set aside; for the root, why every improver stopped")]
    text: Annotated[str, Column("The system prompt")]
    changes: Annotated[Json, Column("What was changed against its parent, one line per change")]
    reasons: Annotated[Json, Column("Why each line was changed, as in `prompt_candidate`")]
    n_dev: Annotated[int, Column("Dev cases that count", low=0)]
    n_known: Annotated[int, Column("Of these, with a known outcome", low=0)]
    pass_rate: Annotated[float | None, Column("Share of the dev cases that pass", low=0, high=1)]
    n_fixed: Annotated[int, Column("Dev cases that fail under production and pass under it", low=0)]
    n_broken: Annotated[int, Column("Dev cases that pass under production and fail under it", low=0)]
    n_answers: Annotated[int, Column("Answers that the search had asked for by then, cached ones included", low=0)]


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
