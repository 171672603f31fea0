"""The evaluator `length`: how long the answer may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.sentences import paragraphs, sentences, words
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, TextEvaluator

_SIZE: Mapping[str, Callable[[str], int]] = {
    "words": lambda text: len(words(text)),
    "characters": lambda text: len(text.strip()),
    "sentences": lambda text: len(sentences(text)),
    "paragraphs": lambda text: len(paragraphs(text)),
}
Limit = Annotated[StrictInt, Field(ge=0)] | None


@dataclass(frozen=True, config=SETTINGS)
class Length(TextEvaluator):
    """The answer has `at_least` to `at_most` `unit`; both ends are included, and one of them may be left out.

    Characters are Unicode's, without whitespace at the ends. In Chinese, Japanese, Thai, Lao, Khmer and Burmese every
    character is a word. Items of lists, headings and rows of tables are sentences.
    """

    kind: ClassVar[str] = "length"
    code_version: ClassVar[str] = "1"

    unit: Literal["words", "characters", "sentences", "paragraphs"] = "words"
    at_least: Limit = None
    at_most: Limit = None

    @model_validator(mode="after")
    def _checked(self) -> Length:
        if self.at_least is None and self.at_most is None:
            raise ValueError("at_least or at_most is needed")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is larger than at_most")
        return self

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text."""
        n = _SIZE[self.unit](text)
        if self.at_least is not None and n < self.at_least:
            return Judgement("fail", f"the answer has {n:,} {self.unit}; at least {self.at_least:,} are asked for")
        if self.at_most is not None and n > self.at_most:
            return Judgement("fail", f"the answer has {n:,} {self.unit}; at most {self.at_most:,} are allowed")
        return Judgement("pass", f"the answer has {n:,} {self.unit}")
