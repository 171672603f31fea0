"""The evaluator `forbidden`: words and phrases that an answer must not hold."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.phrases import occurs, seen
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, TextEvaluator, Texts, quoted


@dataclass(frozen=True, config=SETTINGS)
class Forbidden(TextEvaluator):
    """The answer contains none of `texts`; with `fail_on: all` it fails only if it contains every one of them.

    Words are whole words ("refund" is not in "refunds": list both, or set `whole_words: false`). Case, line breaks,
    Markdown's emphasis, invisible characters and lookalike letters do not hide one.
    """

    kind: ClassVar[str] = "forbidden"
    code_version: ClassVar[str] = "1"

    texts: Texts
    fail_on: Literal["any", "all"] = "any"
    whole_words: bool = True
    ignore_case: bool = True

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text."""
        shown = seen(text, self.ignore_case)
        found = [t for t in self.texts if occurs(t, shown, self.whole_words, self.ignore_case)]
        if len(found) >= (1 if self.fail_on == "any" else len(self.texts)):
            return Judgement("fail", f"the answer contains {', '.join(map(quoted, found[:5]))}")
        return Judgement("pass", f"the answer contains {len(found)} of {len(self.texts)} forbidden phrases")
