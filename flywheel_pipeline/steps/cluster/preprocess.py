"""What of an expert's note is compared: its first point, without the words of the conversation it is about."""

from __future__ import annotations

import re
from typing import NamedTuple

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

SHORT = 8
"""Words of a code, at most."""

LEAST_WORDS = 3
"""Words that must be left of a masked comment for it to say anything."""


def first_point(note: str) -> str:
    """Return the first of a note's numbered points (the first failure is what counts), else the note."""
    found = re.match(r"\s*1[.)]\s*(.+?)(?:\n|\s2[.)]\s|$)", note, re.DOTALL)
    return found.group(1).strip() if found else note.strip()


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return [w.lower() for w in WORD.findall(text)]


class Note(NamedTuple):
    """What is compared of a failure: the whole, and what is left of it without the words of its trace."""

    whole: str
    rest: str

    @classmethod
    def of(cls, text: str, trace: str = "") -> Note:
        """Return the note of a text's first point; a short one is a code, of which no word is left out."""
        point = first_point(text)
        return cls(point, mask_subject(point, trace) if trace and len(words_of(point)) > SHORT else point)


def mask_subject(note: str, trace: str) -> str:
    """Return the note without the content words that also occur in its trace: what is left is rather the failure.

    Stop words stay, since "no", "not" and "only" tell failures apart. A note that would keep fewer than
    `LEAST_WORDS` content words stays whole.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    said = set(words_of(trace)) - ENGLISH_STOP_WORDS
    kept = [w for w in WORD.findall(note) if w.lower() not in said]
    telling = [w for w in kept if w.lower() not in ENGLISH_STOP_WORDS]
    return " ".join(kept) if len(telling) >= LEAST_WORDS else note
