"""Ask the app and the models anew for what was asked before: a repetition that no cache holds.

The baseline that a candidate is compared with is evaluated beside it, by the same models on the same day. Otherwise a
provider's silent change between two runs would be credited to the candidate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.ports import Answer, App, Ask, Engine, Reply
from flywheel_pipeline.records import GoldenCase

T = TypeVar("T")
R = TypeVar("R")

STEP = 1_000
"""More than the repeats of one evaluation, so that no two tokens share one."""


def first_repeat(token: str) -> int:
    """Return the number of the first repeat under a token: the same every time, so that a killed run goes on."""
    return (1 + int(hashlib.sha256(token.encode()).hexdigest()[:8], 16)) * STEP


@dataclass(frozen=True)
class FreshApp:
    """An app whose repeats are counted from `start`."""

    app: App
    start: int

    @property
    def version(self) -> str:
        """The version of the app itself."""
        return self.app.version

    async def answer(self, prompt: str, case: GoldenCase, repeat: int = 0) -> Answer:
        """Answer a case; see `ports.App`."""
        return await self.app.answer(prompt, case, self.start + repeat)


@dataclass(frozen=True)
class FreshEngine:
    """Models whose repeats are counted from `start`; see `ports.Engine`."""

    engine: Engine
    start: int

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all of `asks`."""
        return self.engine.ask([self._fresh(a) for a in asks])

    def map(self, work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        """Run `work` on every item."""
        return self.engine.map(work, items)

    async def reply(self, ask: Ask) -> Reply:
        """Answer one ask."""
        return await self.engine.reply(self._fresh(ask))

    def _fresh(self, ask: Ask) -> Ask:
        return replace(ask, repeat=self.start + ask.repeat)


def app_varies(bench: Workbench) -> bool:
    """Return whether the app may answer otherwise when it is asked again; recorded and offline answers do not."""
    app = bench.settings.app
    if app.function or app.http:
        return True
    return not app.recorded and _is_real(bench.model_name("app"))


def outcomes_vary(bench: Workbench) -> bool:
    """Return whether the same prompt may have another outcome when it is evaluated again."""
    return app_varies(bench) or _is_real(bench.model_name("judge"))


def _is_real(model: str) -> bool:
    return not model.startswith("offline/")
