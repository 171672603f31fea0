"""A Python callable as the app under test: `module:function`, sync or async."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.apps.calls import Calls
from flywheel_pipeline.adapters.apps.common import answer_of, question_of, version_of
from flywheel_pipeline.adapters.apps.own_function import load_function
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase


class FunctionApp:
    """Calls `function(question)` with a mapping of `prompt`, `input`, `messages`, `documents` and `variables`.

    It returns a text, or a mapping of `common.FIELDS`. A sync function runs in one of `workers` threads, an async one
    at most `workers` times at once. `folder` is put before the paths that modules are looked for on. A call that takes
    longer than `timeout_seconds` is an error; a thread cannot be stopped and runs on until the process ends.
    """

    def __init__(self, name: str, folder: Path, workers: int = 8, timeout_seconds: float = 60) -> None:
        self.name = name
        self.folder = folder
        self.timeout_seconds = timeout_seconds
        self._calls = Calls(workers, "flywheel-app")

    @cached_property
    def version(self) -> str:
        """A hash of the function's name and of the file that it stands in; what that file imports is not seen."""
        source = inspect.getsourcefile(inspect.unwrap(self._function))
        return version_of(self.name, Path(source).read_text("utf-8") if source else "")

    async def answer(self, prompt: str, case: GoldenCase, repeat: int = 0) -> Answer:
        """Answer one case; an exception of the function is an error of the answer."""
        question, function = question_of(prompt, case), self._function
        async with self._calls.slot():
            started = time.perf_counter()
            try:
                value = await self._calls.call(function, question, seconds=self.timeout_seconds)
            except (asyncio.TimeoutError, TimeoutError):
                return Answer(None, f"{self.name}: no answer in {self.timeout_seconds:g} s", _ms(started))
            except Exception as error:  # whatever the app raises
                return Answer(None, f"{self.name}: {type(error).__name__}: {error}"[:500], _ms(started))
            return answer_of(value, _ms(started))

    @cached_property
    def _function(self) -> Callable[[dict[str, Any]], Any]:
        return load_function(self.name, self.folder, "app.function")


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
