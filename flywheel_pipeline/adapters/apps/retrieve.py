"""A person's own retrieval, to measure it: `function(question, **options)` returns documents or their ids."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.apps.calls import Calls
from flywheel_pipeline.adapters.apps.own_function import load_function

WORKERS = 8
"""Calls at once."""


class OwnRetrieval:
    """Calls `module:function`, looked for in `folder` first; a call that takes longer than `timeout_seconds` fails."""

    def __init__(self, name: str, folder: Path, timeout_seconds: float = 60) -> None:
        self.name = name
        self._seconds = timeout_seconds
        self._calls = Calls(WORKERS, "flywheel-retrieval")
        self._function = load_function(name, folder, "app.retrieval.function")

    def ask_all(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[tuple[tuple[str, ...], str]]:
        """Return (ids in their order, error) for each (question, options); one of the two is empty."""

        async def run() -> list[tuple[tuple[str, ...], str]]:
            return await asyncio.gather(*(self._ask(question, options) for question, options in asked))

        return asyncio.run(run())

    async def _ask(self, question: str, options: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
        async with self._calls.slot():
            try:
                found = await self._calls.call(_bound(self._function, options), question, seconds=self._seconds)
                return ids_of(found), ""
            except (asyncio.TimeoutError, TimeoutError):
                return (), f"{self.name}: nothing in {self._seconds:g} s"
            except Exception as error:  # whatever the function raises
                return (), f"{self.name}: {type(error).__name__}: {error}"[:500]


def ids_of(found: Any) -> tuple[str, ...]:
    """Return the ids of what a retrieval returned: a list of ids, or of mappings with `id` or `doc_id`.

    Raises:
        TypeError: it is no list, or an item has no id.
    """
    if not isinstance(found, list | tuple):
        raise TypeError(f"a retrieval returns a list of documents, not {type(found).__name__}")
    ids = [(x.get("id") or x.get("doc_id")) if isinstance(x, Mapping) else x for x in found]
    if any(not isinstance(i, str | int) or isinstance(i, bool) or i == "" for i in ids):
        raise TypeError("each document needs an id: a text, or a mapping with `id`")
    return tuple(map(str, ids))


def _bound(function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[[str], Any]:
    async def call_async(question: str) -> Any:
        return await function(question, **options)

    def call(question: str) -> Any:
        return function(question, **options)

    return call_async if asyncio.iscoroutinefunction(function) else call
