"""Tables of the deploy step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flywheel_pipeline.records.improve import DECISIONS
from flywheel_pipeline.records.schema import Column, Json

NO_PARAMETERS = Json("{}")


@dataclass(frozen=True)
class PromptVersion:
    """One version of the app's prompt, as kept in the registry."""

    version: Annotated[str, Column("Hash of the text", unique=True)]
    name: Annotated[str, Column("The prompt's name")]
    text: Annotated[str, Column("The system prompt")]
    base_version: Annotated[str | None, Column("The version that it was made from")]
    note: Annotated[str, Column("Where it comes from")]
    author: Annotated[str, Column("Who wrote it: a person, or the improver's model")] = ""
    model: Annotated[str | None, Column("The model that it was evaluated with")] = None
    parameters: Annotated[Json, Column("The model's parameters in that evaluation")] = NO_PARAMETERS

    @classmethod
    def of(cls, name: str, text: str, base: str | None, note: str) -> PromptVersion:
        """Return the version of a text; equal texts are the same version, whatever their line ends."""
        kept = "\n".join(text.strip().splitlines())
        return cls(hashlib.sha256(kept.encode()).hexdigest()[:12], name, kept, base, note)


@dataclass(frozen=True)
class CanaryHealth:
    """One look at a canary: its sessions beside those of the production prompt, since it was started."""

    canary_id: Annotated[str, Column("The canary")]
    version: Annotated[str, Column("The prompt version that is tried")]
    control: Annotated[str, Column("The production prompt beside it")]
    share: Annotated[float, Column("Its share of traffic", low=0, high=1)]
    looked_at: Annotated[datetime, Column("When it was looked at, UTC")]
    n_canary: Annotated[int, Column("Sessions of the canary", low=0)]
    n_canary_bad: Annotated[int, Column("Of these, with an error or a user's bad feedback", low=0)]
    n_control: Annotated[int, Column("Sessions of the production prompt", low=0)]
    n_control_bad: Annotated[int, Column("Of these, with an error or a user's bad feedback", low=0)]
    difference: Annotated[float, Column("Share that went wrong, canary - control", low=-1, high=1)]
    low: Annotated[float, Column("Lower end of the interval that holds at all looks together", low=-1, high=1)]
    high: Annotated[float, Column("Upper end of it", low=-1, high=1)]
    decision: Annotated[str, Column("roll back: harm is shown", allowed=("roll back", "go on"))]
    reason: Annotated[str, Column("The decision in words")]


HEALTH = ("better", "worse", "no worse", "cannot tell")
"""How production does under a prompt version beside the one before it."""
MODE_STATES = ("open", "fixed", "re-opened")
"""Whether a failure mode still occurs in production."""


@dataclass(frozen=True)
class ProductionHealth:
    """One failure mode, or any that is judged, in production under a prompt version and the one before it."""

    mode_id: Annotated[str, Column("The failure mode, or `judges:all` for any of those with an evaluator that decides")]
    name: Annotated[str, Column("The failure mode's name")]
    before_version: Annotated[str, Column("The prompt version before")]
    after_version: Annotated[str, Column("The prompt version in production")]
    targeted: Annotated[
        bool | None,
        Column("The version fixes cases of it in the golden set; empty where it was not evaluated"),
    ]
    n_before: Annotated[int, Column("Judged traces under the version before", low=0)]
    n_after: Annotated[int, Column("Judged traces under the version in production", low=0)]
    share_before: Annotated[float, Column("Share of traffic that shows it, before", low=0, high=1)]
    share_after: Annotated[float, Column("Share of traffic now, in the mix of topics before", low=0, high=1)]
    difference: Annotated[float, Column("After - before; below 0 is better", low=-1, high=1)]
    low: Annotated[float, Column("Lower end of the interval of the difference", low=-1, high=1)]
    high: Annotated[float, Column("Upper end of it", low=-1, high=1)]
    level: Annotated[float, Column("Level of all intervals: 1 - .05 / number of modes", low=0, high=1)]
    after_low: Annotated[float, Column("Lower end of the interval of `share_after`", low=0, high=1)]
    after_high: Annotated[float, Column("Upper end of it", low=0, high=1)]
    n_labels_after: Annotated[int, Column("Labelled and judged traces under the version in production", low=0)]
    verdict: Annotated[str, Column("What is shown", allowed=HEALTH)]
    state: Annotated[
        str,
        Column("fixed: shown better, and rare now; re-opened: was fixed or retired, and is back", allowed=MODE_STATES),
    ]
    reason: Annotated[str, Column("The verdict in words, with what it rests on")]


@dataclass(frozen=True)
class FlywheelTurn:
    """One turn of the flywheel: from the production prompt to the gate's decision on a candidate against it.

    Gains are changes of pass rates with 95 % intervals; what is not known is empty, and a reason stands beside it.
    """

    turn: Annotated[int, Column("The number of the turn, from 1", unique=True, low=1)]
    base_version: Annotated[str, Column("The production prompt that the turn began with")]
    candidate_id: Annotated[str | None, Column("The prompt that was decided on; empty where none was proposed")]
    decided_at: Annotated[datetime, Column("When the gate decided on it last (UTC)")]
    decision: Annotated[str, Column("The gate's last decision", allowed=(*DECISIONS, "none"))]
    reason: Annotated[str, Column("Why, in words")]
    labels_added: Annotated[
        int, Column("Traces and flipped cases with a verdict, more than at the turn before; below 0 if withdrawn")
    ]
    n_new_modes: Annotated[int, Column("Failure modes that no earlier turn knew", low=0)]
    new_modes: Annotated[Json, Column("Their names")]
    test_gain: Annotated[float | None, Column("Gain on test cases, as the gate saw it", low=-1, high=1)]
    test_low: Annotated[float | None, Column("Lower end of its interval", low=-1, high=1)]
    test_high: Annotated[float | None, Column("Upper end of its interval", low=-1, high=1)]
    predicted_gain: Annotated[float | None, Column("Gain that the gate predicted for traffic", low=-1, high=1)]
    predicted_low: Annotated[float | None, Column("Lower end of its interval", low=-1, high=1)]
    predicted_high: Annotated[float | None, Column("Upper end of its interval", low=-1, high=1)]
    predicted_reason: Annotated[str, Column("Why no gain was predicted; else empty")]
    realised_gain: Annotated[float | None, Column("Change of production's pass rate after it", low=-1, high=1)]
    realised_low: Annotated[float | None, Column("Lower end of its interval", low=-1, high=1)]
    realised_high: Annotated[float | None, Column("Upper end of its interval", low=-1, high=1)]
    realised_basis: Annotated[str, Column("What the realised gain rests on; empty where it is not known")]
    realised_reason: Annotated[str, Column("Why no realised gain is known; else empty")]
    promoted_at: Annotated[datetime | None, Column("When the candidate went into production (UTC)")]
    rolled_back_at: Annotated[datetime | None, Column("When production went back to an earlier prompt (UTC)")]
    hours_to_fix: Annotated[
        float | None,
        Column("From the median trace among the labelled failures of this prompt to the promotion", low=0),
    ]
    cost_usd: Annotated[
        float | None, Column("Paid to models since the turn before; empty where a price is unknown", low=0)
    ]
    n_calls: Annotated[int, Column("Calls to models since the turn before, without replies from the cache", low=0)]
