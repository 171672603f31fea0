"""Answers kept on disk by everything that decides them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.adapters.apps.common import question_of, version_of
from flywheel_pipeline.ports import Answer, App, Cells
from flywheel_pipeline.records import GoldenCase


@dataclass(frozen=True)
class RememberedApp:
    """An app that is asked the same question only once per repeat; its errors are not kept."""

    app: App
    cells: Cells

    @property
    def version(self) -> str:
        """The version of the app itself."""
        return self.app.version

    async def answer(self, prompt: str, case: GoldenCase, repeat: int = 0) -> Answer:
        """Answer from disk, else from the app; see `ports.App`."""
        key = f"answer-{version_of(self.app.version, question_of(prompt, case), repeat)}"
        if (kept := self.cells.get(key)) is not None:
            return _restored(kept)
        answer = await self.app.answer(prompt, case, repeat)
        if answer.error is None:
            self.cells.put(key, {**vars(answer), "tool_calls": [dict(c) for c in answer.tool_calls]})
        return answer


def _restored(kept: Any) -> Answer:
    answer = Answer(**{**kept, "tool_calls": tuple(kept["tool_calls"])})
    return replace(answer, retrieved_doc_ids=tuple(answer.retrieved_doc_ids), cached=True)
