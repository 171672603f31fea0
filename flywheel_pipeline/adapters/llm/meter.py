"""The `Meter` port: calls of other adapters under the same limits, and in the same log, as those of the models."""

from __future__ import annotations

from dataclasses import dataclass

from flywheel_pipeline.adapters.llm.caller import check_price
from flywheel_pipeline.adapters.llm.client import ModelClient
from flywheel_pipeline.adapters.llm.pricing import listed_price
from flywheel_pipeline.records import LLMCall


@dataclass(frozen=True)
class CallMeter:
    """Counts calls to `model`, a litellm model string, as made for `role`."""

    client: ModelClient
    role: str
    model: str

    def start(self) -> None:
        """Count a request before it is made; see `ports.Meter`."""
        check_price(self.model, listed_price(self.model), self.client.budget)
        self.client.budget.start()

    def end(self, attempt: int, latency_ms: float, tokens: int | None = None, error: str | None = None) -> None:
        """Log the request and what it cost; see `ports.Meter`."""
        price = listed_price(self.model)
        cost = price.of(tokens, 0) if price and error is None else None
        self.client.budget.end(cost or 0.0)
        row = LLMCall(
            called_at=self.client.clock(), role=self.role, model=self.model, input_tokens=tokens or 0, output_tokens=0,
            cost_usd=cost, latency_ms=latency_ms, cached=False, error=error, attempt=attempt,
        )  # fmt: skip
        self.client.record(row)
