"""Python functions of a person's own, loaded from the home or from what is installed, sync or async."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from flywheel_pipeline.adapters.apps.calls import Calls
from flywheel_pipeline.adapters.apps.common import question_of, version_of
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase

WORKERS = 8
"""Calls of one function at once."""


class OwnEvaluatorFunction:
    """Calls `function(case, answer)`; `name` is `module:function`, or `evaluators/file.py:function` in `folder`.

    At most `WORKERS` calls run at once, a sync function in a thread. A call that takes longer than `timeout_seconds` is
    an error; a thread cannot be stopped and runs on until the process ends.
    """

    def __init__(self, name: str, folder: Path, timeout_seconds: float = 60) -> None:
        self.name = name
        self.folder = folder
        self.timeout_seconds = timeout_seconds
        self._calls = Calls(WORKERS, "flywheel-evaluator")

    @cached_property
    def version(self) -> str:
        """A hash of the function's name and of the file that it stands in; what that file imports is not seen."""
        source = inspect.getsourcefile(inspect.unwrap(self.function))
        return version_of(self.name, Path(source).read_text("utf-8") if source else "")

    @cached_property
    def function(self) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
        """The function itself.

        Raises:
            SettingsError: there is no such function, or its module cannot be imported.
        """
        place, _, attribute = self.name.rpartition(":")
        try:
            found = getattr(load_module(place, self.folder), attribute)
        except (Exception, SystemExit) as error:  # a module of a person's own may raise anything when it is imported
            reason = f"{type(error).__name__}: {error}"
            raise SettingsError(f"The evaluator function `{self.name}` cannot be imported: {reason}") from error
        if not callable(found):
            raise SettingsError(f"The evaluator function `{self.name}` is not callable")
        return found  # type: ignore[no-any-return]

    async def run(self, case: GoldenCase, answer: Answer) -> tuple[Any, str]:
        """Return (value, problem); see `ports.OwnCode`."""
        function, given = self.function, (case_of(case), given_answer(answer))
        async with self._calls.slot():
            try:
                return await self._calls.call(function, *given, seconds=self.timeout_seconds), ""
            except (asyncio.TimeoutError, TimeoutError):
                return None, f"{self.name}: no judgement in {self.timeout_seconds:g} s"
            except Exception as error:  # whatever the function raises
                return None, f"{self.name}: {type(error).__name__}: {error}"[:500]


def load_function(name: str, folder: Path, setting: str) -> Callable[..., Any]:
    """Return the function `module:function`, looked for in `folder` first; `setting` is what names it, for messages.

    Raises:
        SettingsError: there is no such function, or its module cannot be imported.
    """
    module, _, attribute = name.partition(":")
    file = f"{module.replace('.', '/')}.py"
    try:
        found = getattr(load_module(file if (folder / file).exists() else module, folder), attribute)
    except (Exception, SystemExit) as error:  # a module of a person's own may raise anything when it is imported
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError(f"{setting} `{name}` cannot be imported: {reason}") from error
    if not callable(found):
        raise SettingsError(f"{setting} `{name}` is not callable")
    return found  # type: ignore[no-any-return]


def load_module(place: str, folder: Path) -> ModuleType:
    """Import a module by its name, or a `.py` file of `folder` by its path; what it imports is looked for there, too.

    A file is imported anew under a name of its own, so that two homes may have files of the same name.
    """
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = folder / place
        name = "flywheel_home_" + hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(folder))


def case_of(case: GoldenCase) -> dict[str, Any]:
    """Return what an evaluator function is given of a case."""
    asked = {k: v for k, v in question_of("", case).items() if k != "prompt"}
    return {
        **asked,
        "case_id": case.case_id,
        "mode_id": case.mode_id,
        "reference": case.reference,
        "expected_doc_ids": json.loads(case.expected_doc_ids or "[]"),
        "expected_tool_calls": json.loads(case.expected_tool_calls or "null"),
        "criteria": None if case.criteria_kind == "criticism" else case.criteria,
    }


def given_answer(answer: Answer) -> dict[str, Any]:
    """Return what an evaluator function is given of an answer."""
    return {
        "output": answer.output or "",
        "tool_calls": deepcopy([dict(c) for c in answer.tool_calls]),
        "retrieved_doc_ids": list(answer.retrieved_doc_ids),
        "finish_reason": answer.finish_reason,
    }
