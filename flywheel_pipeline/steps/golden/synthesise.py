"""Variations of a case by rule: the same request, written the way hurried people write it.

What is asked for and the expert's comment stay the same, so that no review is needed; what a model or a template writes
waits in `proposals` for one.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from flywheel_pipeline.steps.golden.cases import Draft


def _typos(text: str) -> str:
    """Swap two inner letters in every fourth longer word."""
    chance = random.Random(hashlib.sha256(text.encode(errors="surrogatepass")).digest())

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
    texts: dict[str, str] = {}
    for name, write in VARIATIONS.items():
        texts.setdefault(write(draft.input), name)
    return [reworded(draft, text, name) for text, name in texts.items() if text != draft.input][:n]


def reworded(draft: Draft, text: str, transform: str, kind: str = "synthetic") -> Draft:
    """Return the child of a case whose message under test is `text`; production never answered it."""
    messages = (*draft.messages[:-1], {**draft.messages[-1], "content": text})
    return replace(
        draft, kind=kind, messages=messages, observed=None, parent_case_id=draft.case_id, transform=transform
    )
