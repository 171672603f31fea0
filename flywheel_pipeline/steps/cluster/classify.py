"""Assign notes to modes by examples: the classifier is chosen by cross-validation on the examples themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.steps.cluster.features import Floats, Views, view_texts

MOST_EXAMPLES = 100
"""Different examples of a mode that are learnt from."""

FOLDS, MIN_TESTED = 5, 20
"""Folds of the cross-validation, and examples that must have been tested for it to decide anything."""

SHARPNESS = 0.1
"""Difference of two cosines at which one mode is e times as probable as the other."""

TEMPERATURES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
"""By which probabilities are sharpened or flattened until they are right about the examples (Guo et al. 2017)."""

FITS_LIKE, MIN_LEFT_OUT = 0.02, 20
"""Part of the examples that may resemble their mode less than a note that fits it, and examples that this takes."""

BY_CHANCE = 0.9
"""With fewer examples a note fits that resembles a mode more than this part of the pairs of examples of different modes
resemble each other."""

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """A text that is known to belong to a mode."""

    text: str
    mode_id: str


@dataclass(frozen=True)
class Choice:
    """The most probable mode of a text, its probability, and whether the text resembles that mode's examples at all."""

    mode_id: str
    confidence: float
    fits: bool


def choose_modes(
    texts: Sequence[str], examples: Sequence[Example], embed: Embed, fits_like: float = FITS_LIKE, least: float = 0.0
) -> list[Choice]:
    """Return the choice for every text.

    The classifier is the mean of the nearest centroid and a logistic regression on the plain view, unless
    cross-validation prefers one of the two, or both on the informed view, by more than one standard error. The
    probabilities are then made to agree with the examples (temperature scaling). A text fits its mode if its cosine
    with the centroid is above that of the share `fits_like` of the examples, each left out of its centroid, and at
    least `least`.

    Raises:
        ValueError: there are texts, but no examples.
    """
    if not texts:
        return []
    if not examples:
        raise ValueError("no mode can be chosen without an example")
    examples = _limited(examples)
    ids = sorted({e.mode_id for e in examples})
    known = np.array([ids.index(e.mode_id) for e in examples])
    views = view_texts([*(e.text for e in examples), *texts], embed)
    rows = np.arange(len(views.plain))
    labelled, asked = views[rows[: len(examples)]], views[rows[len(examples) :]]
    name, temperature = _select(labelled, known)
    probable = _tempered(_predict(labelled, known, asked)[name], temperature)
    best = probable.argmax(axis=1)
    cosines = (asked.plain @ _centroids(labelled.plain, known).T)[np.arange(len(texts)), best]
    least = max(least, _least_cosine(labelled.plain, known, views.plain, fits_like))
    sure = probable.max(axis=1) if len(ids) > 1 else np.clip(cosines, 0.0, 1.0)  # one mode is not a choice
    return [
        Choice(ids[k], round(float(p), 3), bool(c > 0 and c >= least))
        for k, p, c in zip(best, sure, cosines, strict=True)
    ]


def _limited(examples: Sequence[Example]) -> list[Example]:
    """Return the different examples, `MOST_EXAMPLES` of a mode, in an order that does not depend on theirs."""
    by_mode: dict[str, list[Example]] = {}
    for example in sorted(set(examples), key=lambda e: (e.mode_id, e.text)):
        by_mode.setdefault(example.mode_id, []).append(example)
    rng = np.random.default_rng(0)
    return [own[i] for own in by_mode.values() for i in np.sort(rng.permutation(len(own))[:MOST_EXAMPLES])]


def _predict(labelled: Views, known: Labels, asked: Views) -> Mapping[str, Floats]:
    """Return the probabilities of the modes, (texts, modes), by every classifier, the default first."""
    near, learnt = _by_centroid(labelled.plain, known, asked.plain), _by_regression(labelled.plain, known, asked.plain)
    informed = (
        _by_centroid(labelled.informed, known, asked.informed)
        + _by_regression(labelled.informed, known, asked.informed)
    ) / 2
    return {"both": (near + learnt) / 2, "nearest centroid": near, "regression": learnt, "informed": informed}


def _select(labelled: Views, known: Labels) -> tuple[str, float]:
    """Return the classifier to use and the temperature of its probabilities, by cross-validation."""
    fold = np.empty(len(known), dtype=np.int64)
    for mode in np.unique(known):
        own = np.flatnonzero(known == mode)
        fold[own] = np.arange(len(own)) % FOLDS if len(own) > 1 else -1  # a lone example is never left out
    tested = fold >= 0
    if tested.sum() < MIN_TESTED or len(np.unique(known)) < 2:
        return "both", 1.0
    found: dict[str, Floats] = {}
    for k in range(FOLDS):
        inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        if not len(outside):
            continue
        for name, p in _predict(labelled[inside], known[inside], labelled[outside]).items():
            found.setdefault(name, np.zeros((len(known), p.shape[1])))[outside] = p
    right = {name: p.argmax(axis=1)[tested] == known[tested] for name, p in found.items()}
    name = max(right, key=lambda n: (_clearly_better(right[n], right["both"]), n == "both"))
    return name, _temperature(found[name][tested], known[tested])


def _clearly_better(right: NDArray[np.bool_], default: NDArray[np.bool_]) -> float:
    """Return how much more often one is right than the default, 0 unless it exceeds the standard error of that."""
    gain = right.astype(float) - default
    error = float(np.std(gain)) / np.sqrt(len(gain))
    return float(gain.mean()) if gain.mean() > error else 0.0


def _temperature(probable: Floats, known: Labels) -> float:
    """Return the temperature with the least log loss; the one nearest to 1 of equals."""
    rows = np.arange(len(known))
    losses = [-np.log(np.clip(_tempered(probable, t)[rows, known], 1e-9, 1)).mean() for t in TEMPERATURES]
    return min(zip(losses, TEMPERATURES, strict=True), key=lambda p: (round(p[0], 9), abs(np.log(p[1]))))[1]


def _tempered(probable: Floats, temperature: float) -> Floats:
    return _softmax(np.log(np.clip(probable, 1e-9, 1)) / temperature)


def _by_centroid(labelled: Floats, known: Labels, asked: Floats) -> Floats:
    return _softmax(asked @ _centroids(labelled, known).T / SHARPNESS)


def _by_regression(labelled: Floats, known: Labels, asked: Floats) -> Floats:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(np.unique(known)) == 1:
        return np.ones((len(asked), 1))
    with threadpool_limits(1):  # see `features.view_texts`
        model = LogisticRegression(C=10.0, max_iter=2000, class_weight="balanced").fit(labelled, known)
        found: Floats = model.predict_proba(asked)
    return found


def _centroids(labelled: Floats, known: Labels) -> Floats:
    sums = np.array([labelled[known == k].sum(axis=0) for k in range(known.max() + 1)])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: Floats = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return unit


def _least_cosine(labelled: Floats, known: Labels, everything: Floats, fits_like: float) -> float:
    """Return the least cosine of a text with the centroid of its mode at which it fits."""
    others = np.array([labelled[known == k].sum(axis=0) for k in known]) - labelled
    lengths = np.linalg.norm(others, axis=1)
    left_out = (labelled * others).sum(axis=1)[lengths > 1e-9] / lengths[lengths > 1e-9]
    apart = (labelled @ labelled.T)[known[:, None] != known[None, :]]
    if len(left_out) >= MIN_LEFT_OUT or (len(left_out) and not len(apart)):
        return float(np.quantile(left_out, fits_like))
    if len(apart):
        return float(np.quantile(apart, BY_CHANCE))
    return float(np.quantile(everything @ everything.T, BY_CHANCE))


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    unit: Floats = raised / raised.sum(axis=1, keepdims=True)
    return unit
