"""The `Engine` port: models by role, with cache, limits, retries and a log of every request."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from flywheel_pipeline.adapters.llm.budget import Budget
from flywheel_pipeline.adapters.llm.caller import Attempt, Caller, Health
from flywheel_pipeline.adapters.llm.calling import (
    Called,
    CallFailed,
    LitellmTransport,
    OfflineTransport,
    RoleModel,
    Transport,
)
from flywheel_pipeline.adapters.llm.limiter import Latencies, Limiter
from flywheel_pipeline.adapters.llm.offline import BEHAVIOURS
from flywheel_pipeline.adapters.llm.progress import Progress
from flywheel_pipeline.adapters.llm.request import build_request, cache_key, insisting, parse_reply
from flywheel_pipeline.adapters.llm.store import ReplyStore
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.records import LLMCall

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")

STAND_IN = (
    "the offline stand-in answers as %s: a deterministic program, not a language model. "
    "Name a real model in flywheel.yaml (models:) or in FLYWHEEL_MODEL."
)

CUT_OFF = ("length", "max_tokens", "model_length")
WITHHELD = (
    "content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "refusal", "error", "abort",
    "cancelled", "malformed_function_call", "insufficient_system_resource",
)  # fmt: skip
"""Reasons to stop, in lower case, with which a reply is not whole; servers have many words for a whole one."""

_announced: set[tuple[str, ...]] = set()
"""The roles, together, whose stand-in this process has announced."""


@dataclass(frozen=True)
class CallLimits:
    """Bounds on the calls of one client, which lives for one step of a run; money is bounded by `Budget`."""

    concurrency: int
    retries: int
    timeout_seconds: float
    backoff_seconds: float = 1.0


@dataclass
class Run:
    """What belongs to one run of `map`, and to its event loop."""

    batch: str
    progress: Progress
    transports: dict[str, Transport] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    flying: dict[str, asyncio.Task[Reply]] = field(default_factory=dict)
    cached_rows: list[LLMCall] = field(default_factory=list)
    ended: bool = False


@dataclass
class ModelClient:
    """The models of one home, one per role.

    `on_calls` receives the name of a batch and all its `LLMCall`s at the end of every run, also when it ends in an
    error. A later client hands on what a killed process left.
    """

    models: Mapping[str, RoleModel]
    store: ReplyStore
    limits: CallLimits
    clock: Callable[[], datetime]
    on_calls: Callable[[str, list[LLMCall]], None]
    budget: Budget = field(default_factory=Budget)
    _limiters: dict[str, Limiter] = field(default_factory=dict)
    _health: dict[str, Health] = field(default_factory=dict)
    _run: Run | None = None

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all of `asks` with up to `limits.concurrency` calls in flight per endpoint; see `ports.LLM`."""
        for role in {a.role for a in asks}:
            self._model(role)
        return self.map(self.reply, asks)

    def map(self, work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        """Run `work` on every item, many at a time; see `ports.Engine`."""
        if not items:
            return []
        run = self._run = Run(uuid.uuid4().hex, Progress(len(items)))
        gc.freeze()  # what exists now lives on: the collector need not look at it again
        try:
            return _in_own_loop(self._work(run, work, items))
        finally:
            gc.unfreeze()
            self._run = None
            self._hand_on(run)

    async def reply(self, ask: Ask) -> Reply:
        """Answer one ask, inside `map`; two equal asks are one call."""
        run = self._run
        if run is None:
            raise RuntimeError("ModelClient.reply is called outside of ModelClient.map")
        model = self._model(ask.role)
        request = build_request(ask, model)
        key = cache_key(request, ask.repeat)
        if key in run.flying:  # paid for by whoever asked first
            reply = await asyncio.shield(run.flying[key])
            return reply if reply.error else replace(reply, cached=True)
        if (kept := _kept(self.store.get(key), ask)) is not None:
            run.progress.n_cached += 1
            run.cached_rows.append(self._row(ask.role, Attempt(1, kept.latency_ms), cached=True))
            return kept
        task = run.flying[key] = asyncio.ensure_future(self._make(run, ask, request, key))
        task.add_done_callback(lambda t: _landed(run, key, t))
        return await asyncio.shield(task)

    def kept(self, ask: Ask) -> Reply | None:
        """Return the reply that is kept for an ask, None where it would have to be asked for."""
        request = build_request(ask, self._model(ask.role))
        return _kept(self.store.get(cache_key(request, ask.repeat)), ask)

    def record(self, call: LLMCall) -> None:
        """Add a call that was not made by this client to the log, and hand it on."""
        run = Run(uuid.uuid4().hex, Progress(1))
        self.store.log_call(run.batch, call)
        self._hand_on(run)

    async def _work(self, run: Run, work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        results: dict[int, R] = {}
        waiting = iter(enumerate(items))

        async def worker() -> None:
            for i, item in waiting:
                results[i] = await work(item)
                run.progress.done()

        # More workers than calls in flight: some wait before a retry, or for the answer to an equal ask.
        n_workers = min(2 * self.limits.concurrency, len(items))
        workers = [asyncio.ensure_future(worker()) for _ in range(n_workers)]
        try:
            await asyncio.gather(*workers)
        except asyncio.CancelledError:  # interrupted: what is in flight is not waited for
            for call in run.flying.values():
                call.cancel()
            raise
        finally:  # after an error the calls in flight are finished and kept: they are paid for; no other is made
            run.ended = True
            for limiter in self._limiters.values():
                limiter.resume()
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, *run.flying.values(), return_exceptions=True)
            for transport in run.transports.values():
                await transport.close()
            run.progress.end()
        return [results[i] for i in range(len(items))]

    async def _make(self, run: Run, ask: Ask, request: Mapping[str, Any], key: str) -> Reply:
        caller = self._caller(run, ask.role)
        try:
            first = reply = _checked(ask, await caller.call(request, lambda c: _checked(ask, c).error))
            if reply.error and reply.text is not None:  # a whole reply, but not in the shape asked for: once more
                again = insisting(request, reply.text, reply.error)
                reply = _checked(ask, await caller.call(again, lambda c: _checked(ask, c).error))
                reply = replace(reply, cost_usd=_sum(first.cost_usd, reply.cost_usd))
        except CallFailed as failure:
            run.progress.n_errors += 1
            return Reply(None, str(failure))
        if reply.error:
            run.progress.n_errors += 1
            return replace(reply, text=None)
        self.store.put(key, _value(reply))
        return reply

    def _caller(self, run: Run, role: str) -> Caller:
        if role not in run.callers:
            model = self._model(role)
            if model.way not in run.transports:
                run.transports[model.way] = _transport(model.way)
            run.callers[role] = Caller(
                model=model,
                transport=run.transports[model.way],
                limiter=self._limiters.setdefault(model.endpoint, Limiter(self.limits.concurrency)),
                budget=self.budget,
                health=self._health.setdefault(role, Health(Latencies(self.limits.timeout_seconds))),
                retries=self.limits.retries,
                backoff_seconds=self.limits.backoff_seconds,
                log=lambda attempt: self._log(run, role, attempt),
                ended=lambda: run.ended,
            )
        return run.callers[role]

    def _model(self, role: str) -> RoleModel:
        if role not in self.models:
            raise SettingsError(f"no model for the role {role!r}; roles: {', '.join(self.models)}")
        if self.models[role].way == "offline":
            self._announce()
        return self.models[role]

    def _announce(self) -> None:
        """Say once which roles the stand-in plays; a name that it does not know is never asked, or an error."""
        roles = tuple(r for r, m in self.models.items() if m.model.removeprefix("offline/") in BEHAVIOURS)
        if roles and roles not in _announced:
            _announced.add(roles)
            log.warning(STAND_IN, ", ".join(roles))

    def _log(self, run: Run, role: str, attempt: Attempt) -> None:
        row = self._row(role, attempt)
        run.progress.n_calls += 1
        run.progress.cost_usd += row.cost_usd or 0.0
        run.progress.unpriced += row.cost_usd is None and row.error is None
        self.store.log_call(run.batch, row)

    def _row(self, role: str, attempt: Attempt, cached: bool = False) -> LLMCall:
        called = attempt.called or Called("")
        return LLMCall(
            called_at=self.clock(), role=role, model=self.models[role].model,
            input_tokens=called.input_tokens or 0, output_tokens=called.output_tokens or 0,
            cost_usd=0.0 if cached else called.cost_usd, latency_ms=attempt.latency_ms, cached=cached,
            error=attempt.error, attempt=attempt.number, finish_reason=called.finish_reason,
        )  # fmt: skip

    def _hand_on(self, run: Run) -> None:
        """Write everything to disk, then give the calls to `on_calls`, with those that a killed process left."""
        self.store.close()
        logged = self.store.unexported()
        for batch in dict.fromkeys([*logged, run.batch]):
            cached = run.cached_rows if batch == run.batch else []
            if calls := [*self.store.calls(batch), *cached]:
                self.on_calls(batch, sorted(calls, key=lambda c: c.called_at))
        for batch in logged:
            self.store.mark_exported(batch)
        self.store.close()


def _transport(way: str) -> Transport:
    if way == "direct":
        from flywheel_pipeline.adapters.llm.direct import DirectTransport

        return DirectTransport()
    return OfflineTransport() if way == "offline" else LitellmTransport()


def _landed(run: Run, key: str, task: asyncio.Task[Reply]) -> None:
    run.flying.pop(key, None)
    if not task.cancelled():
        task.exception()  # its waiters see it; there may be none any more


def _checked(ask: Ask, called: Called) -> Reply:
    """Return the reply, or the error that it is: empty, cut off, withheld, or not in the shape asked for.

    The text stays beside the error only where asking once more may help.
    """
    reply = Reply(
        called.text, None, None, False, called.latency_ms, called.cost_usd, called.finish_reason, called.tool_calls,
        called.input_tokens or 0, called.output_tokens or 0,
    )  # fmt: skip
    reason = (called.finish_reason or "").lower()
    if reason in CUT_OFF:
        return replace(reply, text=None, error=f"the reply was cut off at max_tokens (finish_reason {reason})")
    if reason in WITHHELD:
        return replace(reply, text=None, error=f"the reply was not finished (finish_reason {reason})")
    if not called.text.strip() and not called.tool_calls:
        return replace(reply, text=None, error="the reply is empty")
    if ask.schema is None:
        return reply
    parsed = parse_reply(called.text, ask.schema)
    return replace(reply, error=parsed) if isinstance(parsed, str) else replace(reply, parsed=parsed)


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _value(reply: Reply) -> dict[str, Any]:
    return {
        "text": reply.text, "finish_reason": reply.finish_reason, "tool_calls": list(reply.tool_calls),
        "input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens, "cost_usd": reply.cost_usd,
        "latency_ms": reply.latency_ms,
    }  # fmt: skip


def _kept(value: Mapping[str, Any] | None, ask: Ask) -> Reply | None:
    """Return the reply that was kept, None where there is none or it does not fit what is asked."""
    if value is None or not isinstance(value.get("text"), str):
        return None
    try:
        reply = Reply(**{**value, "tool_calls": tuple(value.get("tool_calls") or ())}, cached=True)
    except TypeError:
        return None
    if ask.schema is None:
        return reply
    parsed = parse_reply(value["text"], ask.schema)
    return None if isinstance(parsed, str) else replace(reply, parsed=parsed)


def _in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end, in a thread of its own where this thread has a running event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_interruptible(work))
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


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; on Ctrl-C cancel it first, and then call the handler that was set, for example Dagster's.

    Such a handler raises wherever the process happens to be, also in the middle of asyncio's own callbacks.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        return await work
    loop, task, pressed = asyncio.get_running_loop(), asyncio.ensure_future(work), asyncio.Event()

    def stop() -> None:
        pressed.set()
        task.cancel()

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if pressed.is_set():
            handler(signal.SIGINT, None)
        raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, handler)
