"""Names of groups without a model: the expert's own short note, or the words that set a group apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

import numpy as np

from flywheel_pipeline.steps.cluster.features import Floats, known_failures
from flywheel_pipeline.steps.cluster.preprocess import SHORT, first_point, words_of

SURE = 0.2
"""Mean probability from which a group is said to be like a known failure: with 34 of them, seven times chance."""

N_TERMS = 4


@dataclass(frozen=True)
class Naming:
    """What a mode is called and how it is told from its neighbours."""

    name: str
    definition: str
    inclusion: str
    exclusion: str


def name_groups(groups: Sequence[Sequence[str]], likeness: Sequence[Floats], near: Sequence[int]) -> list[Naming]:
    """Name groups of notes, each the most central first, in contrast to each other.

    `likeness` has the mean probabilities of the known failures (`lens.see`) of every group, `near` the number of
    the group that is most like it. A group is named by the short note whose words are the most typical of it,
    where the expert wrote any; else by the known failure it is like and its most typical terms (c-TF-IDF,
    Grootendorst 2022).
    """
    weights = class_tf_idf([[first_point(n) for n in g] for g in groups])
    terms = [_terms(w) for w in weights]
    known = [_known(p) for p in likeness]
    titles = _distinct([_title(g, w, t, k) for g, w, t, k in zip(groups, weights, terms, known, strict=True)], terms)
    return [_naming(i, titles, terms, known, near[i]) for i in range(len(groups))]


def class_tf_idf(groups: Sequence[Sequence[str]]) -> list[dict[str, float]]:
    """Return the weight of every word and pair of words in every group of texts.

    tf x log(1 + A / f): tf is the term's share of the group, f its count in all groups, A the mean number of
    terms a group. Every text counts a term once, so that one long comment does not name its group.
    """
    counts = [Counter(t for text in g for t in set(_grams(text))) for g in groups]
    overall: Counter[str] = Counter()
    for c in counts:
        overall.update(c)
    mean = sum(overall.values()) / max(1, len(groups))
    return [{t: n / max(1, sum(c.values())) * log(1 + mean / overall[t]) for t, n in sorted(c.items())} for c in counts]


def _grams(text: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = words_of(text)
    told = [w for w in words if w not in ENGLISH_STOP_WORDS and len(w) > 1]
    pairs = [f"{a} {b}" for a, b in pairwise(words) if not {a, b} & ENGLISH_STOP_WORDS and len(a + b) > 4]
    return told + pairs


def _terms(weights: Mapping[str, float]) -> list[str]:
    """Return the heaviest terms, none of them a part of another."""
    chosen: list[str] = []
    for term in sorted(weights, key=lambda t: (-weights[t] * (1.3 if " " in t else 1.0), t)):
        if not any(set(term.split()) & set(c.split()) for c in chosen):
            chosen.append(term)
        if len(chosen) == N_TERMS:
            break
    return chosen


def _known(likeness: Floats) -> str | None:
    best = int(np.argmax(likeness))
    return known_failures()[0][best] if float(likeness[best]) >= SURE else None


def _title(notes: Sequence[str], weights: Mapping[str, float], terms: Sequence[str], known: str | None) -> str:
    short = [n for n in dict.fromkeys(notes) if 2 <= len(words_of(n)) <= SHORT]
    if 2 * len(short) >= len(set(notes)):
        often = Counter(notes)
        return _sentence(max(short, key=lambda n: (_typical(n, weights) * often[n], -notes.index(n))))
    if known:
        return f"{known} ({', '.join(terms[:2])})" if terms else known
    return _sentence(", ".join(terms[:3]) or notes[0])


def _typical(note: str, weights: Mapping[str, float]) -> float:
    grams = set(_grams(first_point(note)))
    return sum(weights.get(g, 0.0) for g in grams) / sqrt(1 + len(grams))


def _sentence(text: str) -> str:
    text = " ".join(text.split()).strip(" .,;:-")
    return text[:1].upper() + text[1:]


def _distinct(titles: Sequence[str], terms: Sequence[Sequence[str]]) -> list[str]:
    """Tell titles that are equal apart by their terms."""
    twice = {t for t, n in Counter(t.lower() for t in titles).items() if n > 1}
    return [
        f"{t} ({', '.join(own[:2])})" if t.lower() in twice and own else t for t, own in zip(titles, terms, strict=True)
    ]


def _naming(
    i: int, titles: Sequence[str], terms: Sequence[Sequence[str]], known: Sequence[str | None], near: int
) -> Naming:
    like = f" It is like the known failure “{known[i]}”." if known[i] else ""
    words = ", ".join(terms[i]) or "none of their own"
    apart = (
        f"Not “{titles[near]}”, whose words are: {', '.join(terms[near]) or 'none of their own'}." if near != i else ""
    )
    return Naming(
        titles[i],
        f"A failure belongs here when what is noted of it is like “{titles[i]}”.{like}",
        f"Words of its notes: {words}.",
        apart,
    )
