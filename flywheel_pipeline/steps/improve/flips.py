"""Cases that change between two prompts: which the expert is asked to label, blind, and which labels count."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.records import CaseAnswer

Labels = Mapping[str, tuple[bool, bool]]
"""{case_id: (the expert passes the answer before, the answer after)}."""

BATCH = 20
"""Flipped cases that the expert is asked for at a time, and that a decision needs at least, if there are so many."""

LIMIT = 80
"""Flipped cases that the expert is asked for at most."""


@dataclass(frozen=True)
class FlipLabel:
    """The expert's verdicts on the two answers to a case that flipped; `answers` is the `digest` of these two."""

    before: bool
    after: bool
    answers: str


@dataclass(frozen=True)
class Pair:
    """The two answers of a case that are compared: that of the production prompt, and that of the candidate."""

    before: CaseAnswer
    after: CaseAnswer

    @property
    def digest(self) -> str:
        """A hash of both texts and tool calls: a label counts for exactly these answers and for no later ones."""
        before, after = self.before.output or "", self.after.output or ""
        calls = [a.tool_calls for a in (self.before, self.after)]
        return _hash("answers", str(len(before)), before, after, *(calls if set(calls) != {"[]"} else ()))[:16]


def flipped(before: Mapping[str, float], after: Mapping[str, float], cases: Sequence[str]) -> list[str]:
    """Return the cases whose outcome is known on both sides and differs."""
    return [c for c in cases if c in before and c in after and before[c] != after[c]]


def drawn(flips: Sequence[str]) -> list[str]:
    """Return the flipped cases that are labelled at most, in a random order that is the same every time."""
    return sorted(flips, key=lambda c: _hash("flip", c))[:LIMIT]


def next_batch(flips: Sequence[str], labels: Labels) -> list[str]:
    """Return the flipped cases to label next: what is open of the first round of `BATCH` that is not complete.

    New labels on the same answers are no new look at the test split.
    """
    order = drawn(flips)
    rounds = ([c for c in order[:n] if c not in labels] for n in _rounds(order))
    return next((batch for batch in rounds if batch), [])


def in_rounds(flips: Sequence[str], labels: Labels) -> Labels:
    """Return the labels of complete rounds, the only ones that count.

    So whoever submits a few labels at a time has the gate decide no more often than after every 20, which is how
    often `gate simulate` lets it decide.
    """
    order = drawn(flips)
    complete = [n for n in _rounds(order) if all(c in labels for c in order[:n])]
    return {c: labels[c] for c in order[: max(complete, default=0)]}


def _rounds(order: Sequence[str]) -> list[int]:
    return [*range(BATCH, len(order), BATCH), len(order)]


def pair_of(candidate: str, case_id: str, before: Sequence[CaseAnswer], after: Sequence[CaseAnswer]) -> Pair | None:
    """Return one answer of each prompt to a case, of the same repeat; None where no repeat has an answer of both.

    The repeat is drawn at random, the same every time: a repeat chosen because it flipped would overstate the change.
    """
    old, new = ({a.repeat: a for a in side if not a.error and a.case_id == case_id} for side in (before, after))
    both = sorted(old.keys() & new.keys())
    if not both:
        return None
    repeat = both[int(_hash("repeat", candidate, case_id)[:8], 16) % len(both)]
    return Pair(old[repeat], new[repeat])


def shows_candidate_first(base: str, candidate: str, case_id: str) -> bool:
    """Return whether the candidate's answer is the first of the two that the expert sees: as a coin falls, per case."""
    return int(_hash("first", base, candidate, case_id)[:8], 16) % 2 == 1


def labels_on(
    given: Mapping[str, FlipLabel], candidate: str, before: Sequence[CaseAnswer], after: Sequence[CaseAnswer]
) -> dict[str, tuple[bool, bool]]:
    """Return the labels that are about the answers as they are now; those of other answers do not count."""
    pairs = {case_id: pair_of(candidate, case_id, before, after) for case_id in given}
    return {
        case_id: (label.before, label.after)
        for case_id, label in given.items()
        if (pair := pairs[case_id]) and pair.digest == label.answers
    }


def _hash(*parts: str) -> str:
    return hashlib.sha256(":".join(parts).encode("utf-8", "replace")).hexdigest()
