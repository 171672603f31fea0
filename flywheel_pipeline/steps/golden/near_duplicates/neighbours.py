"""How similar one question is to many others, by the words that they share.

The similarity is the cosine of binary TF-IDF vectors (Salton & Buckley 1988, "Term-weighting approaches in automatic
text retrieval"): 1 for the same words, 0 for none in common. Rare words weigh more; endings, numbers, greetings and the
words that any question may have do not count.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from flywheel_pipeline.steps.golden.near_duplicates.normalise import telling, tokens

Terms = frozenset[str]
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Letters of scripts that put no space between words."""


def terms_of(text: str) -> Terms:
    """Return the stems of the words that a question consists of; of a script without spaces its pairs of letters.

    A question of nothing but common words consists of these.
    """
    words = tokens(text)
    return frozenset(part for word in telling(words) or sorted(set(words)) for part in _parts(word))


def _parts(word: str) -> Iterable[str]:
    if len(word) < 3 or not _UNSPACED.search(word):
        return (word,)
    return (word[k : k + 2] for k in range(len(word) - 1))


@dataclass(frozen=True)
class TermWeights:
    """How much each term says: ln((1 + n) / (1 + questions with it)) + 1, measured on `n` questions."""

    n: int = 0
    n_with: Counter[str] = field(default_factory=Counter)

    @classmethod
    def measured(cls, questions: Iterable[Terms]) -> TermWeights:
        """Return the weights as these questions give them."""
        listed = list(questions)
        return cls(len(listed), Counter(term for terms in listed for term in terms))

    def of(self, term: str) -> float:
        """Return the weight of a term, which is highest for one that was in none of the questions."""
        return math.log((1 + self.n) / (1 + self.n_with[term])) + 1

    def squared(self, terms: Collection[str]) -> float:
        """Return the squared length of the vector of a question."""
        return math.fsum(self.of(term) ** 2 for term in terms)

    def similarity(self, one: Terms, other: Terms) -> float:
        """Return the cosine of two questions, 0 where one of them has no terms."""
        lengths = self.squared(one) * self.squared(other)
        return min(1.0, self.squared(one & other) / math.sqrt(lengths)) if lengths else 0.0


def root_of(term: str) -> str:
    """Return the letters of a stem that its inflected words begin with: "batter" of "battery" and "batteries"."""
    return term[:-1] if len(term) > 3 and term.endswith("y") else term
