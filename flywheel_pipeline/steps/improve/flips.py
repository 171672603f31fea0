"""Cases that change between two prompts: which the expert is asked to label, and what the labels correct."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

Labels = Mapping[str, tuple[bool, bool]]
"""{case_id: (the expert passes the answer before, the answer after)}."""

BATCH = 20
"""Flipped cases that the expert is asked for at a time, and that a decision needs at least, if there are so many."""

LIMIT = 80
"""Flipped cases that the expert is asked for at most."""


def flipped(before: Mapping[str, float], after: Mapping[str, float], cases: Sequence[str]) -> list[str]:
    """Return the cases whose outcome is known on both sides and differs."""
    return [c for c in cases if c in before and c in after and before[c] != after[c]]


def next_batch(flips: Sequence[str], labels: Labels) -> list[str]:
    """Return the flipped cases to label next: a random order that is the same every time, at most `LIMIT` in all.

    New labels on the same answers are no new look at the test split.
    """
    drawn = sorted(flips, key=lambda c: hashlib.sha256(f"flip:{c}".encode()).hexdigest())[:LIMIT]
    return [c for c in drawn if c not in labels][:BATCH]
