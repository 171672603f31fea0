"""The evaluator `contains`: the answer holds required words or phrases."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.phrases import occurs, seen
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, TextEvaluator, Texts, quoted


@dataclass(frozen=True, config=SETTINGS)
class Contains(TextEvaluator):
    """The answer contains all of `texts`, or with `require: any` one of them.

    Case, line breaks and Markdown's emphasis do not matter; with `whole_words`, "art" is not in "part".
    """

    kind: ClassVar[str] = "contains"
    code_version: ClassVar[str] = "1"

    texts: Texts
    require: Literal["all", "any"] = "all"
    whole_words: bool = True
    ignore_case: bool = True

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text; the score is the share of `texts` that it contains."""
        shown = seen(text, self.ignore_case)
        missing = [t for t in self.texts if not occurs(t, shown, self.whole_words, self.ignore_case)]
        enough = not missing if self.require == "all" else len(missing) < len(self.texts)
        score = 1 - len(missing) / len(self.texts)
        if enough:
            n = len(self.texts)
            return Judgement("pass", f"the answer contains {n - len(missing)} of {n} required phrases", score)
        return Judgement("fail", f"the answer does not contain {', '.join(map(quoted, missing[:5]))}", score)
