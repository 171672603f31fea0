"""One request to a model: what comes back, what can go wrong, and the three ways there.

The offline stand-in runs in this process. An OpenAI-compatible server (`openai/…` with an `api_base`) is called over
one HTTP session of our own, which costs a tenth of litellm's time. Every other provider is called through litellm,
which takes seconds to import and therefore is imported with its first call.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol

from flywheel_pipeline.adapters.llm.offline import BEHAVIOURS
from flywheel_pipeline.adapters.llm.pricing import Price
from flywheel_pipeline.masking import mask
from flywheel_pipeline.ports import Message
from flywheel_pipeline.prompting import text_of

Kind = Literal["unusable", "refused", "throttled", "transient", "timeout"]
"""Why a request failed: the model cannot be called at all (key, name, no server); this question is not accepted; too
many requests; the provider's own trouble; no answer in time."""

MAX_MESSAGE = 500


@dataclass(frozen=True)
class RoleModel:
    """The model of one role and how it is called. `parameters` are added to every request, for example `top_p`.

    `api_key_env` names the environment variable that holds the key; `price` is for models that litellm does not list.
    """

    model: str
    api_base: str | None = None
    temperature: float = field(kw_only=True)
    max_tokens: int = field(kw_only=True)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    api_key_env: str | None = None
    price: Price | None = None

    @property
    def way(self) -> str:
        """How it is called: `offline`, `direct` or `litellm`."""
        if self.model.startswith("offline/"):
            return "offline"
        return "direct" if self.model.startswith("openai/") and self.api_base else "litellm"

    @property
    def endpoint(self) -> str:
        """What limits the calls: the server, or the provider."""
        return self.api_base or self.model.partition("/")[0]

    @property
    def api_key(self) -> str | None:
        """The key from the environment, if one is set there."""
        name = self.api_key_env or ("OPENAI_API_KEY" if self.way == "direct" else "")
        return os.environ.get(name) or None


@dataclass(frozen=True)
class Called:
    """A model's reply as it came. Tokens are None where the provider does not report them; `cost_usd` likewise."""

    text: str
    finish_reason: str | None = None
    tool_calls: tuple[Message, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float = 0.0


class CallFailed(Exception):
    """A request without an answer; `retry_after` is the number of seconds that the provider asks to wait.

    `sent` is whether the request reached a server, as far as we know: only such requests are logged.
    """

    def __init__(self, message: str, kind: Kind, retry_after: float | None = None, sent: bool = True) -> None:
        super().__init__(mask(message))
        self.kind = kind
        self.retry_after = retry_after
        self.sent = sent


class Transport(Protocol):
    """A way to a model."""

    async def call(self, model: RoleModel, request: Mapping[str, Any], timeout: float) -> Called:
        """Make one request, without retries.

        Raises:
            CallFailed: there is no answer.
        """
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class OfflineTransport:
    """The stand-in: tokens are counted as words, and nothing costs anything."""

    async def call(self, model: RoleModel, request: Mapping[str, Any], timeout: float) -> Called:
        """Return the stand-in's reply."""
        behaviour = BEHAVIOURS.get(model.model.removeprefix("offline/"))
        if behaviour is None:
            raise CallFailed(f"{model.model} does not exist; there are {', '.join(BEHAVIOURS)}", "unusable", sent=False)
        started = time.perf_counter()
        messages = [dict(m) for m in request["messages"]]
        text = behaviour(messages)
        n_in = sum(len(str(m.get("content")).split()) for m in messages)
        await asyncio.sleep(0)
        return Called(text, "stop", (), n_in, len(text.split()), 0.0, elapsed_ms(started))

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


class LitellmTransport:
    """Any provider that litellm knows."""

    async def call(self, model: RoleModel, request: Mapping[str, Any], timeout: float) -> Called:
        """Call `litellm.acompletion` once."""
        litellm = import_litellm()
        _check_key(litellm, model)
        key = {"api_key": model.api_key} if model.api_key else {}
        started = time.perf_counter()
        try:
            work = litellm.acompletion(**request, **key, timeout=timeout, num_retries=0)
            response = await asyncio.wait_for(work, timeout + 1)
        except (asyncio.TimeoutError, TimeoutError):
            raise CallFailed(f"{model.model}: no answer in {timeout:.0f} s", "timeout") from None
        except Exception as error:  # litellm raises what its providers' clients raise
            raise _litellm_failure(model, error) from None  # its own text may hold the key
        return _litellm_reply(litellm, model, response, started)

    async def close(self) -> None:
        """Close litellm's clients, which belong to the event loop that ends."""
        await import_litellm().close_litellm_async_clients()


@cache
def import_litellm() -> Any:
    """Import litellm, configured; without the variable it fetches its price list from the network at import."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    litellm.drop_params = True
    return litellm


def kind_of(status: int | None, message: str = "") -> Kind:
    """Return what an HTTP status means for the question and for the model."""
    if status == 429:
        return "unusable" if "insufficient_quota" in message else "throttled"
    if status in (401, 403, 404):
        return "unusable"
    if status is None or status in (408, 409) or status >= 500:
        return "transient"
    return "refused"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a provider asks to wait, None where it names no number of seconds."""
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, TypeError, ValueError):
        return None


def elapsed_ms(started: float) -> float:
    """Return the milliseconds since `time.perf_counter()` was `started`."""
    return round((time.perf_counter() - started) * 1000, 1)


def _check_key(litellm: Any, model: RoleModel) -> None:
    """Fail before the first request when a key is missing: providers' clients report it in ways that look transient."""
    if model.api_key or model.api_base:
        return
    missing = litellm.validate_environment(model.model).get("missing_keys") or []
    if missing:
        raise CallFailed(f"{model.model} needs {' and '.join(missing)} in the environment", "unusable", sent=False)


def _litellm_failure(model: RoleModel, error: Exception) -> CallFailed:
    status = getattr(error, "status_code", None)
    text = str(error)
    kind = kind_of(status if isinstance(status, int) else None, text)
    name = type(error).__name__
    if "LLM Provider NOT provided" in text or "onnection refused" in text or "Cannot connect to host" in text:
        kind = "unusable"
    elif name == "Timeout":
        kind = "timeout"
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None) or {}
    return CallFailed(f"{model.model}: {name}: {mask(text)[:MAX_MESSAGE]}", kind, retry_after(headers))


def _litellm_reply(litellm: Any, model: RoleModel, response: Any, started: float) -> Called:
    if not getattr(response, "choices", None):
        raise CallFailed(f"{model.model}: the reply holds no answer", "transient")
    choice, usage = response.choices[0], getattr(response, "usage", None)
    n_in, n_out = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    cost = model.price.of(n_in, n_out) if model.price else _litellm_cost(litellm, response)
    calls = [c.model_dump() if hasattr(c, "model_dump") else dict(c) for c in choice.message.tool_calls or []]
    text = text_of(choice.message.content)
    return Called(text, choice.finish_reason, tuple(calls), n_in, n_out, cost, elapsed_ms(started))


def _litellm_cost(litellm: Any, response: Any) -> float | None:
    try:
        return float(litellm.completion_cost(completion_response=response))
    except Exception:  # a model that litellm knows no price of
        return None
