"""An evaluator of `evaluators.yaml`, ready to judge: code, a question to a model, or a person's own function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.leakage import normalised
from flywheel_pipeline.ports import Answer, Engine
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import NO_TEXT, CodeEvaluator, Judgement
from flywheel_pipeline.steps.evaluate.evaluators.learned import LearnedJudge, Untrained
from flywheel_pipeline.steps.evaluate.evaluators.own_function import LoadedFunction
from flywheel_pipeline.steps.evaluate.evaluators.text import TextEvaluator
from flywheel_pipeline.steps.evaluate.evaluators.tone import Tone

PREFIX = "check:"
"""What the names of these evaluators begin with in `eval_results`."""


AnyEvaluator = CodeEvaluator | LearnedJudge | Untrained | Tone | LoadedFunction


@dataclass(frozen=True)
class Check:
    """An evaluator under its name in the file: what it guards, and how it may decide.

    Attributes:
        mode_id: the failure mode that a fail of it shows; None judges every answer for a property of its own.
        requirement: it is what was agreed, not a measurement of it: its verdict counts without labels.
        when: it is only about messages with one of these phrases, and passes answers to all others.
        made_with: what its settings leave open and this installation decided, for example the embedder.
    """

    name: str
    kind: str
    evaluator: AnyEvaluator
    settings: Mapping[str, Any] = field(default_factory=dict)
    mode_id: str | None = None
    requirement: bool = False
    when: tuple[str, ...] = ()
    made_with: str = ""

    @property
    def row_name(self) -> str:
        """Its name in the tables."""
        return PREFIX + self.name

    @property
    def reads_text(self) -> bool:
        """Whether it judges the answer's text and nothing else; tool calls alone then have no verdict of it."""
        return isinstance(self.evaluator, TextEvaluator | LearnedJudge | Tone)

    @property
    def asks(self) -> bool:
        """Whether it asks a model."""
        return isinstance(self.evaluator, Tone)

    def version(self, model: str) -> str:
        """Return a hash of all that decides its judgement beside case and answer: code, settings, a model's name."""
        parts = [
            self.kind,
            self.evaluator.code_version,
            self.settings,
            self.when,
            self.made_with,
            model if self.asks else "",
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:10]

    def concerns(self, case: GoldenCase) -> bool:
        """Return whether the case's message has one of the phrases of `when`, as whole words and without case."""
        asked = f" {normalised(case.input)} "
        return not self.when or any(f" {normalised(phrase)} " in asked for phrase in self.when)


@dataclass(frozen=True)
class Judged:
    """A judgement, and what it took: `cost_usd` is None where it is not known, as for a person's own function."""

    judgement: Judgement
    cost_usd: float | None = 0.0
    cached: bool = False


NOT_CONCERNED = Judgement("pass", "the message has none of the phrases that this check is about")


async def judge_answer(
    check: Check, case: GoldenCase, answer: Answer, app: str, engine: Engine, repeat: int = 0
) -> Judged:
    """Judge an answer that exists. A bug of an evaluator in code breaks its judgement, not the run."""
    evaluator = check.evaluator
    if not check.concerns(case):
        return Judged(NOT_CONCERNED)
    if check.reads_text and not answer.has_text and answer.tool_calls:
        return Judged(Judgement(None, NO_TEXT, broken=True))
    if isinstance(evaluator, Tone):
        reply = await engine.reply(evaluator.ask(case, answer.output or "", app, repeat))
        return Judged(evaluator.read(reply), reply.cost_usd, reply.cached)
    try:
        if isinstance(evaluator, LoadedFunction):
            found = await evaluator.judge(case, answer)
        else:
            found = evaluator.check(case, answer)
    except SettingsError:
        raise
    except Exception as error:  # whatever a function, or the value that it returns, raises
        found = Judgement(None, f"{type(error).__name__}: {error}"[:500], broken=True)
    return Judged(found, cost_usd=None if isinstance(evaluator, LoadedFunction) else 0.0)
