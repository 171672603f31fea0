"""What changed between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

WORDS = re.compile(r"\s*(?:[\u3040-\u30ff\u3400-\u9fff]|\w+?(?=[\u3040-\u30ff\u3400-\u9fff])|\w+|[^\w\s])|\s+")
"""Words, signs, and characters of scripts without spaces, with the white space before them: joined, they are the text.
"""
MOST_PAIRS = 2_000_000
"""Words before times words after up to which they are aligned; difflib takes at most half a second for as many."""


class Piece(NamedTuple):
    """A piece of either text: `same`, `removed` (only before) or `added` (only after)."""

    kind: str
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """Return the pieces that make up both texts, in order.

    The pieces that are not added give `before` and those that are not removed give `after`, character by character. Of
    long texts only what lies between the common beginning and the common end is aligned, or, where that is too long,
    shown as removed and added whole.
    """
    old, new = WORDS.findall(before), WORDS.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    old_middle, new_middle = old[start : len(old) - end], new[start : len(new) - end]
    pieces = [("same", old[:start]), *_align(old_middle, new_middle), ("same", old[len(old) - end :])]
    return _joined([(kind, "".join(words)) for kind, words in pieces])


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _align(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    if len(old) * len(new) > MOST_PAIRS:
        yield from (("removed", old), ("added", new))
        return
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "same", old[i:j]
        else:
            yield from (("removed", old[i:j]), ("added", new[k:m]))


def _joined(pieces: Sequence[tuple[str, str]]) -> list[Piece]:
    """Return the pieces without empty ones, neighbours of a kind joined."""
    found: list[Piece] = []
    for kind, text in pieces:
        if text and found and found[-1].kind == kind:
            found[-1] = Piece(kind, found[-1].text + text)
        elif text:
            found.append(Piece(kind, text))
    return found
