"""Language models through litellm: cache, budget, concurrency, retries, replies in a shape.

litellm takes seconds to import, so it is imported with the first call that the cache can not answer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from flywheel_pipeline.adapters.llm.cache import ReplyCache, cache_key
from flywheel_pipeline.adapters.llm.calling import Called, CallFailed, call_model
from flywheel_pipeline.errors import BudgetError, SettingsError
from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.records import LLMCall

log = logging.getLogger(__name__)
T = TypeVar("T")

STAND_IN = (
    "the offline stand-in answers as %s: a deterministic program, not a language model. "
    "Name a real model in flywheel.yaml (models:) or in FLYWHEEL_MODEL."
)


_announced: set[str] = set()
"""Roles whose stand-in this process has been told about."""


@dataclass(frozen=True)
class RoleModel:
    """The model of one role and how it is called."""

    model: str
    api_base: str | None = None
    temperature: float = 0.0
    max_tokens: int = 4000


@dataclass(frozen=True)
class Limits:
    """Bounds on the calls of one client, which lives for one step of a run."""

    concurrency: int = 16
    retries: int = 4
    timeout_seconds: float = 60
    budget_usd: float = 5.0


@dataclass
class LiteLLM:
    """The `LLM` port: one litellm model a role.

    `on_calls` receives one `LLMCall` a call at the end of every `ask`, also when it ends in an error.
    """

    models: Mapping[str, RoleModel]
    cache: ReplyCache
    limits: Limits
    clock: Callable[[], datetime]
    on_calls: Callable[[list[LLMCall]], None]
    spent_usd: float = 0.0
    _calls: list[LLMCall] = field(default_factory=list)

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all of `asks` with `limits.concurrency` calls in flight; see `ports.LLM`."""
        for role in {a.role for a in asks}:
            self._announce(role)
        try:
            return _run(self._ask_all(asks))
        finally:
            calls, self._calls = self._calls, []
            self.on_calls(calls)

    def _announce(self, role: str) -> None:
        if role not in self.models:
            raise SettingsError(f"no model for the role {role!r}; roles: {', '.join(self.models)}")
        if self.models[role].model.startswith("offline/") and role not in _announced:
            log.warning(STAND_IN, role)
            _announced.add(role)

    async def _ask_all(self, asks: Sequence[Ask]) -> list[Reply]:
        keys = [cache_key(self._request(a)) for a in asks]
        once = dict(zip(keys, asks, strict=True))  # the same question twice in one call is asked once
        waiting = iter(once.items())
        replies: dict[str, Reply] = {}

        async def work() -> None:
            for key, ask in waiting:
                replies[key] = await self._answer(ask, key)

        workers = [asyncio.ensure_future(work()) for _ in range(min(self.limits.concurrency, len(once)))]
        try:
            await asyncio.gather(*workers)
        finally:  # after an error the calls in flight are finished and cached: they are paid for
            await asyncio.gather(*workers, return_exceptions=True)
        return [replies[key] for key in keys]

    async def _answer(self, ask: Ask, key: str) -> Reply:
        request = self._request(ask)
        text = self.cache.get(key)
        if text is not None:
            self._log(ask.role, Called(text), cached=True)
            return _shaped(ask, Reply(text, cached=True))
        reply = await self._call(ask, request)
        if reply.error and reply.text is not None:  # the model answered, but not in the shape asked for: once more
            reply = await self._call(ask, _insisting(request, reply))
        if not reply.error and reply.text is not None:
            self.cache.put(key, request["model"], reply.text, reply.cost_usd)
        return reply if not reply.error else Reply(None, reply.error, None, False, reply.latency_ms, reply.cost_usd)

    def _request(self, ask: Ask) -> dict[str, Any]:
        model = self.models[ask.role]
        request: dict[str, Any] = {
            "model": model.model,
            "messages": [dict(m) for m in ask.messages],
            "temperature": model.temperature,
            "max_tokens": model.max_tokens,
        }
        if model.api_base:
            request["api_base"] = model.api_base
        if ask.schema is not None:
            schema = {"name": ask.schema.__name__, "schema": ask.schema.model_json_schema()}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        return request

    async def _call(self, ask: Ask, request: dict[str, Any]) -> Reply:
        if self.spent_usd >= self.limits.budget_usd > 0:
            raise BudgetError(
                f"the budget of {self.limits.budget_usd:.2f} USD for this step is spent. Finished calls are cached: "
                "raise llm.budget_usd in flywheel.yaml and run again; only what is missing is asked."
            )
        try:
            called = await call_model(request, self.limits.retries, self.limits.timeout_seconds)
        except CallFailed as failure:
            self._log(ask.role, Called("", latency_ms=failure.latency_ms), error=str(failure))
            return Reply(None, str(failure), latency_ms=failure.latency_ms)
        self.spent_usd += called.cost_usd
        reply = _shaped(ask, Reply(called.text, None, None, False, called.latency_ms, called.cost_usd))
        self._log(ask.role, called, error=reply.error)
        return reply

    def _log(self, role: str, called: Called, cached: bool = False, error: str | None = None) -> None:
        row = LLMCall(
            called_at=self.clock(), role=role, model=self.models[role].model,
            input_tokens=called.input_tokens, output_tokens=called.output_tokens, cost_usd=called.cost_usd,
            latency_ms=called.latency_ms, cached=cached, error=error,
        )  # fmt: skip
        self._calls.append(row)


def _shaped(ask: Ask, reply: Reply) -> Reply:
    """Parse the reply into the schema asked for; on failure the text stays, beside the error."""
    if ask.schema is None or reply.text is None:
        return reply
    try:
        parsed = ask.schema.model_validate_json(_json_part(reply.text))
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"reply does not fit {ask.schema.__name__}: {'.'.join(map(str, first['loc']))} {first['msg']}"
        return Reply(reply.text, problem, None, reply.cached, reply.latency_ms, reply.cost_usd)
    return Reply(reply.text, None, parsed, reply.cached, reply.latency_ms, reply.cost_usd)


def _json_part(text: str) -> str:
    """Return the outermost JSON object of a reply that may wrap it in prose or a code fence."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _insisting(request: dict[str, Any], reply: Reply) -> dict[str, Any]:
    again = f"That could not be used: {reply.error}. Answer again with only the JSON object that was asked for."
    turns = [{"role": "assistant", "content": reply.text}, {"role": "user", "content": again}]
    return {**request, "messages": [*request["messages"], *turns]}


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end, in a thread of its own where this thread has a running event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


__all__ = ["Limits", "LiteLLM", "ReplyCache", "RoleModel"]
