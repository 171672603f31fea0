"""Stand-ins for the ports, named after what they replace; they record what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from flywheel_pipeline.ports import Answer, Ask, Reply
from flywheel_pipeline.prompting import read_fence
from flywheel_pipeline.records import EvalResult, GoldenCase, PromptVersion

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class FakeLLM:
    """An `Engine` whose answers a function decides: given the ask's data it returns the parsed reply, or an error."""

    answer: Callable[[Any], BaseModel | str]
    asked: list[Ask] = field(default_factory=list)

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        self.asked += asks
        return [self._reply(a) for a in asks]

    def map(self, work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        async def run() -> list[R]:
            return [await work(item) for item in items]

        return asyncio.run(run())

    async def reply(self, ask: Ask) -> Reply:
        return self.ask([ask])[0]

    def _reply(self, ask: Ask) -> Reply:
        found = self.answer(read_fence(ask.messages[-1]["content"]))
        return Reply(None, error=found) if isinstance(found, str) else Reply(found.model_dump_json(), parsed=found)


@dataclass
class FakeApp:
    """An `App` whose answers a function of the prompt and the case decides."""

    reply: Callable[[str, GoldenCase], Answer]
    version: str = "app-1"
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def answer(self, prompt: str, case: GoldenCase, repeat: int = 0) -> Answer:
        self.asked.append((case.case_id, repeat))
        return self.reply(prompt, case)


class FakeEmbed:
    """An `Embed` by bag of words over all texts of a call: equal texts are equal, disjoint ones orthogonal."""

    def embed(self, texts: Sequence[str]) -> Any:
        words = sorted({w for t in texts for w in t.lower().split()})
        rows = np.array([[float(t.lower().split().count(w)) for w in words] for t in texts]).reshape(len(texts), -1)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


@dataclass
class FakeEvaluate:
    """An `Evaluate` whose rows a function of the prompt's text and the case decides; remembers what it evaluated."""

    label: Callable[[str, GoldenCase], str]
    evaluator: str = "judge:fm-1"
    evaluated: list[tuple[str, list[str]]] = field(default_factory=list)

    def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        from flywheel_pipeline_tests.builders import an_eval_result

        self.evaluated.append((prompt.text, [c.case_id for c in cases]))
        return [
            an_eval_result(
                case_id=c.case_id,
                prompt_version=prompt.version,
                evaluator=self.evaluator,
                label=self.label(prompt.text, c),
            )
            for c in cases
        ]
