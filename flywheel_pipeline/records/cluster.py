"""Tables of the cluster step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column, Json

MODE_KINDS = ("failure mode", "group to review")
MODE_STATUSES, SEVERITIES = ("provisional", "accepted", "retired"), ("low", "medium", "high")

TRENDS = ("up", "down", "inconclusive", "not known")


@dataclass(frozen=True)
class FailureMode:
    """One failure mode of the taxonomy, with how often it occurs."""

    mode_id: Annotated[str, Column("Stable id; survives renames", unique=True)]
    name: Annotated[str, Column("Short name")]
    kind: Annotated[str, Column("A group to review was found by words alone and not accepted yet", allowed=MODE_KINDS)]
    definition: Annotated[str, Column("One sentence: when a failure belongs to it; empty for a group to review")]
    belongs: Annotated[str, Column("What counts although one might doubt it")]
    does_not_belong: Annotated[str, Column("What does not count although it is similar, and where it goes instead")]
    examples: Annotated[Json, Column("Up to three representative comments, in the expert's own words: a JSON list")]
    status: Annotated[str, Column("provisional until a person accepts it", allowed=MODE_STATUSES)]
    n_failures: Annotated[int, Column("Failures assigned to it", low=0)]
    share: Annotated[float, Column("Its share of `share_of`, weighted back to the population", low=0, high=1)]
    share_low: Annotated[float, Column("Lower end of the 95% interval", low=0, high=1)]
    share_high: Annotated[float, Column("Upper end of the 95% interval", low=0, high=1)]
    share_of: Annotated[str, Column("What the share is a share of", allowed=("traffic", "labelled traces"))]
    rank: Annotated[int, Column("1 is the mode to fix first", low=1)]
    version: Annotated[str, Column("The taxonomy's version")]
    severity: Annotated[str | None, Column("As people set it, or its failures on average", allowed=SEVERITIES)]
    severity_weight: Annotated[float, Column("1 for medium and where it is not set; high 3, low a third", low=0)]
    priority: Annotated[float, Column("share x severity_weight: what ranks it", low=0)]
    share_before: Annotated[float | None, Column("Its share in the sampled batch before the newest", low=0, high=1)]
    trend: Annotated[str, Column("Its share of traffic in the newest batch against the one before", allowed=TRENDS)]
    reason: Annotated[str, Column("Why it has its rank")]

    @property
    def stage(self) -> str:
        """Return the status as people read it: a group to review is no provisional mode."""
        return "to review" if self.kind == MODE_KINDS[1] else self.status


@dataclass(frozen=True)
class FailureAssignment:
    """One failure and the mode it belongs to, or none: an unassigned failure is kept and shown."""

    trace_id: Annotated[str, Column("The failed trace", references="annotations.trace_id", unique=True)]
    mode_id: Annotated[str | None, Column("The mode; empty when it fits none", references="failure_taxonomy.mode_id")]
    assigned_by: Annotated[str, Column("Who decided", allowed=("HUMAN", "LLM", "CODE"))]
    confidence: Annotated[float, Column("Probability that it is right (see the chapter)", low=0, high=1)]
    text: Annotated[str, Column("The code or comment that was assigned")]
    quote: Annotated[str, Column("The words of it that decided, verbatim, where a model assigned it")]
    reason: Annotated[str, Column("Why it belongs to no mode; empty where it belongs to one")] = ""
