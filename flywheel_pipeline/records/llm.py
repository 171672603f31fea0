"""Calls to models, whichever step made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flywheel_pipeline.records.schema import Column

ROLES = ("app", "judge", "taxonomy", "improver", "generator")
"""What models are asked as."""


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
