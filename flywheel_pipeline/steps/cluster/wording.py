"""What of an expert's note is compared: its first point, in few spellings, without words that carry nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

SPELLINGS: Mapping[str, str] = {
    r"\b(made|make|makes|making)[ -]up\b|\b(fabricat|hallucinat|invent)\w*": "invented",
    r"\bhand(ed|ing|s)?[ -]?(over|off)s?\b": "handover",
    r"\b(human|colleague|employee|operator|representative)s?\b": "person",
}
"""Words of failure notes that mean the same, so that notes are not told apart by spelling."""

TELLING = frozenset(
    """
    no not nothing only one two first whole done again already other instead never cannot wrong off without more too
    """.split()
)
"""Words that usual lists of stop words drop, but that tell failures apart."""


def first_point(note: str) -> str:
    """Return the first of a note's numbered points (the first failure is what counts), else the note."""
    found = re.match(r"\s*1[.)]\s*(.+?)(?:\n|\s2[.)]\s|$)", note, re.DOTALL)
    return found.group(1).strip() if found else note.strip()


def comparable(note: str) -> str:
    """Return the words of a note by which it is compared with others."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    text = first_point(note).lower()
    for spelling, word in SPELLINGS.items():
        text = re.sub(spelling, word, text)
    return " ".join(w for w in re.findall(r"[^\W_]+", text) if w in TELLING or w not in ENGLISH_STOP_WORDS)
