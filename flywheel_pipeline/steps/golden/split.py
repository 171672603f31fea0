"""Families of near-duplicates, and the split that a family's hash decides for ever."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

NEAR = 0.92
"""Cosine from which two questions count as near-duplicates, if their numbers are equal."""

SHARES = (("train", 0.2), ("dev", 0.6), ("test", 1.0))
"""Upper ends of the splits: 20 % train, 40 % dev, 40 % test."""


def split_of(family: str) -> str:
    """Return the split of a family: its hash decides, so that adding cases never moves one."""
    u = int(hashlib.sha256(f"split:{family}".encode()).hexdigest()[:8], 16) / 2**32
    return next(name for name, upper in SHARES if u < upper)


def family_name(text: str) -> str:
    """Return the name of the family that a question founds."""
    return "f-" + hashlib.sha256(" ".join(re.findall(r"\w+", text.lower())).encode()).hexdigest()[:10]


def families(texts: Sequence[str], sources: Sequence[str | None], vectors: Any, known: Sequence[str]) -> list[str]:
    """Return the family of every text; the first `len(known)` texts have theirs already.

    A later text joins the family of the first earlier one that it nearly repeats (cosine of `vectors` at
    least `NEAR` and the same numbers) or that has the same source; else it founds one.
    """
    similarity = np.asarray(vectors) @ np.asarray(vectors).T
    found = list(known)
    digits = [sorted(re.findall(r"\d+", t)) for t in texts]
    for i in range(len(known), len(texts)):
        same = (
            j for j in range(i)
            if (sources[i] and sources[i] == sources[j]) or (similarity[i, j] >= NEAR and digits[i] == digits[j])
        )  # fmt: skip
        twin = next(same, None)
        found.append(family_name(texts[i]) if twin is None else found[twin])
    return found
