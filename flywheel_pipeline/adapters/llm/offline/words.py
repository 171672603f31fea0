"""Crude language tools of the stand-in: sentences, stems, and how much of one text another covers."""

from __future__ import annotations

import re
from collections.abc import Iterable

STOP = frozenset(
    """
    a about after all also am an and any are as at be because been before being but by can cannot could did do does
    doing don dont for from get go got had has have having he hello help her here hey hi him his how i if im in into
    is it its just know let like many me more most much must my need no not now of off on only or other our out over
    please so some still such than thank thanks that the their them then there these they thing this those to too up
    us use very want was we were what when where which while who why will with would yes you your best regards dear
    good morning afternoon evening kind cheers one
    """.split()
)
"""Words that carry no meaning of their own in a question or an answer."""


def words(text: str) -> list[str]:
    """Return the lower-case words and numbers of `text`, in order."""
    return re.findall(r"[a-z]+|\d+(?:[.,]\d+)?", text.lower().replace("’", "'"))


def stem(word: str) -> str:
    """Cut the commonest English endings: cancelled, cancelling and cancels become one."""
    for ending in ("ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y", "al"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def content_words(text: str) -> set[str]:
    """Return the stems of the words of `text` that carry meaning."""
    return {stem(w) for w in words(text) if w not in STOP and (len(w) > 1 or w.isdigit())}


def sentences(text: str) -> list[str]:
    """Split `text` at sentence ends and line breaks."""
    parts = re.split(r"(?<=[.!?])\s+|\n+", text)
    return [p.strip() for p in parts if p.strip()]


def coverage(text: str, by: Iterable[str]) -> float:
    """Return the share of the content words of `text` that are among the stems `by`; 1 for no words."""
    wanted = content_words(text)
    return len(wanted & set(by)) / len(wanted) if wanted else 1.0


def numbers(text: str) -> set[str]:
    """Return the numbers in `text`, as written."""
    return set(re.findall(r"\d+(?:[.,]\d+)?", text))
