"""Calls of a function that a person wrote: some at a time, each with a time limit, none the end of the run."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any


class Calls:
    """Calls functions, at most `workers` at once, a sync one in a thread of its own.

    A thread cannot be stopped: after its time it runs on, but it holds up neither other calls nor the end of the
    process, as it would in a `ThreadPoolExecutor`.
    """

    def __init__(self, workers: int, name: str) -> None:
        self.workers = workers
        self.name = name
        self._slots: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    def slot(self) -> asyncio.Semaphore:
        """Return the semaphore of the running loop; the time that a call waits for it is no time of the call."""
        loop = asyncio.get_running_loop()
        if self._slots is None or self._slots[0] is not loop:
            self._slots = (loop, asyncio.Semaphore(self.workers))
        return self._slots[1]

    async def call(self, function: Callable[..., Any], *given: Any, seconds: float) -> Any:
        """Return what the function returns.

        Raises:
            TimeoutError: it has not returned after `seconds`.
            RuntimeError: it raised what would end more than the call: `SystemExit`, or `StopIteration`.
            Exception: whatever else it raised.
        """
        work = _awaited(function, given) if inspect.iscoroutinefunction(function) else self._threaded(function, given)
        done, value, error = await asyncio.wait_for(work, seconds)
        if not done:
            raise error
        return value

    async def _threaded(self, function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[bool, Any, Any]:
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[tuple[bool, Any, Any]] = loop.create_future()

        def report(found: tuple[bool, Any, Any]) -> None:
            if not finished.done():
                finished.set_result(found)

        def run() -> None:
            found: tuple[bool, Any, Any]
            try:
                found = True, function(*given), None
            except BaseException as error:
                found = False, None, _harmless(error)
            try:
                loop.call_soon_threadsafe(report, found)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

        threading.Thread(target=run, name=self.name, daemon=True).start()
        return await finished


async def _awaited(function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[bool, Any, Any]:
    try:
        return True, await function(*given), None
    except (Exception, SystemExit) as error:
        return False, None, _harmless(error)


def _harmless(error: BaseException) -> Exception:
    """Return an error that can be raised in a coroutine and ends nothing but the call."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration | StopAsyncIteration):
        return error
    return RuntimeError(f"{type(error).__name__}({error})")
