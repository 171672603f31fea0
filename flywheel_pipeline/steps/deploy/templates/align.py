"""Align rendered prompts of one template: the tokens that are in all of them, and the gaps in which they differ.

As patience diff does with lines: a token that occurs exactly once in every text, in the same order, is a fixed point;
what lies between two fixed points is aligned in the same way. Words of the variables, which occur here and there, are
no fixed points, so that long values (documents, messages) do not break a template into pieces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

Tokens = Sequence[str]
Piece = str | None
"""A literal text, or None for a gap in which the texts differ."""

UNSPACED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
"""A letter of a script that does not separate words by spaces (Thai to Han): a token of its own."""
TOKEN = re.compile(
    r"https?://[^\s<>\"')\]}]+"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
    r"|\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?"
    r"|\d+(?:[.,:/-]\d+)*(?!\w)"
    rf"|{UNSPACED}|(?:(?!{UNSPACED})\w)+(?:['’-](?:(?!{UNSPACED})\w)+)*"
    r"|\n|[^\S\n]+|.",
    re.DOTALL,
)
"""Addresses, times, numbers and hyphenated words are one token, so that no value is cut in the middle."""
WORD = re.compile(r"\w")
DEPTH = 40
"""Levels of alignment within alignments; texts that nest deeper than that differ as a whole."""
ENOUGH = 8
"""Different texts from which on a single word that all have in one gap is no coincidence. A usual word stands exactly
once in about a third of short texts; 0.35 to the power of 8 is 0.0002."""
MOST_POINTS = 500
"""Fixed points among which an order is looked for that all texts have, where they are not simply in the same order."""
IN_A_ROW = 3
"""Words, marks and line ends in a row that are no coincidence in fewer texts either."""


def tokens_of(text: str) -> list[str]:
    """Return a text as tokens, which joined are the text."""
    return TOKEN.findall(text)


def align(texts: Sequence[Tokens]) -> list[Piece]:
    """Return literals and gaps in turn; a literal that may be a coincidence is a part of the gaps beside it."""
    return _joined(_aligned(list(texts), DEPTH))


def _aligned(texts: list[Tokens], depth: int) -> list[Piece]:
    begin = _n_common(texts)
    rest = [t[begin:] for t in texts]
    end = _n_common([t[::-1] for t in rest])
    middle = [t[: len(t) - end] for t in rest]
    before: list[Piece] = ["".join(texts[0][:begin])]
    after: list[Piece] = ["".join(rest[0][len(rest[0]) - end :])]
    if not any(middle):
        return [*before, *after]
    points = _fixed_points(middle) if depth and all(middle) else []
    if not points:
        return [*before, None, *after]
    found: list[Piece] = []
    for last, point in pairwise([None, *points, None]):
        parts = [_between(t, last, point) for t in middle]
        found += [*_aligned(parts, depth - 1), *([point] if point is not None else [])]
    return [*before, *_trusted(_joined(found), len(set(map(tuple, middle)))), *after]


def _n_common(texts: Sequence[Tokens]) -> int:
    """Return how many tokens all texts begin with."""
    n = 0
    for column in zip(*texts, strict=False):
        if len(set(column)) > 1:
            break
        n += 1
    return n


def _fixed_points(texts: Sequence[Tokens]) -> list[str]:
    """Return tokens, not blanks, that occur once in every text, in an order that all texts have."""
    unique = [{t for t, n in Counter(text).items() if n == 1} for text in texts]
    common = {t for t in set.intersection(*unique) if not t.isspace()}
    orders = [[t for t in text if t in common] for text in texts]
    return _common_order(orders)


def _common_order(orders: Sequence[Sequence[str]]) -> list[str]:
    """Return a longest sequence that is in the order of every text; each of `orders` holds the same tokens once."""
    if all(list(o) == list(orders[0]) for o in orders):
        return list(orders[0])
    first = orders[0][:MOST_POINTS]
    places = [{t: i for i, t in enumerate(order)} for order in orders]
    best: list[tuple[int, int]] = []  # (length of the longest sequence that ends here, the place before)
    for i, token in enumerate(first):
        before = [(best[j][0], j) for j in range(i) if all(p[first[j]] < p[token] for p in places)]
        length, place = max(before, default=(0, -1))
        best.append((length + 1, place))
    at = max(range(len(best)), key=lambda i: best[i][0], default=-1)
    found: list[str] = []
    while at >= 0:
        found.append(first[at])
        at = best[at][1]
    return found[::-1]


def _between(text: Tokens, last: str | None, point: str | None) -> Tokens:
    begin = 0 if last is None else text.index(last) + 1
    return text[begin : len(text) if point is None else text.index(point, begin)]


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Join neighbouring literals, and neighbouring gaps; the first and the last piece are literals."""
    found: list[Piece] = [""]
    for piece in pieces:
        if piece is None:
            found += [None, ""]
        else:
            found[-1] = f"{found[-1]}{piece}"
    kept = [p for i, p in enumerate(found) if p != "" or i in (0, len(found) - 1)]
    return [p for i, p in enumerate(kept) if not (p is None and i and kept[i - 1] is None)]


def _trusted(pieces: list[Piece], n_texts: int) -> list[Piece]:
    """Drop literals between two gaps that say too little: blanks, or in few texts fewer than a few tokens."""
    inner = range(1, len(pieces) - 1)
    dropped = {i for i in inner if (p := pieces[i]) is not None and not _is_trusted(p, n_texts)}
    kept = [p for i, p in enumerate(pieces) if i not in dropped]
    return [p for i, p in enumerate(kept) if not (p is None and i and kept[i - 1] is None)]


def _is_trusted(literal: str, n_texts: int) -> bool:
    if not literal.strip():
        return "\n" in literal and n_texts >= ENOUGH
    return n_texts >= ENOUGH or sum(t == "\n" or not t.isspace() for t in tokens_of(literal)) >= IN_A_ROW
