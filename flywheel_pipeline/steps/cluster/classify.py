"""Assign failures to modes by the failures that are in them: few examples lead, more teach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.steps.cluster.features import by_words, see, word_features
from flywheel_pipeline.steps.cluster.preprocess import Note

FEW = 5
"""Examples of the best-known mode up to which the nearest centroid decides, since so few teach a regression little."""

WORDS_FROM, WORDS_ONLY_FROM = 150, 1_000
"""Examples from which words and runs of letters join the embedding, and from which they tell more than it."""

QUANTILE, FLOOR = 0.10, 0.35
"""A failure less like its mode than this quantile of the examples are like theirs, or than the floor, fits none."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A note that is known to belong to a mode."""

    note: Note
    mode_id: str


@dataclass(frozen=True)
class Choice:
    """The mode of a text, how probable it is, and whether the text is as like it as its examples are."""

    mode_id: str
    confidence: float
    fits: bool


def choose_modes(notes: Sequence[Note], examples: Sequence[Example], embed: Embed) -> list[Choice]:
    """Return the choice for every note.

    Up to `FEW` examples a mode the nearest centroid decides; with more a logistic regression on the views of
    `lens.see`, joined from `WORDS_FROM` examples on by TF-IDF of words and letters, which alone decide from
    `WORDS_ONLY_FROM` on. Whether a text fits is decided by its cosine with the centroid of its mode: the
    threshold is the tenth percentile of the examples' own, each left out of its centroid, where there are more than
    `FEW`, else what one in ten pairs of all notes reaches by chance, but at least `FLOOR`.

    Raises:
        ValueError: there are notes, but no examples.
    """
    if not notes:
        return []
    if not examples:
        raise ValueError("without an example no mode can be chosen")
    ids = sorted({e.mode_id for e in examples})
    known = np.array([ids.index(e.mode_id) for e in examples])
    if len(examples) >= WORDS_ONLY_FROM:
        return _by_words([n.whole for n in notes], [e.note.whole for e in examples], known, ids)
    views, _ = see([*(e.note for e in examples), *notes], embed)
    taught, asked = views[: len(examples)], views[len(examples) :]
    cosines = asked @ _centroids(taught, known, len(ids)).T
    if len(ids) == 1 or np.bincount(known).max() <= FEW:
        probable = _softmax(cosines / 0.1)
    else:
        inputs = _joined(examples, notes, taught, asked) if len(examples) >= WORDS_FROM else (taught, asked)
        probable = _regression(known).fit(inputs[0], known).predict_proba(inputs[1])
    least = _thresholds(taught, known, len(ids), _chance(views))
    best = probable.argmax(axis=1)
    return [
        Choice(ids[k], round(float(p[k]), 3), bool(c[k] >= least[k]))
        for k, p, c in zip(best, probable, cosines, strict=True)
    ]


def _by_words(texts: Sequence[str], taught: Sequence[str], known: NDArray[np.int64], ids: list[str]) -> list[Choice]:
    from scipy.sparse import csr_matrix, hstack

    features = word_features()
    inputs = hstack([features.fit_transform(taught), csr_matrix(by_words(taught))]).tocsr()
    asked = hstack([features.transform(texts), csr_matrix(by_words(texts))]).tocsr()
    probable = _regression(known).fit(inputs, known).predict_proba(asked)
    return [Choice(ids[int(p.argmax())], round(float(p.max()), 3), True) for p in probable]


def _joined(examples: Sequence[Example], notes: Sequence[Note], taught: Floats, asked: Floats) -> tuple[Any, Any]:
    from scipy.sparse import csr_matrix, hstack

    features = word_features()
    words = features.fit_transform([e.note.whole for e in examples])
    asked_words = features.transform([n.whole for n in notes])
    return hstack([words, csr_matrix(taught)]).tocsr(), hstack([asked_words, csr_matrix(asked)]).tocsr()


def _regression(known: NDArray[np.int64]) -> Any:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(known)) == 1:
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior")
    return LogisticRegression(C=30.0, max_iter=2000, class_weight="balanced")


def _centroids(views: Floats, known: NDArray[np.int64], n: int) -> Floats:
    sums = np.array([views[known == k].sum(axis=0) for k in range(n)])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: Floats = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return unit


def _thresholds(views: Floats, known: NDArray[np.int64], n: int, chance: float) -> Floats:
    """Return the least cosine of every mode: of its own examples where there are enough, else of all, else `chance`."""
    sums = np.array([views[known == k].sum(axis=0) for k in range(n)])
    others = sums[known] - views
    lengths = np.linalg.norm(others, axis=1)
    left_out = np.divide((views * others).sum(axis=1), lengths, out=np.full(len(views), np.nan), where=lengths > 1e-9)
    pooled = left_out[~np.isnan(left_out)]
    overall = float(np.quantile(pooled, QUANTILE)) if len(pooled) > FEW else chance
    own = [left_out[(known == k) & ~np.isnan(left_out)] for k in range(n)]
    found = [float(np.quantile(o, QUANTILE)) if len(o) > FEW else overall for o in own]
    least: Floats = np.maximum(np.array(found), FLOOR)
    return least


def _chance(views: Floats) -> float:
    """Return the cosine that one in ten pairs of texts reaches: two that are closer are so for a reason."""
    some = views[:: max(1, len(views) // 500)]
    pairs = (some @ some.T)[np.triu_indices(len(some), 1)]
    return float(np.quantile(pairs, 1 - QUANTILE)) if len(pairs) else FLOOR


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    unit: Floats = raised / raised.sum(axis=1, keepdims=True)
    return unit
