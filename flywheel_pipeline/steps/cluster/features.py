"""Look at a comment for what went wrong, not for what it is about.

Comments on failures lie together by subject: a refund's invented date beside a refund's wrong tone. So each is
also compared with `known_failures.md`, hundreds of ways to say the failures that LLM applications are known for:
two logistic regressions, one on words and runs of letters, one on the embedding, learn from it which known
failure a text is like, and what they say stands beside the embedding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.prompting import load_prompt
from flywheel_pipeline.steps.cluster.preprocess import Note

Floats = NDArray[np.float64]

WEIGHT = 0.8
"""Of the known failures in a view, beside the embedding's 1."""

MAX_DIMENSIONS = 128
"""Of the embedding in a view: what counts of TF-IDF fits in them, and groups are found many times faster."""

MAX_TEXT = 2_000


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


def see(notes: Sequence[Note], embed: Embed) -> tuple[Floats, Floats]:
    """Return the views of the notes, unit rows, and the probabilities of the known failures, (len(notes), failures).

    Where a note has a rest without its subject, the rest counts as much as the whole. Views of one call are
    comparable with each other. A note without words is a row of zeros.
    """
    from threadpoolctl import threadpool_limits

    masked = any(n.rest != n.whole for n in notes)
    texts = [*(n.whole[:MAX_TEXT] for n in notes), *(n.rest[:MAX_TEXT] for n in notes if masked)]
    _, phrases, meant = known_failures()
    vectors = np.asarray(embed.embed([*texts, *phrases]), dtype=np.float64)
    own, taught = vectors[: len(texts)], vectors[len(texts) :]
    with threadpool_limits(1):  # see `group`: a busy machine
        likeness = (by_words(texts) + _regression(10.0).fit(taught, meant).predict_proba(own)) / 2 if texts else own
        views = _unit(np.hstack([_unit(_compact(own)), WEIGHT * _unit(likeness)]))
    views[[not re.search(r"\w", t) for t in texts]] = 0.0
    n = len(notes)
    return (_unit(np.hstack([views[:n], views[n:]])) if masked else views), likeness[:n]


def by_words(texts: Sequence[str]) -> Floats:
    """Return the probabilities of the known failures by words and runs of letters alone: no embedder is needed."""
    features, regression = _taught_words()
    found: Floats = regression.predict_proba(features.transform(texts))
    return found


@lru_cache(maxsize=1)
def _taught_words() -> tuple[Any, Any]:
    _, phrases, meant = known_failures()
    features = word_features()
    return features, _regression(100.0).fit(features.fit_transform(phrases), meant)


def word_features() -> Any:
    """Return an unfitted TF-IDF of words, pairs of words and runs of 3 to 5 letters; stop words tell failures apart."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"[^\W_]+", max_features=50_000)
    letters = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(3, 5), max_features=50_000)
    return make_union(words, letters)


def _regression(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=3000, class_weight="balanced")


def _compact(vectors: Floats) -> Floats:
    """Return the vectors in at most `MAX_DIMENSIONS`, with the distances between them kept as far as that goes."""
    if min(vectors.shape) <= MAX_DIMENSIONS:
        return vectors
    from sklearn.decomposition import TruncatedSVD

    compact: Floats = TruncatedSVD(MAX_DIMENSIONS, random_state=0).fit_transform(vectors)
    return compact


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return unit
