"""Turn comments into vectors: by their words, by an embedding, and by the known failures that they resemble.

Comments lie together by subject: a refund's invented date beside a refund's wrong tone. The second view therefore adds
`known_failures.md`, hundreds of ways to describe the failures that LLM applications are known for: two logistic
regressions, one on words and character n-grams, one on the embedding, learn from it which known failure a comment
resembles. On comments of other authors this view groups no better than words and embedding alone, so it is used only
where the data at hand speak for it: see `group` and `classify`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.prompting import load_prompt

Floats = NDArray[np.float64]

WEIGHT = 2.0
"""Weight of the probabilities of the known failures in the second view; words and embedding have 1."""

MAX_DIMENSIONS, EXACT = 256, 1_000
"""Dimensions that the words are reduced to, and texts up to which that is done exactly."""

MAX_TEXT = 2_000
"""Characters of a text that are compared."""


@dataclass(frozen=True)
class Views:
    """Two views of the same texts, each (texts, dimensions) of unit rows; a text without words is a row of zeros.

    Attributes:
        plain: words, character n-grams and the embedding.
        informed: the same and the probabilities of the known failures.
    """

    plain: Floats
    informed: Floats

    def __getitem__(self, rows: Any) -> Views:
        """Return the views of some of the texts."""
        return Views(self.plain[rows], self.informed[rows])


@lru_cache(maxsize=1)
def known_failures() -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Return the names of the known failures, the phrases, and the number of the failure that each phrase means."""
    names: list[str] = []
    phrases, meant = [], []
    for line in load_prompt(__package__, "known_failures").splitlines():
        if line.startswith("## "):
            names.append(line[3:].strip())
        elif line.startswith("- "):
            phrases.append(line[2:].strip())
            meant.append(len(names) - 1)
    return tuple(names), tuple(phrases), tuple(meant)


def view_texts(texts: Sequence[str], embed: Embed) -> Views:
    """Return the views of `texts`; only views of one call are comparable with each other."""
    from threadpoolctl import threadpool_limits

    if not texts:
        return Views(np.zeros((0, 1)), np.zeros((0, 1)))
    shown = [t[:MAX_TEXT] for t in texts]
    _, phrases, meant = known_failures()
    vectors = np.asarray(embed.embed([*shown, *phrases]), dtype=np.float64)
    own, phrase_vectors = vectors[: len(shown)], vectors[len(shown) :]
    with threadpool_limits(1):  # on so little data threads cost more than they save, far more on a busy machine
        plain = _unit(np.hstack([_word_vectors(shown), _unit(own)]))
        taught, asked = _in_span(phrase_vectors, own)
        by_embedding = _regression(10.0).fit(taught, meant).predict_proba(asked)
        informed = _unit(np.hstack([plain, WEIGHT * (known_by_words(shown) + by_embedding) / 2]))
    wordless = [not re.search(r"\w", t) for t in shown]
    plain[wordless], informed[wordless] = 0.0, 0.0
    return Views(plain, informed)


def known_by_words(texts: Sequence[str]) -> Floats:
    """Return the probabilities of the known failures by words and character n-grams: (texts, known failures)."""
    vectorizer, regression = _trained_on_phrases()
    found: Floats = regression.predict_proba(vectorizer.transform(texts))
    return found


@lru_cache(maxsize=1)
def _trained_on_phrases() -> tuple[Any, Any]:
    _, phrases, meant = known_failures()
    vectorizer = _vectorizer()
    return vectorizer, _regression(100.0).fit(vectorizer.fit_transform(phrases), meant)


def _vectorizer() -> Any:
    """Return an unfitted TF-IDF of words, word pairs and character 3- to 5-grams; stop words distinguish failures."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"[^\W_]+", max_features=50_000)
    letters = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(3, 5), max_features=50_000)
    return make_union(words, letters)


def _regression(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=3000, class_weight="balanced")


def _in_span(taught: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Return both in coordinates of the span of `taught`: what a regression that is fitted to it sees, and no more."""
    values, directions = np.linalg.eigh(taught @ taught.T)
    kept = values > 1e-9 * max(1.0, float(values.max()))
    basis = directions[:, kept] / np.sqrt(values[kept])
    return taught @ (taught.T @ basis), asked @ (taught.T @ basis)


def _word_vectors(texts: Sequence[str]) -> Floats:
    """Return unit rows whose cosines are those of the TF-IDF vectors, in far fewer dimensions."""
    if not any(re.search(r"\w", t) for t in texts):
        return np.zeros((len(texts), 1))
    sparse = _vectorizer().fit_transform(texts)
    if len(texts) > EXACT:
        from sklearn.decomposition import TruncatedSVD

        return _unit(TruncatedSVD(MAX_DIMENSIONS, random_state=0).fit_transform(sparse))
    values, directions = np.linalg.eigh((sparse @ sparse.T).toarray())  # ascending
    top = slice(-min(MAX_DIMENSIONS, len(texts)), None)
    return _unit(directions[:, top] * np.sqrt(np.clip(values[top], 0, None)))


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return unit
