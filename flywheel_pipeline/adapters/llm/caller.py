"""Questions to one model: the first asked alone, retries, pauses, timeouts, every request logged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.adapters.llm.budget import Budget
from flywheel_pipeline.adapters.llm.calling import Called, CallFailed, RoleModel, Transport, elapsed_ms
from flywheel_pipeline.adapters.llm.limiter import Latencies, Limiter
from flywheel_pipeline.adapters.llm.pricing import Price, estimated_tokens, listed_price
from flywheel_pipeline.errors import ModelError, SettingsError

FIRST_QUESTIONS = 3
"""Questions, asked one at a time, that may fail before a model that never answered is given up."""

GIVE_UP = 30
"""Questions in a row that may fail, after all their retries, before a model that has answered before is given up."""

LOOK_SECONDS = 0.5
"""How often a call in flight is compared with the latencies that others had meanwhile."""

MAX_PAUSE, PATIENCE = 120.0, 10.0
"""Seconds of one pause; and how many times the call's timeout a question takes in all, pauses and retries included."""


Check = Callable[[Called], str | None]


@dataclass(frozen=True)
class Attempt:
    """One request as it ended, for the log."""

    number: int
    latency_ms: float
    called: Called | None = None
    error: str | None = None


def check_price(model: str, price: Price | None, budget: Budget) -> None:
    """Refuse a model of unknown price while there is a limit in dollars.

    Raises:
        SettingsError: the message says how to give the price.
    """
    if budget.needs_prices and price is None:
        raise SettingsError(
            f"No price is known for {model}, so that no budget can hold. Give it in flywheel.yaml, in dollars per "
            "million tokens (models: <role>: {model: …, price: {input: 0.15, output: 0.6}}; 0 for a model of your "
            "own), or switch the limit off: llm: {budget_usd: 0}."
        )


@dataclass
class Health:
    """What is known of one model; kept for all the runs of a client."""

    latencies: Latencies
    proven: bool = False
    n_failed: int = 0
    unusable: str = ""


@dataclass
class Caller:
    """Asks one model. `log` receives every request; once `ended`, no further request is made."""

    model: RoleModel
    transport: Transport
    limiter: Limiter
    budget: Budget
    health: Health
    retries: int
    backoff_seconds: float
    log: Callable[[Attempt], None]
    ended: Callable[[], bool]
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(self, request: Mapping[str, Any], check: Check = lambda _: None) -> Called:
        """Return the model's reply to one question; `check` says for the log what is wrong with it, if anything.

        Until the model has answered once, questions are asked one at a time: a wrong key or name costs one request,
        not one per question.

        Raises:
            CallFailed: there is no answer to this question, after all retries.
            ModelError: the model cannot be called at all.
            BudgetError: a limit is reached.
            SettingsError: the model has no known price, while there is a limit in dollars.
        """
        if self.health.proven:
            return await self._ask(request, check)
        async with self.gate:
            if not self.health.proven:
                check_price(self.model.model, self._price(), self.budget)
                return await self._ask(request, check)
        return await self._ask(request, check)

    def _price(self) -> Price | None:
        return self.model.price or listed_price(self.model.model)

    async def _ask(self, request: Mapping[str, Any], check: Check) -> Called:
        if self.health.unusable:
            raise ModelError(self.health.unusable)
        try:
            called = await self._tries(request, check)
        except CallFailed as failure:
            self._note_failure(failure)
            raise
        self.health.proven, self.health.n_failed = True, 0
        return called

    def _note_failure(self, failure: CallFailed) -> None:
        health = self.health
        health.n_failed += failure.kind != "refused" or not health.proven
        most = GIVE_UP if health.proven else FIRST_QUESTIONS
        if (failure.kind == "unusable" and not health.proven) or health.n_failed >= most:
            health.unusable = f"The model cannot be used: {failure}"
            raise ModelError(health.unusable) from failure

    async def _tries(self, request: Mapping[str, Any], check: Check) -> Called:
        n_failures = n_timeouts = number = 0
        started = time.monotonic()
        while True:
            number += 1
            try:
                called = await self._request(request, number, n_timeouts)
                self.log(Attempt(number, called.latency_ms, called, check(called)))
                return called
            except CallFailed as failure:
                n_failures += failure.kind != "throttled"
                n_timeouts += failure.kind == "timeout"
                pause = self._pause(failure, number)
                waited = time.monotonic() - started + pause
                hopeless = failure.kind in ("unusable", "refused") or n_failures > self._retries()
                if hopeless or pause > MAX_PAUSE or waited > PATIENCE * self.health.latencies.most:
                    raise
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.ended():
            await asyncio.sleep(min(left, LOOK_SECONDS))

    def _retries(self) -> int:
        return self.retries if self.health.proven else min(self.retries, 2)

    def _pause(self, failure: CallFailed, number: int) -> float:
        """Return the seconds until the next request: as the provider asks, else twice as long after every failure.

        A provider that asks for no pause and goes on to refuse gets one, which grows to a second.
        """
        if failure.retry_after is not None:
            return max(failure.retry_after, min(1.0, 0.01 * 2.0 ** min(number - 1, 10)))
        if failure.kind == "timeout":
            return 0.0
        return float(min(30.0, self.backoff_seconds * 2 ** (number - 1)) * random.uniform(0.5, 1.0))

    async def _request(self, request: Mapping[str, Any], number: int, n_timeouts: int) -> Called:
        async with self.limiter:
            if self.health.unusable:
                raise ModelError(self.health.unusable)
            if self.ended():
                raise CallFailed(f"{self.model.model}: not asked, since the run has ended", "refused", sent=False)
            self.budget.start()
            cost, started, mark = 0.0, time.perf_counter(), time.monotonic()
            try:
                called = await self._in_time(request, n_timeouts)
            except CallFailed as failure:
                if failure.kind == "throttled":
                    self.limiter.throttled(mark, min(MAX_PAUSE, failure.retry_after or 0.0))
                elif failure.kind == "timeout":  # the provider may well charge for it
                    cost = self._estimate(request)
                if failure.sent:
                    self.log(Attempt(number, elapsed_ms(started), error=str(failure)))
                raise
            except asyncio.CancelledError:
                self.log(Attempt(number, elapsed_ms(started), error="cancelled"))
                raise
            else:
                self.limiter.succeeded()
                self.health.latencies.add(called.latency_ms / 1000)
                cost = self._estimate(request, called) if called.cost_usd is None else called.cost_usd
                return called
            finally:
                self.budget.end(cost)

    async def _in_time(self, request: Mapping[str, Any], n_timeouts: int) -> Called:
        """Return the reply to one request, given up by what is known of the latencies by then, not when it was made."""
        latencies, started = self.health.latencies, time.monotonic()
        task = asyncio.ensure_future(self.transport.call(self.model, request, latencies.most))
        try:
            while not task.done():
                left = latencies.timeout(n_timeouts) - (time.monotonic() - started)
                if left <= 0:
                    seconds = time.monotonic() - started
                    raise CallFailed(f"{self.model.model}: no answer in {seconds:.1f} s", "timeout")
                await asyncio.wait({task}, timeout=min(left, LOOK_SECONDS))
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _estimate(self, request: Mapping[str, Any], called: Called | None = None) -> float:
        """Return roughly what a call cost whose usage is not reported; only the budget uses it."""
        price = self._price()
        text = called.text if called else ""
        return (price.of(estimated_tokens(request), len(text) // 4 + 1) or 0.0) if price else 0.0
