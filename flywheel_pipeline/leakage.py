"""The fence between what is seen and what must stay unseen: near-duplicates, and text of held-out cases in prompts.

Two questions are near-duplicates when they are the same words, share most of their word 3-shingles (Jaccard, found by
MinHash: Broder 1997), one holds the other, or their vectors nearly coincide; all but the first only with the same
numbers and the same negation, since "order 17" and "order 18", or "works" and "does not work", are other cases.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import GoldenCase

COSINE = 0.92
"""Cosine of two questions' vectors from which they are near-duplicates."""

JACCARD = 0.7
"""Share of common word 3-shingles from which two questions are near-duplicates."""

CONTAINED = 0.8
"""Share of the shorter question's word 5-grams that the longer one holds, from which they are near-duplicates."""

QUOTE, RUN = 5, 8
"""Words in a row of a held-out question, and of its answer or remark, that make a text of ours a leak."""

BANDS, ROWS = 32, 4
"""MinHash: 128 permutations in 32 bands of 4; a pair with Jaccard .7 is missed once in 6,000 times."""

MAX_WORDS, CROWD, BLOCK = 2_000, 50, 512
"""Words of a text that count; texts that share a shingle from which it tells nothing apart; rows compared at once."""

_NEGATION = re.compile(r"\b(?:not|no|never|none|nothing|nobody|neither|nor|without|cannot)\b|n['’]t\b")
_EMPTY_WORDS = frozenset(
    "a about after all am an and any are as at be been but by can could did do does for from get got had has have he "
    "her him his how i if in into is it its just let like may me more must my need no not of on one or our out please "
    "she should so some tell than thank thanks that the their them then there these they this those to up us want was "
    "we were what when where which who why will with would you your".split()
)
Gram = tuple[str, ...]


def words(text: str) -> list[str]:
    """Return the words and numbers of `text` in order, without case, accents of width and punctuation."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def normalised(text: str) -> str:
    """Return what two texts must share to be the same: their words."""
    return " ".join(words(text))


def grams(text: str, n: int) -> set[Gram]:
    """Return the runs of `n` words of `text`."""
    found = words(text)
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


def asked(messages: str | Sequence[Mapping[str, Any]]) -> str:
    """Return what the user says in a conversation (messages, or their JSON): by it two cases are compared.

    Not by the last message alone: "Yes." is the last of many conversations that have nothing in common.
    """
    turns = json.loads(messages) if isinstance(messages, str) else messages
    return "\n".join(text_of(m.get("content")) for m in turns if m.get("role") == "user")


def telling_words(text: str) -> list[tuple[str, str]]:
    """Return the words of `text` that say what it is about, each with its stem: no plural, past or -ing."""
    found = [w for w in words(text) if len(w) > 3 and w.isalpha() and w not in _EMPTY_WORDS]
    return [(w, re.sub(r"(?:ies|ing|ed|es|s|e|y)$", "", w) if len(w) > 4 else w) for w in found]


@dataclass(frozen=True)
class _Profile:
    """A question as it is compared."""

    text: str

    @cached_property
    def key(self) -> str:
        return normalised(self.text)

    @cached_property
    def facts(self) -> tuple[tuple[str, ...], bool]:
        """Its numbers, and whether it negates: near-duplicates agree on both."""
        return tuple(sorted(re.findall(r"\d+", self.text))), bool(_NEGATION.search(self.text.lower()))

    def shingles(self, n: int) -> frozenset[int]:
        """Hashes of its runs of `n` words; the whole of a shorter text."""
        found = self.key.split()[:MAX_WORDS]
        runs = [found[i : i + n] for i in range(max(1, len(found) - n + 1))] if found else []
        return frozenset(crc32(" ".join(run).encode()) for run in runs)

    @cached_property
    def threes(self) -> frozenset[int]:
        return self.shingles(3)

    @cached_property
    def fives(self) -> frozenset[int]:
        return self.shingles(QUOTE)


def near_pairs(texts: Sequence[str], vectors: Any = None, known: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the pairs (i, j), i < j, of near-duplicates among `texts`, those among the first `known` left out.

    `vectors` has one unit row a text; None leaves likeness of meaning out. Of many near-duplicates not every pair is
    told, but enough to connect them. No matrix of all pairs is ever built.
    """
    profiles = [_Profile(t) for t in texts]
    first: dict[str, int] = {}
    for i, p in enumerate(profiles):
        earlier = first.setdefault(p.key, i)
        if earlier != i and i >= known:
            yield earlier, i
    rows = sorted(first.values())  # one row a wording
    told: set[tuple[int, int]] = set()
    for pair in _candidates(profiles, rows, vectors, known):
        if pair not in told and pair[1] >= known and profiles[pair[0]].facts == profiles[pair[1]].facts:
            told.add(pair)
            yield pair


def _candidates(
    profiles: Sequence[_Profile], rows: Sequence[int], vectors: Any, known: int
) -> Iterator[tuple[int, int]]:
    yield from _by_minhash(profiles, rows)
    yield from _by_containment(profiles, rows)
    if vectors is not None:
        yield from _by_meaning(np.asarray(vectors, dtype=np.float32), rows, known)


def _by_minhash(profiles: Sequence[_Profile], rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for i in rows:
        signature = _signature(profiles[i].threes)
        for band in range(BANDS):
            bucket = buckets[band, signature[band * ROWS : (band + 1) * ROWS].tobytes()]
            for j in bucket[:CROWD]:
                a, b = profiles[i].threes, profiles[j].threes
                if len(a & b) >= JACCARD * len(a | b):
                    yield j, i
            bucket.append(i)


def _signature(shingles: frozenset[int]) -> NDArray[np.uint64]:
    """Return the 128 minima of a x + b mod p over the shingles x."""
    x = np.fromiter(sorted(shingles), dtype=np.uint64, count=len(shingles)) if shingles else np.zeros(1, np.uint64)
    hashed = (_A[:, None] * x[None, :] + _B[:, None]) % _PRIME
    return np.asarray(hashed.min(axis=1), dtype=np.uint64)


_PRIME = np.uint64(4_294_967_311)  # the first above 2**32; a x + b then stays below 2**64
_random = np.random.default_rng(1)
_A = _random.integers(1, 2**31, BANDS * ROWS).astype(np.uint64)
_B = _random.integers(0, 2**31, BANDS * ROWS).astype(np.uint64)


def _by_containment(profiles: Sequence[_Profile], rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    holders: dict[int, list[int]] = defaultdict(list)
    for i in rows:
        mine = profiles[i].fives if len(profiles[i].key.split()) >= RUN else frozenset()
        shared = Counter(j for g in mine if len(holders[g]) <= CROWD for j in holders[g])
        for j in sorted(shared):
            if len(mine & profiles[j].fives) >= CONTAINED * min(len(mine), len(profiles[j].fives)):
                yield j, i
        for g in mine:
            holders[g].append(i)


def _by_meaning(vectors: NDArray[np.float32], rows: Sequence[int], known: int) -> Iterator[tuple[int, int]]:
    order = np.asarray(rows, dtype=np.int64)
    new = order[order >= known]
    for start in range(0, len(new), BLOCK):
        block = new[start : start + BLOCK]
        earlier = order[order <= block[-1]]
        for r, c in np.argwhere(vectors[block] @ vectors[earlier].T >= COSINE):
            if earlier[c] < block[r]:
                yield int(earlier[c]), int(block[r])


def leaks(text: str, cases: Sequence[GoldenCase], base: str = "", splits: Sequence[str] = ("dev", "test")) -> list[str]:
    """Return the ids of the active cases of `splits` that `text`, a prompt of ours, gives away.

    It does so with `QUOTE` words in a row of what the user asks, or `RUN` of its answers or the expert's remark, or by
    quoting a shorter question whole. No leak is what says nothing of this one case: what the prompt `base` says
    already, what its documents say, what is of fewer than two telling words, and what several families, or cases that
    may be seen, say as well; of those the retired ones count, too, for a prompt may show them still.
    """
    quoted, long = grams(text, QUOTE) - grams(base, QUOTE), grams(text, RUN) - grams(base, RUN)
    cited = _quotations(text) - _quotations(base)
    if not (quoted or long or cited):
        return []
    usual = _usual(cases, splits)
    held_out = [c for c in cases if c.split in splits and c.status == "active"]
    return [c.case_id for c in held_out if _given_away(c, (quoted, long, cited), usual)]


def _given_away(case: GoldenCase, mine: tuple[set[Gram], set[Gram], set[str]], usual: set[Gram]) -> bool:
    quoted, long, cited = mine
    repeated = _asked(case, QUOTE) & quoted - usual
    telling = {g for g in repeated if sum(w not in _EMPTY_WORDS for w in g) >= 2}
    if telling and telling - grams(case.context, QUOTE):
        return True
    said = _said(case) & long - usual
    if said and said - grams(case.context, RUN):
        return True
    found = words(case.input)
    return 3 <= len(found) < QUOTE and tuple(found) not in usual and " ".join(found) in cited


def _usual(cases: Sequence[GoldenCase], splits: Sequence[str]) -> set[Gram]:
    """Return the runs of words that several families have in common, or that a case which may be seen holds."""
    runs = [(c, {*_asked(c, QUOTE), *_said(c), tuple(words(c.input))}) for c in cases]
    spread = Counter(g for g, _ in {(g, c.family) for c, found in runs for g in found})
    seen = {g for c, found in runs if c.split not in splits for g in found}
    return seen | {g for g, n in spread.items() if n > 1}


def _asked(case: GoldenCase, n: int) -> set[Gram]:
    return grams(asked(case.messages), n) | grams(case.input, n)


def _said(case: GoldenCase) -> set[Gram]:
    answers = (case.reference, case.observed_output, case.criteria)
    return set().union(*(grams(t or "", RUN) for t in answers))


def _quotations(text: str) -> set[str]:
    """Return what stands between double quotes in `text`, as few-shot examples do, and its lines, normalised."""
    return {normalised(q) for q in [*re.findall(r'"((?:[^"\\\n]|\\.)*)"', text), *text.splitlines()]}
