"""The evaluator `exact`: the answer is one of the known-good texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.references import references
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, Text, TextEvaluator, listed, quoted

Difference = Literal["whitespace", "case", "punctuation"]


@dataclass(frozen=True, config=SETTINGS)
class Exact(TextEvaluator):
    """The answer equals one of `texts`, or without them the case's reference or one of its alternatives.

    Differences in `ignore` do not count. By default those are runs of whitespace, and whitespace at the ends; equal
    characters in different encodings (Unicode NFC) are always equal.
    """

    kind: ClassVar[str] = "exact"
    code_version: ClassVar[str] = "1"

    texts: Annotated[tuple[Text, ...], BeforeValidator(listed)] = ()
    ignore: Annotated[tuple[Difference, ...], BeforeValidator(listed)] = ("whitespace",)

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text; no label where there is nothing to compare it with."""
        known = self.texts or references(case)
        if not known:
            return Judgement(None, "the case has no reference")
        mine = normalised(text, self.ignore)
        if any(normalised(t, self.ignore) == mine for t in known):
            return Judgement("pass", "the answer is a known-good one")
        return Judgement("fail", f"the answer is {quoted(text)}, not {quoted(known[0])}{_others(known)}")


def normalised(text: str, ignore: Sequence[Difference]) -> str:
    """Return `text` without the differences that are ignored."""
    made = unicodedata.normalize("NFC", text)
    if "case" in ignore:
        made = unicodedata.normalize("NFC", made.casefold())
    if "punctuation" in ignore:
        made = re.sub(r"[^\w\s]|_", "", made)
    return " ".join(made.split()) if "whitespace" in ignore else made


def _others(known: Sequence[str]) -> str:
    return f" or another of {len(known)} known-good answers" if len(known) > 1 else ""
