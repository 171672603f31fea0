"""What a model costs: the price in `flywheel.yaml`, else the one in litellm's list, read without importing litellm."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

LIST = "model_prices_and_context_window_backup.json"
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Price:
    """Dollars per token; `cached` is for input that the provider had in its own prompt cache."""

    input: float
    output: float
    cached: float | None = None

    @classmethod
    def per_million(cls, input: float, output: float) -> Price:
        """Return the price from dollars per million tokens, as providers print them."""
        return cls(input / 1e6, output / 1e6)

    def of(self, n_input: int | None, n_output: int | None, n_cached: int = 0) -> float | None:
        """Return the price of a call, None where the provider did not report its tokens and they are not free."""
        if not self.input and not self.output:
            return 0.0
        if n_input is None or n_output is None:
            return None
        cached = self.input if self.cached is None else self.cached
        return (n_input - n_cached) * self.input + n_cached * cached + n_output * self.output


FREE = Price(0.0, 0.0)


def listed_price(model: str) -> Price | None:
    """Return the price of a litellm model string, None when the list has none."""
    if model.startswith("offline/"):
        return FREE
    provider, _, name = model.partition("/")
    found = _prices().get(model)
    if found is None and name:
        found = _prices().get(name)
        if found is not None and found.get("litellm_provider") != provider:
            found = None
    if found is None or "input_cost_per_token" not in found or "output_cost_per_token" not in found:
        return None
    cached = found.get("cache_read_input_token_cost")
    return Price(float(found["input_cost_per_token"]), float(found["output_cost_per_token"]), cached)


def estimated_tokens(request: Mapping[str, Any]) -> int:
    """Return roughly how many tokens the messages of a request have, for calls without a reported usage."""
    return sum(len(str(m.get("content"))) for m in request["messages"]) // CHARACTERS_PER_TOKEN + 1


@cache
def _prices() -> Mapping[str, Mapping[str, Any]]:
    spec = importlib.util.find_spec("litellm")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / LIST
        if path.exists():
            found = orjson.loads(path.read_bytes())
            return found if isinstance(found, dict) else {}
    return {}
