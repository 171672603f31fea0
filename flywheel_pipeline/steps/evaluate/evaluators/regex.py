"""The evaluator `regex`: the answer matches a regular expression, or must not."""

from __future__ import annotations

from typing import ClassVar

from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.re2_patterns import Pattern, search
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, TextEvaluator, quoted


@dataclass(frozen=True, config=SETTINGS)
class Regex(TextEvaluator):
    """`pattern`, in RE2's syntax, is found anywhere in the answer; with `must_match: false`, nowhere.

    Flags stand in the pattern: `(?i)` ignores case, `(?m)` lets `^` and `$` match at every line, `(?s)` lets `.`
    match line breaks.
    """

    kind: ClassVar[str] = "regex"
    code_version: ClassVar[str] = "1"

    pattern: Pattern
    must_match: bool = True

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text."""
        found = search(self.pattern, text)
        label = "pass" if (found is not None) == self.must_match else "fail"
        if found is None:
            return Judgement(label, f"nothing matches {quoted(self.pattern)}")
        return Judgement(label, f"{quoted(found)} matches {quoted(self.pattern)}")
