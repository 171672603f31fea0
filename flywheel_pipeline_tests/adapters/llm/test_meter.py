"""Calls that are not the client's own count for its limits and stand in the same log."""

from __future__ import annotations

import pytest

from flywheel_pipeline.adapters.llm import Budget, CallMeter
from flywheel_pipeline.errors import BudgetError, SettingsError
from flywheel_pipeline_tests.adapters.llm.clients import Bench

EMBEDDER = "openai/text-embedding-3-small"  # 0.02 USD per million tokens


def test_an_embedding_call_is_logged_with_its_tokens_and_price(bench: Bench) -> None:
    meter = CallMeter(bench.client(None), "embedding", EMBEDDER)
    meter.start()
    meter.end(1, 12.5, 1_000_000)
    meter.start()
    meter.end(1, 3.0, error="HTTP 500")
    good, bad = bench.calls
    assert (good.role, good.model, good.input_tokens) == ("embedding", EMBEDDER, 1_000_000)
    assert good.cost_usd == pytest.approx(0.02)
    assert (bad.cost_usd, bad.error) == (None, "HTTP 500")


def test_embeddings_stop_at_the_budget_and_without_a_price(bench: Bench) -> None:
    meter = CallMeter(bench.client(None, budget=Budget(budget_usd=0.03)), "embedding", EMBEDDER)
    for _ in range(2):
        meter.start()
        meter.end(1, 1.0, 1_000_000)
    with pytest.raises(BudgetError):
        meter.start()
    with pytest.raises(SettingsError, match="No price is known for openai/own"):
        CallMeter(bench.client(None, budget=Budget(budget_usd=1)), "embedding", "openai/own").start()
