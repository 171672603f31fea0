"""Prepare an expert's comments for comparison: their first point, their words, and which of them are the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.steps.cluster.modes import Failure

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def first_point(comment: str) -> str:
    """Return the first of a comment's numbered points (the first failure is what counts), else the comment."""
    found = re.match(r"\s*1[.)]\s*(.+?)(?:\n|\s2[.)]\s|$)", comment, re.DOTALL)
    return found.group(1).strip() if found else comment.strip()


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return [w.lower() for w in WORD.findall(text)]


def same_words(text: str) -> str:
    """Return a key that is equal for comments in the same words: letter case, punctuation and spacing do not count."""
    point = unicodedata.normalize("NFKC", first_point(text)).casefold()
    return " ".join(WORD.findall(point)) or " ".join(point.split())


@dataclass(frozen=True)
class Note:
    """The text that is compared, and all failures that are described by it, in the order of their trace ids."""

    text: str
    failures: tuple[Failure, ...]

    @property
    def key(self) -> str:
        """Return what is equal for notes in the same words."""
        return same_words(self.text)


def join_same_words(notes: Sequence[Note]) -> list[Note]:
    """Return one note for all that are in the same words, sorted by their words.

    The text is that of most failures; the order of `notes` makes no difference.
    """
    by_key: dict[str, list[Note]] = {}
    for note in notes:
        by_key.setdefault(note.key, []).append(note)
    return [_joined(by_key[key]) for key in sorted(by_key)]


def _joined(notes: Sequence[Note]) -> Note:
    by_text: dict[str, int] = {}
    for note in notes:
        by_text[note.text] = by_text.get(note.text, 0) + len(note.failures)
    text = min(by_text, key=lambda t: (-by_text[t], t))
    return Note(text, tuple(sorted((f for n in notes for f in n.failures), key=lambda f: f.trace_id)))
