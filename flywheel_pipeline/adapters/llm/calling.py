"""One call to a model through litellm, tried again after faults that pass."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from flywheel_pipeline.adapters.llm.offline import provider


@dataclass(frozen=True)
class Called:
    """A model's reply as it came, with what it took."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    latency_ms: float = 0.0


class CallFailed(Exception):
    """A call that got no answer, after all retries; the text says which error, at which model."""

    def __init__(self, message: str, latency_ms: float) -> None:
        super().__init__(message)
        self.latency_ms = latency_ms


@cache
def _litellm() -> Any:
    # Without this litellm fetches its price list from the network at import.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    litellm.drop_params = True
    litellm.custom_provider_map = [{"provider": "offline", "custom_handler": provider()}]
    return litellm


async def call_model(request: dict[str, Any], retries: int, timeout_seconds: float) -> Called:
    """Call `litellm.acompletion(**request)`, up to `1 + retries` times, waiting 1, 2, 4… seconds between.

    Raises:
        CallFailed: there is no answer after the last try, or the error will not pass (wrong key or model).
    """
    litellm = _litellm()
    started = time.perf_counter()
    for attempt in range(retries + 1):
        try:
            response = await litellm.acompletion(**request, timeout=timeout_seconds, num_retries=0)
            return _called(litellm, response, started)
        except Exception as error:
            if attempt == retries or not _passes(error):
                raise _failed(request, error, started) from error
            await asyncio.sleep(_pause(error, attempt))
    raise AssertionError("unreachable: the last attempt returns or raises")


def _passes(error: Exception) -> bool:
    """Return whether a fault may pass: overload, time-out, or the provider's own trouble."""
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and (status in (408, 409, 429) or status >= 500)


def _pause(error: Exception, attempt: int) -> float:
    """Return the seconds to wait: what the provider asks for (a minute at most), else 2 ** attempt."""
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None) or {}
    try:
        return min(60.0, max(0.0, float(headers["retry-after"])))
    except (KeyError, TypeError, ValueError):
        return float(2**attempt)


def _called(litellm: Any, response: Any, started: float) -> Called:
    if not getattr(response, "choices", None):
        raise ValueError("the provider's reply holds no answer")
    usage = getattr(response, "usage", None)
    try:
        cost = float(litellm.completion_cost(completion_response=response) or 0)
    except Exception:  # a model that litellm knows no price of, for example a local one
        cost = 0.0
    return Called(
        text=response.choices[0].message.content or "",
        input_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        output_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
        cost_usd=cost,
        latency_ms=_elapsed(started),
    )


def _failed(request: dict[str, Any], error: Exception, started: float) -> CallFailed:
    text = f"{request['model']}: {type(error).__name__}: {str(error)[:500]}"
    return CallFailed(text, _elapsed(started))


def _elapsed(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
