"""The evaluator `language`: the answer is in one of the languages it should be in."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.sentences import without_code
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, TextEvaluator, Texts

READ = 5_000
"""Characters from the beginning of a text that decide its language."""
FEWEST_LETTERS = 12
CLEAR = 3.0
"""How many times as likely as any other a language must be, and `LEAST` its probability, for a verdict."""
LEAST = 0.3
_NO_PROSE = re.compile(r"`[^`\n]*`|(?:https?://|www\.)\S+|[^\s@]{1,64}@\S+|\d+|[*_#>|~=]+")
_RELATED = ({"da", "no", "nb", "nn"}, {"hr", "sr", "bs"}, {"id", "ms"}, {"cs", "sk"}, {"zh", "wuu", "yue"})
"""Languages that a few sentences cannot distinguish: between two of them there is no verdict."""


def _known(codes: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [c for c in codes if c not in _identifier().labels]
    if unknown:
        raise ValueError(f"unknown language {', '.join(unknown)}: name languages by their ISO 639 code, such as en")
    return codes


@dataclass(frozen=True, config=SETTINGS)
class Language(TextEvaluator):
    """The answer is in one of `languages` (ISO 639-1 codes), or with `question` in the language of the question.

    Code, links, e-mail addresses and numbers do not count. Short texts, mixed ones and closely related languages are
    `unsure`. Probabilities are those of py3langid (Lui & Baldwin 2012; BSD, 4.6 MB with its model).
    """

    kind: ClassVar[str] = "language"
    code_version: ClassVar[str] = "1"

    languages: Annotated[Texts, AfterValidator(_known)] | Literal["question"]

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text; the score is the probability of the accepted languages."""
        wanted = self.languages if isinstance(self.languages, tuple) else _only(case.input)
        if not wanted:
            return Judgement("unsure", "the language of the question is not clear")
        shares = probabilities(text)
        if not shares:
            return Judgement("unsure", "too short a text for its language to be clear")
        accepted = sum(p for c, p in shares.items() if c in wanted)
        other, p = max(((c, p) for c, p in shares.items() if c not in wanted), key=lambda s: s[1], default=("", 0.0))
        names = " or ".join(wanted)
        if accepted >= max(LEAST, CLEAR * p):
            return Judgement("pass", f"the answer is in {names} ({accepted:.0%})", accepted)
        related = any(other in group and group & set(wanted) for group in _RELATED)
        if p >= max(LEAST, CLEAR * accepted) and not related:
            return Judgement("fail", f"the answer is in {other} ({p:.0%}), not in {names}", accepted)
        return Judgement("unsure", f"the language is not clear: {names} {accepted:.0%}, {other} {p:.0%}", accepted)


def probabilities(text: str) -> dict[str, float]:
    """Return {ISO 639 code: probability} of a text's language; empty for a text of too few letters."""
    prose = _NO_PROSE.sub(" ", without_code(text[:READ]))
    letters = sum(2 if ord(c) > 0x2E7F else 1 for c in prose if c.isalpha())
    if letters < FEWEST_LETTERS:
        return {}
    return {code: float(p) for code, p in _identifier().rank(" ".join(prose.split()))}


def _only(question: str) -> tuple[str, ...]:
    shares = sorted(probabilities(question).items(), key=lambda s: -s[1])[:2]
    return (shares[0][0],) if len(shares) == 2 and shares[0][1] >= max(LEAST, CLEAR * shares[1][1]) else ()


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
