"""Near-duplicates: questions of which one gives the other away, so that they must be in one split.

They are in the same words (`lexical`), whatever the spelling, order and numbers, or mean the same (`meaning`), where
there is an embedder that knows meaning. The relation leans towards one family: to keep "it works" and "it does not
work" in one split costs nothing, to have them in two may leak.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from flywheel_pipeline.leakage import QUOTE, Gram, grams, readable
from flywheel_pipeline.steps.golden.near_duplicates.lexical import lexical_pairs
from flywheel_pipeline.steps.golden.near_duplicates.meaning import semantic_pairs
from flywheel_pipeline.steps.golden.near_duplicates.normalise import MIN_WORDS, telling, tokens

CONTAINED = 0.8
"""Share of the n-grams of `QUOTE` words of the shorter of two questions that the other holds if it repeats it."""


def near_pairs(texts: Sequence[str], vectors: Any = None, known: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the pairs (i, j), i < j, of near-duplicates among `texts`, without those among the first `known`.

    `vectors` has one unit row per text; None leaves meaning out. Of many near-duplicates not every pair is yielded, but
    enough to connect them. No matrix of all pairs is ever built.
    """
    yielded: set[tuple[int, int]] = set()
    for pairs in (lexical_pairs(texts, known), semantic_pairs(vectors, known) if vectors is not None else ()):
        for pair in pairs:
            if pair not in yielded:
                yielded.add(pair)
                yield pair


def repeats(texts: Sequence[str], known: int) -> set[int]:
    """Return the indices of those after the first `known` texts that say an earlier one again.

    They have the same telling words in any order, or share `CONTAINED` of the n-grams of the shorter one, with the
    same numbers and the same negation: a paraphrase repeats nothing.
    """
    seen: set[tuple[Any, ...]] = set()
    holders: dict[Gram, list[int]] = defaultdict(list)
    facts: list[tuple[Any, ...]] = []
    n_grams: list[set[Gram]] = []
    found: set[int] = set()
    for i, text in enumerate(texts):
        words = tokens(text)
        says = telling(words)
        facts.append((tuple(sorted(re.findall(r"\d+", readable(text)))), "not" in words))
        n_grams.append(grams(text, QUOTE))
        key = (says if len(says) >= MIN_WORDS else tuple(words), facts[i])
        shared = Counter(j for g in n_grams[i] for j in holders[g] if facts[j] == facts[i])
        contained = any(n >= CONTAINED * min(len(n_grams[i]), len(n_grams[j])) for j, n in shared.items())
        if i >= known and (key in seen or contained):
            found.add(i)
        seen.add(key)
        for g in n_grams[i]:
            holders[g].append(i)
    return found
