"""What an evaluator says of one answer, and what every evaluator written in code looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase

NO_TEXT = "the answer has no text, only tool calls: nothing here is judged by its text"
"""Why what reads an answer's text gives no verdict; that is an error, so that the case is not known by it."""


@dataclass(frozen=True)
class Judgement:
    """An evaluator's judgement of one answer.

    `label` is `pass`, `fail` or `unsure` (an abstention), or None where there is no judgement; `explanation` is then
    the reason: the evaluator does not apply to the case, or, where `broken`, it should have judged and could not.
    `score` is from 0 to 1, None where the label says everything.
    """

    label: str | None
    explanation: str
    score: float | None = None
    broken: bool = False


class CodeEvaluator(Protocol):
    """An evaluator in code: its fields are its settings, named as in `evaluators.yaml`.

    `kind` is its name in that file, `code_version` changes whenever the same settings would judge differently.
    """

    kind: ClassVar[str]
    code_version: ClassVar[str]

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Judge an answer that exists; what cannot be decided is None or `unsure`, never a guess."""
        ...
