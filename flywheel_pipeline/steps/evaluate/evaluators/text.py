"""What evaluators of an answer's text have in common: when there is a text, and the shapes of their settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement

SETTINGS = ConfigDict(extra="forbid")
"""How evaluators validate their settings: an unknown name or a wrong value raises pydantic's ValidationError.

That is a ValueError, whose `errors()` name the setting and say what is wrong.
"""
QUOTED = 80
"""Characters of an answer that an explanation quotes."""


def listed(value: Any) -> Any:
    """Return a setting that may be one text or a list of them as a list."""
    return (value,) if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
"""A setting that is a text."""
Texts = Annotated[tuple[Text, ...], BeforeValidator(listed), Field(min_length=1)]
"""A setting that is one text or a list of them."""


class TextEvaluator(ABC):
    """A `CodeEvaluator` of the answer's text."""

    kind: ClassVar[str]
    code_version: ClassVar[str]
    longest: ClassVar[int] = 1_000_000
    """Characters of the longest text that is judged; a longer one has no judgement, so that no answer is slow."""

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Judge an answer; no label where there is no text to judge."""
        if answer.error:
            return Judgement(None, f"the app could not be called: {answer.error}", broken=True)
        text = answer.output or ""
        if not text.strip():
            return Judgement(None, "the answer is empty")
        if len(text) > self.longest:
            size = f"{len(text):,} characters; at most {self.longest:,} are judged"
            return Judgement(None, f"the answer has {size}", broken=True)
        return self.judge(case, text)

    @abstractmethod
    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text that is not empty."""


def quoted(text: str) -> str:
    """Return `text` on one line, in quotation marks, cut to `QUOTED` characters."""
    line = " ".join(text[: 4 * QUOTED].split()).encode("utf-8", "replace").decode()
    return f'"{line[:QUOTED]}…"' if len(line) > QUOTED or len(text) > 4 * QUOTED else f'"{line}"'
