"""Words and phrases in a text, as a reader sees it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from flywheel_pipeline.leakage import readable

_BETWEEN = r"[\s*_`~]+"
"""What may stand between two words of a phrase: spaces, a line break, Markdown's emphasis."""
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xD7FF), (0x20000, 0x3FFFF))
"""Scripts that do not separate words by spaces, or append particles to them: there a word has no visible ends."""
_QUOTES = str.maketrans("‘’ʼ´`“”„«»", "'''''\"\"\"\"\"")


def seen(text: str, ignore_case: bool = True) -> str:
    """Return `text` with compatible characters unified (NFKC) and without invisible ones, quotation marks plain.

    Without regard to case, lookalike letters of other alphabets are unified as well.
    """
    plain = readable(text) if ignore_case else unicodedata.normalize("NFKC", text)
    if not plain.isascii():
        plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return plain.translate(_QUOTES)


def occurs(phrase: str, text: str, whole_words: bool, ignore_case: bool) -> bool:
    """Return whether `phrase` occurs in `text`, which is `seen`; `whole_words` keeps "art" from occurring in "part"."""
    return _pattern(phrase, whole_words, ignore_case).search(text) is not None


@lru_cache(maxsize=10_000)
def _pattern(phrase: str, whole_words: bool, ignore_case: bool) -> re.Pattern[str]:
    """Return a pattern of literals, whose search is linear."""
    words = seen(phrase, ignore_case).split()
    pattern = _BETWEEN.join(map(re.escape, words))
    if whole_words and words:
        pattern = (r"(?<![^\W_])" if _has_ends(words[0][0]) else "") + pattern
        pattern += r"(?![^\W_])" if _has_ends(words[-1][-1]) else ""
    return re.compile(pattern)


def _has_ends(character: str) -> bool:
    code = ord(character)
    return character.isalnum() and not any(low <= code <= high for low, high in _UNSPACED)
