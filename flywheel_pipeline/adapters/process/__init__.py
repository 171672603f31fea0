"""A process of its own for work that would keep an event loop waiting.

A thread would not do: the parsers of protobuf and JSON hold the interpreter's lock from the first byte to the last.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

Result = TypeVar("Result")
NICENESS = 10
"""Where processors are scarce, the event loop has them before the work that would keep it waiting."""


class ProcessDiedError(Exception):
    """The process ended before the work was done, usually for want of memory."""


class OwnProcess:
    """One process that does one piece of work after the other; when it dies, the next piece gets a new one."""

    def __init__(self) -> None:
        self._pool = _start()

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return `function(*arguments)`: a function of a module that is quick to import, and arguments to pickle.

        Raises:
            ProcessDiedError: the process died.
            Exception: what the function raises.
        """
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool:
            if self._pool is pool:
                self._pool = _start()
            raise ProcessDiedError from None

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown(cancel_futures=True)


def _start() -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads that run here
    pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_end_with_parent)
    pool.submit(os.getpid)  # starts the process now, not when the first piece of work waits for it
    return pool


def _end_with_parent() -> None:
    """Let the parent go first, leave signals to it, and end when it does, also when it is killed."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
