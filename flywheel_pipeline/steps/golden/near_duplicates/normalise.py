"""Questions reduced to the words that say what they ask, however they are typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from flywheel_pipeline.leakage import readable

MAX_WORDS = 400
"""Words of a text that count."""
MIN_WORDS = 3
"""Telling words from which a line or a sentence is compared by itself; of fewer only if it has `LONG` words."""
LONG = 5

_NUMBER = "#"
_ID = re.compile(
    r"(?:\b(?:order|ticket|case|ref|reference|invoice|serial|number|no|nr)\b[\s#:.-]{0,3}){0,3}"
    r"\b[a-z]{1,5}[-_/#]?\d{3}[\w-]*\b"
)
"""Numbers of orders, devices and the like, with the letters before them and what they are called."""
_SHORT = {
    "im": "i am", "ive": "i have", "id": "i would", "ill": "i will", "youre": "you are", "youve": "you have",
    "its": "it is", "thats": "that is", "whats": "what is", "wheres": "where is", "hows": "how is", "whos": "who is",
    "theres": "there is", "heres": "here is", "lets": "let us", "cant": f"{'can'} not", "cannot": f"{'can'} not",
    "wont": "will not", "dont": "do not", "doesnt": "does not", "didnt": "did not", "isnt": "is not",
    "arent": "are not", "wasnt": "was not", "werent": "were not", "havent": "have not", "hasnt": "has not",
    "hadnt": "had not", "couldnt": "could not", "wouldnt": "would not", "shouldnt": "should not", "aint": "is not",
    "u": "you", "ur": "your", "r": "are", "pls": "please", "plz": "please", "thx": "thanks", "ty": "thanks",
    "pw": "password", "tel": "phone", "gonna": "going to", "wanna": "want to", "gotta": "have to",
}  # fmt: skip
"""Contractions without their apostrophe, and short forms, written out."""
_SILENT = frozenset(
    "a about advance afraid after afternoon again all also am an and any anybody are as at be because been before "
    "best but by can cheers could day days dear did do does doing done evening every everybody everyone few find "
    "folks for friend from further get give go good got greetings guys had has have having hello help her here "
    "hey hi him his hope how i if in into is it just kind know let like lot madam make many may me might mine "
    "morning mr mrs must my need no nobody not now of ok okay on one or our out please possible question quick "
    "quite really regards respectfully say see shall she should sincerely sir so some somebody someone sorry team "
    "tell than thank thanks that the their them then there these they thing this those time to too try up us very "
    "want was way we well were what when where whether which while who whose why will wish with without wonder "
    "would yes yet you your yours".split()
)
"""Words that every question may have; greetings and thanks among them."""


def tokens(text: str) -> list[str]:
    """Return the words of `text`: contractions written out, numbers and ids masked.

    Of a text that is nothing but numbers they are not masked.
    """
    found: list[str] = []
    joined = _ID.sub(" 0 ", readable(text))
    joined = re.sub(r"(?<=\w)['’`´ʼ](?=\w)", "", joined)
    for word in re.findall(r"\w+", joined):
        if 2 * sum(map(str.isdigit, word)) >= len(word):
            found.append(_NUMBER)
        else:
            found += _SHORT.get(word, word).split()
    masked = all(word == _NUMBER for word in found)
    return (re.findall(r"\w+", readable(text)) if masked else found)[:MAX_WORDS]


def telling(words: Sequence[str]) -> tuple[str, ...]:
    """Return the stems, sorted, of the words that say what a question asks; numbers are none of them."""
    kept = [w for w in words if w not in _SILENT and w != _NUMBER and (len(w) > 1 or not w.isascii())]
    return tuple(sorted(map(stem, kept)))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return an English word without plural, past, -ing and -ly, others as they are."""
    if len(word) <= 3 or not word.isascii():
        return word
    cut = re.sub(r"sses$", "ss", re.sub(r"(?:ies|ied)$", "y", word))
    if not cut.endswith("ss"):
        cut = re.sub(r"(?<=\w{3})(?:ing|ed|es|ly|s)$", "", cut)
    return re.sub(r"(?<=\w{3})e$", "", cut)


def segments(text: str) -> Iterator[str]:
    """Yield the parts of a conversation that may be asked alone: the whole, its lines, their sentences."""
    yield text
    for line in text.split("\n"):
        if line.strip() and line != text:
            yield line
        sentences = [s for s in re.split(r"(?<=[.?!…。？！])\s+", line) if s.strip()]
        if len(sentences) > 1:
            yield from sentences
