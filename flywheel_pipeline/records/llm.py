"""Calls to models, whichever step made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flywheel_pipeline.records.schema import Column

ROLES = ("app", "judge", "taxonomy", "improver", "generator")
"""What models are asked as."""

CALL_ROLES = (*ROLES, "embedding")
"""What calls are made for: the roles, and texts turned into vectors."""


@dataclass(frozen=True)
class LLMCall:
    """One request to a model, or one reply from the cache; a request that is made again has a row of its own."""

    called_at: Annotated[datetime, Column("When the answer arrived (UTC)")]
    role: Annotated[str, Column("What the model was asked as", allowed=CALL_ROLES)]
    model: Annotated[str, Column("The litellm model string")]
    input_tokens: Annotated[int, Column("Tokens read; 0 when cached", low=0)]
    output_tokens: Annotated[int, Column("Tokens written; 0 when cached", low=0)]
    cost_usd: Annotated[
        float | None, Column("Paid for it: 0 when cached, empty where price or outcome is unknown", low=0)
    ]
    latency_ms: Annotated[float, Column("How long the request took; a cached reply keeps its first latency", low=0)]
    cached: Annotated[bool, Column("Answered from the cache: no request was made")]
    error: Annotated[str | None, Column("Why the request gave no usable answer")]
    attempt: Annotated[int, Column("1 for the first request of a question, 2 for the second, …", low=1)] = 1
    finish_reason: Annotated[str | None, Column("Why the model stopped, in its own word: stop, length, …")] = None
