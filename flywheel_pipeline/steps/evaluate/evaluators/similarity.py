"""The evaluator `similarity`: the answer means what a known-good answer means, where code can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.facts import Difference, compare
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.references import conversation, references
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, Text, TextEvaluator

EmbedTexts = Callable[[Sequence[str]], Any]
"""Texts to unit vectors, one row per text, as `Embed.embed` makes them."""
Share = Annotated[float, Field(ge=-1, le=1)] | None


@dataclass(frozen=True, config=SETTINGS)
class Similarity(TextEvaluator):
    """The cosine of the answer and a known-good answer is at least `pass_above`, and no fact differs.

    A number, date, name, address or negation that contradicts the reference fails whatever the cosine; one that is
    missing or new makes it `unsure`. So does a cosine between `fail_below` and `pass_above`: ask a judge there.
    Thresholds hold for one `embedder` and one kind of answer: learn them from labels (`calibration.calibrate`), since a
    cosine means nothing by itself. Without them the evaluator only fails contradictions. Of several references the
    best counts. `embed` is not a setting: the program sets it with `with_embed`.
    """

    kind: ClassVar[str] = "similarity"
    code_version: ClassVar[str] = "1"
    longest: ClassVar[int] = 20_000

    embedder: Text = "auto"
    pass_above: Share = None
    fail_below: Share = None
    embed: Annotated[Any, Field(exclude=True)] = field(default=None, compare=False, repr=False)

    @model_validator(mode="after")
    def _checked(self) -> Similarity:
        if self.pass_above is not None and self.fail_below is not None and self.fail_below >= self.pass_above:
            raise ValueError("fail_below must be smaller than pass_above")
        return self

    def with_embed(self, embed: EmbedTexts) -> Similarity:
        """Return the same evaluator with what turns texts into vectors."""
        return Similarity(self.embedder, self.pass_above, self.fail_below, embed)

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text; the score is the cosine, from 0, or None where the facts decide."""
        known = references(case)
        if not known:
            return Judgement(None, "the case has no reference")
        facts = self._facts(case, known, text)
        if all(d.conflict for d in facts):
            return Judgement("fail", f"the answer contradicts the reference: {facts[0].conflict}")
        usable = [(r, d) for r, d in zip(known, facts, strict=True) if not d.conflict]
        scores = self._cosines([r for r, _ in usable], text)
        if scores is None:
            return Judgement(None, "there is nothing to make vectors with", broken=True)
        return self._decided([d for _, d in usable], scores)

    def score(self, case: GoldenCase, text: str) -> float | None:
        """Return the cosine that the thresholds decide by, or None where the facts decide; calibrate with these."""
        known = references(case)
        plain = [
            r for r, d in zip(known, self._facts(case, known, text), strict=True) if not d.conflict and not d.doubt
        ]
        scores = self._cosines(plain, text) if plain else None
        return None if scores is None else max(scores)

    def _facts(self, case: GoldenCase, known: Sequence[str], text: str) -> list[Difference]:
        asked = "\n".join(conversation(case))
        return [compare(reference, text, asked) for reference in known]

    def _cosines(self, known: Sequence[str], text: str) -> list[float] | None:
        if self.embed is None:
            return None
        vectors = np.asarray(self.embed([text, *known]), dtype=float)
        cosines = np.nan_to_num(vectors[1:] @ vectors[0]).clip(0, 1)
        return [round(float(c), 6) for c in cosines]

    def _decided(self, facts: Sequence[Difference], scores: Sequence[float]) -> Judgement:
        """Return the judgement of the references that nothing contradicts."""
        sound = [s for s, d in zip(scores, facts, strict=True) if not d.doubt]
        best = max(scores)
        if self.pass_above is not None and sound and max(sound) >= self.pass_above:
            return Judgement("pass", f"similarity {max(sound):.2f}, and the facts agree", max(sound))
        if self.fail_below is not None and best <= self.fail_below:
            return Judgement("fail", f"similarity {best:.2f}, at most {self.fail_below:.2f} is a fail", best)
        doubt = next((d.doubt for d in facts if d.doubt), "") if not sound else ""
        limits = "no threshold is set" if self.pass_above is None else f"{self.pass_above:.2f} is asked for"
        return Judgement("unsure", f"similarity {best:.2f}; {doubt or limits}", best)
