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
from itertools import combinations
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.steps.golden.near_duplicates.normalise import MIN_WORDS, segments, stem, telling, tokens

DICE = 0.85
"""Share of the telling words of two parts that have a counterpart in the other (Dice 1945)."""
SHORT_DICE = 0.7
"""Share of all their words for which parts of few telling words need a counterpart as well."""
ERRORS = 4
"""One counterpart may be a typing error, and one more per so many words: not all of "sent post" is of "send lost"."""
BANDS, ROWS = 48, 4
"""MinHash: 192 permutations in 48 bands of 4; a pair whose trigrams have Jaccard 0.5 is missed once in 22 times."""
CROWD = 50
"""Texts that share a part from which on the part says nothing of any of them."""
LEFT_OUT = 10
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
    """Yield the parts of every text that say enough by themselves; lines that many texts share are none."""
    seen: Counter[tuple[str, ...]] = Counter()
    made: list[Part] = []
    for row, text in enumerate(texts):
        mine: dict[tuple[str, ...], Part] = {}
        for k, segment in enumerate(segments(text)):
            words = tokens(segment)
            found = telling(words)
            if k == 0 or len(found) >= MIN_WORDS:
                mine.setdefault(found, Part(row, found, tuple(words), k == 0))
        seen.update(mine.keys())
        made += mine.values()
    return (p for p in made if p.whole or seen[p.telling] <= CROWD)


def _candidates(parts: Sequence[Part], known: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of parts that may be alike, at least one of them a whole text."""
    buckets: dict[int, list[int]] = defaultdict(list)
    compared: set[tuple[int, int]] = set()
    for k, part in enumerate(parts):
        for key in _keys(part):
            bucket = buckets[key]
            for other in bucket[:CROWD]:
                if not (part.whole or parts[other].whole) or part.row < known:
                    continue
                if (other, k) not in compared:
                    compared.add((other, k))
                    yield other, k
            bucket.append(k)


def _keys(part: Part) -> Iterator[int]:
    """Yield the buckets of a part."""
    few = len(part.telling) <= MIN_WORDS
    for words in (part.telling, tuple(sorted(part.words)) if few else ()):
        if 0 < len(words) <= LEFT_OUT:
            for n in range(min(3, max(1, len(words) - 1))):
                yield from (_hash("left out", *kept) for kept in combinations(words, len(words) - n))
    signature = _signature(_trigrams(part.telling if len(part.telling) >= MIN_WORDS else part.words))
    for band in range(BANDS):
        yield crc32(signature[band * ROWS : (band + 1) * ROWS].tobytes(), band) + (band + 1 << 32)


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
    if not _share(one.telling, other.telling, one.words, other.words, DICE):
        return False
    few = min(len(one.telling), len(other.telling)) <= MIN_WORDS
    return not few or _share(one.words, other.words, (), (), SHORT_DICE)


def _share(a: Sequence[str], b: Sequence[str], around_a: Sequence[str], around_b: Sequence[str], least: float) -> bool:
    """Return whether `least` of the words of two parts have a counterpart in the other, each used once.

    A few counterparts may be typing errors. A word that is a typing error away from any of the other part's words, such
    as "waht", which is none of the telling ones, counts for neither.
    """
    left, right = Counter(a), Counter(b)
    same = left & right
    extra_a, extra_b = list((left - same).elements()), list((right - same).elements())
    errors = 0
    for word in list(extra_a):
        found = next((w for w in extra_b if is_typing_error(word, w)), None)
        if found is not None:
            extra_a.remove(word)
            extra_b.remove(found)
            errors += 1
    extra_a = [w for w in extra_a if not any(is_typing_error(w, x) for x in (*around_b, *map(stem, around_b)))]
    extra_b = [w for w in extra_b if not any(is_typing_error(w, x) for x in (*around_a, *map(stem, around_a)))]
    n = same.total() + errors
    return n > 0 and errors <= 1 + n // ERRORS and 2 * n >= least * (2 * n + len(extra_a) + len(extra_b))


def is_typing_error(a: str, b: str) -> bool:
    """Return whether one word becomes the other by one slip, from seven letters two.

    A slip is a letter too many, missing or another, or two exchanged. Words of two letters must be the same, and so
    must the first letter of words of fewer than six.
    """
    shortest, longest = sorted((len(a), len(b)))
    allowed = 0 if shortest < 3 or longest < 4 else 1 if longest < 7 else 2
    if longest - shortest > allowed or (longest < 6 and a[:1] != b[:1]):
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
