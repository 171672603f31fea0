"""Group commit: all waiting lines are written together and share one fsync."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from flywheel_pipeline.web.capture.landing import LandingFile

log = logging.getLogger(__name__)


class NotWrittenError(Exception):
    """The lines are not on the disk; the message says why."""


class Appender:
    """A queue of lines from the requests of one event loop, written by one thread."""

    def __init__(self, file: LandingFile) -> None:
        self._file = file
        self._waiting: list[tuple[bytes, asyncio.Future[str]]] = []
        self._wake = asyncio.Event()
        self._closed = False
        self._problem = ""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"landing-{file.prefix}")
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def append(self, lines: bytes) -> None:
        """Write `lines`; they are on the disk when this returns.

        Raises:
            NotWrittenError: they are not and will not be.
        """
        if self._closed:
            raise NotWrittenError("the endpoint is shutting down")
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, done))
        self._wake.set()
        if problem := await done:
            raise NotWrittenError(problem)

    async def close(self) -> None:
        """Write the waiting lines and close the file."""
        self._closed = True
        self._wake.set()
        await self._task
        await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting or not self._closed:
            await self._work_or_rotation()
            batch, self._waiting = self._waiting, []
            self._wake.clear()
            problem = await loop.run_in_executor(self._thread, self._commit, [lines for lines, _ in batch])
            for _, done in batch:
                if not done.done():  # its request may have been cancelled
                    done.set_result(problem)

    async def _work_or_rotation(self) -> None:
        left = self._file.seconds_left()
        try:
            await asyncio.wait_for(self._wake.wait(), left)
        except asyncio.TimeoutError:
            return

    def _commit(self, lines: list[bytes]) -> str:
        """Write the lines; return the error message for the waiting requests, "" on success."""
        try:
            if lines:
                self._file.write(b"".join(lines))
            else:
                self._file.rotate_if_due()
        except Exception as error:
            problem = f"cannot write to {self._file.folder}: {error}"
        else:
            problem = ""
        if problem != self._problem:
            log.warning(problem or f"writing to {self._file.folder} again")
        self._problem = problem
        return problem
