"""Synthetic edge cases: the same request, written the way hurried people write it. The demand stays."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from flywheel_pipeline.steps.golden.cases import Draft


def _typos(text: str) -> str:
    """Swap two inner letters in every fourth longer word."""
    chance = random.Random(hashlib.sha256(text.encode()).digest())

    def swap(match: re.Match[str]) -> str:
        word = match.group(0)
        if chance.random() > 0.25:
            return word
        i = chance.randrange(1, len(word) - 2)
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]

    return re.sub(r"[A-Za-z]{5,}", swap, text)


VARIATIONS: Mapping[str, Callable[[str], str]] = {
    "lower case, no commas": lambda text: re.sub(r"[,;:!](?!\d)", "", text).lower(),
    "shouted": str.upper,
    "typing errors": _typos,
    "chatty opening": lambda text: (
        "Hi there, hope you are having a good day. I have been a customer for a while. " + text
    ),
}
"""Deterministic ways to write a message differently without asking for anything else."""


def vary_case(draft: Draft, n: int) -> list[Draft]:
    """Return up to `n` variations of a case that differ from it, marked synthetic."""
    last = draft.messages[-1]
    texts = dict.fromkeys(write(draft.input) for write in VARIATIONS.values())
    varied = [t for t in texts if t != draft.input][:n]
    return [
        replace(draft, kind="synthetic", messages=(*draft.messages[:-1], {**last, "content": t}), observed=None)
        for t in varied
    ]
