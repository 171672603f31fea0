"""Questions in the same words: typed otherwise, reordered, with another number, or as one part of a longer message.

Two parts are alike when their telling words are, each with a counterpart that is the same or a typing error away
(optimal string alignment: Damerau 1964). Pairs to compare are found without looking at all of them: by the words that
remain when one or two are left out, and by MinHash of the words' character trigrams (Broder 1997; Leskovec, Rajaraman &
Ullman, Mining of Massive Datasets, 3.4).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.steps.golden.near_duplicates.normalise import LONG, MIN_WORDS, segments, stem, telling, tokens

DICE = 0.85
"""Share of the telling words of two parts that have a counterpart in the other (Dice 1945)."""
SHORT_DICE = 0.7
"""Share of all their words for which parts of few telling words need a counterpart as well."""
ERRORS = 4
"""One counterpart may be a typing error, and one more per so many words: not all of "sent post" is of "send lost"."""
BANDS, ROWS = 48, 4
"""MinHash: 192 permutations in 48 bands of 4; a pair whose trigrams have Jaccard 0.5 is missed once in 22 times."""
BOILERPLATE = 5
"""Different texts that share a line from which on the line says nothing of them."""
CROWD = 50
"""Texts that share a part from which on the part says nothing of any of them."""
LEFT_OUT = 8
"""Telling words up to which a part is also looked up with one or two of them left out."""


@dataclass(frozen=True)
class Part:
    """A part of the text `row`: its telling words, and all words in order."""

    row: int
    telling: tuple[str, ...]
    words: tuple[str, ...]
    whole: bool


def lexical_pairs(texts: Sequence[str], known: int = 0) -> Iterator[tuple[int, int]]:
    """Yield pairs (i, j), i < j and j >= `known`, of texts one of which is alike to the other or to a part of it.

    Some pairs come more than once.
    """
    parts = list(_parts(texts))
    for a, b in _candidates(parts, known):
        i, j = parts[a].row, parts[b].row
        if i != j and alike(parts[a], parts[b]):
            yield min(i, j), max(i, j)


def _parts(texts: Sequence[str]) -> Iterator[Part]:
    """Yield the parts of every text that say enough by themselves; what many texts share is none."""
    seen: Counter[tuple[str, ...]] = Counter()
    made: list[Part] = []
    for row, text in enumerate(_without_boilerplate(texts)):
        mine: dict[tuple[str, ...], Part] = {}
        for k, segment in enumerate(segments(text)):
            words = tokens(segment)
            found = telling(words)
            if k == 0 or len(found) >= MIN_WORDS or (found and len(words) >= LONG):
                mine.setdefault(found, Part(row, found, tuple(words), k == 0))
        seen.update(mine.keys())
        made += mine.values()
    return (p for p in made if p.whole or seen[p.telling] <= CROWD)


def _without_boilerplate(texts: Sequence[str]) -> Iterator[str]:
    """Yield the texts without the lines that many share, such as signatures; or as they are if nothing else is left."""
    keys = [[" ".join(tokens(line)) for line in text.split("\n")] for text in texts]
    spread = Counter(key for unique in {tuple(k) for k in keys} for key in set(unique))
    for text, mine in zip(texts, keys, strict=True):
        own = "\n".join(line for line, k in zip(text.split("\n"), mine, strict=True) if spread[k] < BOILERPLATE)
        yield own if telling(tokens(own)) else text


def _candidates(parts: Sequence[Part], known: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of parts that may be alike, at least one of them a whole text."""
    buckets: dict[int, list[int]] = defaultdict(list)
    compared: set[tuple[int, int]] = set()
    for k, part in enumerate(parts):
        for key in _keys(part.telling, part.words):
            bucket = buckets[key]
            for other in bucket[:CROWD]:
                if not (part.whole or parts[other].whole) or part.row < known:
                    continue
                if (other, k) not in compared:
                    compared.add((other, k))
                    yield other, k
            bucket.append(k)


@lru_cache(maxsize=50_000)
def _keys(says: tuple[str, ...], words: tuple[str, ...]) -> tuple[int, ...]:
    """Return the buckets of a part."""
    few = len(says) <= MIN_WORDS
    keys = [_hash("telling", *says)] if few else []
    for held in (says, tuple(sorted(words)) if few else ()):
        if 0 < len(held) <= LEFT_OUT:
            for n in range(min(3, max(1, len(held) - 1))):
                keys += [_hash("left out", *kept) for kept in combinations(held, len(held) - n)]
    signature = _signature(_trigrams(says if len(says) >= MIN_WORDS else words))
    bands = [signature[k * ROWS : (k + 1) * ROWS].tobytes() for k in range(BANDS)]
    return (*keys, *(crc32(band, k) + (k + 1 << 32) for k, band in enumerate(bands)))


def _hash(*words: str) -> int:
    """Return a hash that is the same in every run."""
    return crc32("\x00".join(words).encode(errors="surrogatepass"))


def _trigrams(words: Sequence[str]) -> NDArray[np.uint64]:
    grams = {f" {w} "[i : i + 3] for w in words for i in range(len(w))} or {""}
    return np.array(sorted(crc32(g.encode(errors="surrogatepass")) for g in grams), dtype=np.uint64)


_PRIME = np.uint64(4_294_967_311)  # the first above 2**32; a x + b then stays below 2**64
_random = np.random.default_rng(1)
_A = _random.integers(1, 2**31, BANDS * ROWS).astype(np.uint64)
_B = _random.integers(0, 2**31, BANDS * ROWS).astype(np.uint64)


def _signature(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the minima of a x + b mod p over the hashes x, one per permutation."""
    return np.asarray(((_A[:, None] * hashes[None, :] + _B[:, None]) % _PRIME).min(axis=1), dtype=np.uint64)


def alike(one: Part, other: Part) -> bool:
    """Return whether two parts ask the same in the same words."""
    if one.words == other.words:
        return bool(one.words)
    if not _may_share(one.telling, other.telling) or not _share(
        one.telling, other.telling, one.words, other.words, DICE
    ):
        return False
    few = min(len(one.telling), len(other.telling)) <= MIN_WORDS
    return not few or _holds(one.words, other.words) or _share(one.words, other.words, (), (), SHORT_DICE)


def _holds(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether the words of the shorter part stand in a row in the longer one."""
    short, long = sorted((f" {' '.join(one)} ", f" {' '.join(other)} "), key=len)
    return len(short.split()) >= MIN_WORDS and short in long


def _may_share(a: Sequence[str], b: Sequence[str]) -> bool:
    """Return whether `_share` can hold for telling words, by a bound that is quick to compute."""
    most = len(set(a).intersection(b)) + min(len(a), len(b)) - min(len(set(a)), len(set(b)))
    slips = _slips(most + _slips(most))
    return 2 * (most + slips) >= DICE * (len(a) + len(b) - slips)


def _share(a: Sequence[str], b: Sequence[str], around_a: Sequence[str], around_b: Sequence[str], least: float) -> bool:
    """Return whether `least` of the words of two parts have a counterpart in the other, each used once.

    A few counterparts may be typing errors (`_slips`), and as many words that are a typing error away from any of the
    other part's words, such as "waht", which is none of the telling ones, count for neither.
    """
    left, right = Counter(a), Counter(b)
    same = left & right
    n = same.total()
    extra_a, extra_b = list((left - same).elements()), list((right - same).elements())
    slips, extra = _slips(n + _slips(n)), len(extra_a) + len(extra_b)
    if 2 * (n + slips) < least * (2 * n + extra - slips):  # however many of the others are typing errors
        return False
    errors = 0
    for word in list(extra_a):
        found = next((w for w in extra_b if is_typing_error(word, w)), None)
        if found is not None:
            extra_a.remove(word)
            extra_b.remove(found)
            errors += 1
    n += errors
    missing = least * (2 * n + len(extra_a) + len(extra_b)) - 2 * n
    if n == 0 or errors > _slips(n) or missing > least * _slips(n):
        return False
    return missing <= 0 or missing <= least * min(_near(extra_a, around_b) + _near(extra_b, around_a), _slips(n))


def _slips(n: int) -> int:
    """Return how many typing errors parts with `n` words in common may have."""
    return 1 + n // ERRORS


def _near(words: Sequence[str], around: Sequence[str]) -> int:
    """Return how many words are a typing error away from one of those around."""
    return sum(any(is_typing_error(w, x) or is_typing_error(w, stem(x)) for x in around) for w in words)


@lru_cache(maxsize=200_000)
def is_typing_error(a: str, b: str) -> bool:
    """Return whether one word becomes the other by one slip, from seven letters two.

    A slip is a letter too many, missing or another, or two exchanged. Words of two letters must be the same, and so
    must the first letter of words of fewer than six.
    """
    shortest, longest = sorted((len(a), len(b)))
    allowed = 0 if shortest < 3 or longest < 4 else 1 if longest < 7 else 2
    if longest - shortest > allowed or (longest < 6 and a[:1] != b[:1]):
        return False
    if sum((Counter(a) - Counter(b)).values()) > allowed:
        return False
    return _distance(a, b) <= allowed


def _distance(a: str, b: str) -> int:
    """Return the optimal string alignment distance."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]
