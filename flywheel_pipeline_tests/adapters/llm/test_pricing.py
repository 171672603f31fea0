"""What a call costs, and when nobody knows."""

from __future__ import annotations

import pytest

from flywheel_pipeline.adapters.llm.pricing import FREE, Price, listed_price


def test_the_list_knows_a_model_with_and_without_its_provider() -> None:
    price = listed_price("openai/gpt-4o-mini")
    assert price == listed_price("gpt-4o-mini")
    assert price is not None and price.of(1_000_000, 500_000) == pytest.approx(0.15 + 0.30)


@pytest.mark.parametrize("model", ["openai/my-own", "nobody/x", "x", "groq/gpt-4o-mini", "openai/container"])
def test_a_model_that_the_list_does_not_have_has_no_price(model: str) -> None:
    assert listed_price(model) is None


def test_the_stand_in_is_free() -> None:
    assert listed_price("offline/judge") == FREE


def test_input_that_the_provider_had_cached_costs_what_the_list_says() -> None:
    assert Price(2.0, 4.0, 1.0).of(10, 1, n_cached=6) == 4 * 2 + 6 * 1 + 4
    assert Price(2.0, 4.0).of(10, 1, n_cached=6) == 10 * 2 + 4


def test_a_call_whose_tokens_are_not_reported_has_no_price_unless_it_is_free() -> None:
    assert Price(1.0, 1.0).of(None, 5) is None
    assert Price(1.0, 1.0).of(5, None) is None
    assert FREE.of(None, None) == 0.0
