"""`offline/taxonomy`: names clusters from their own words, assigns failures by shared words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

from flywheel_pipeline.adapters.llm.offline.words import content_words, stem, words
from flywheel_pipeline.prompting import read_fence, text_of

MIN_LIKENESS = 0.3
MAX_NAME_WORDS = 8


def reply(messages: list[dict[str, Any]]) -> str:
    """Answer either question of the cluster step, told apart by the data."""
    data = read_fence(text_of(messages[-1].get("content"))) or {}
    return json.dumps(_name(data["clusters"]) if "clusters" in data else _assign(data))


def _name(clusters: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"modes": [_named(c) for c in clusters]}


def _named(cluster: dict[str, Any]) -> dict[str, Any]:
    """Name a cluster by its most typical short note; define it by the words that its notes share."""
    notes: list[str] = cluster["notes"]
    typical = max(notes[:5], key=lambda n: (_typicality(n, notes), -len(n)))
    shared = [w for w, n in Counter(w for note in notes for w in content_words(note)).most_common(6) if n > 1]
    about = f" Notes like it share the words: {', '.join(_spelled(shared, notes))}." if shared else ""
    return {
        "cluster_ids": [cluster["cluster_id"]],
        "name": _short(typical),
        "definition": f"Failures like “{typical}”.{about}",
    }


def _typicality(note: str, notes: Sequence[str]) -> float:
    return sum(_likeness(note, other) for other in notes)


def _likeness(a: str, b: str, weight: Mapping[str, float] | None = None) -> float:
    """Return the (weighted) Dice coefficient of the content words of two notes, or the share of the shorter one.

    The second, at a discount, is for a long comment that says in passing what a short code says; it takes two
    shared words.
    """

    def size(stems: set[str]) -> float:
        return sum(weight.get(w, 1.0) for w in stems) if weight else float(len(stems))

    x, y = content_words(a), content_words(b)
    if x and x == y:
        return 1.0
    shared, smaller = size(x & y), min(size(x), size(y))
    if not smaller:
        return 0.0
    contained = 0.8 * shared / smaller if len(x & y) > 1 else 0.0
    return max(2 * shared / (size(x) + size(y)), contained)


def _spelled(stems: Sequence[str], notes: Sequence[str]) -> list[str]:
    """Return the commonest spelling of every stem, for people."""
    spelling = Counter(w for note in notes for w in words(note))
    return [next(w for w, _ in spelling.most_common() if stem(w) == s) for s in stems]


def _short(note: str) -> str:
    clause = re.split(r"[.;:\n](?:\s|$)|, (?=but|and|so|which)", re.sub(r"^\s*\d+[.)]\s*", "", note))[0]
    kept = clause.split()[:MAX_NAME_WORDS]
    text = " ".join(kept).strip(" ,-")
    return text[:1].upper() + text[1:]


def _assign(data: dict[str, Any]) -> dict[str, Any]:
    note = data["failure"]["note"]
    rarity = _rarity([text for mode in data["modes"] for text in mode["examples"]] + [note])
    scored = [(_fit(note, mode, rarity), mode["mode_id"]) for mode in data["modes"]]
    score, best = max(scored, key=lambda s: s[0], default=(0.0, "none"))
    if score < MIN_LIKENESS:
        return {"mode_id": "none", "confidence": round(1 - score, 2), "quote": ""}
    return {"mode_id": best, "confidence": round(min(1.0, score), 2), "quote": note[:80]}


def _fit(note: str, mode: dict[str, Any], rarity: Mapping[str, float]) -> float:
    return max(_likeness(note, text, rarity) for text in [mode["name"], *mode["examples"]])


def _rarity(texts: Sequence[str]) -> dict[str, float]:
    """Return the weight of every stem: 1 for one that a single note holds, 0 for one that all hold."""
    spread = Counter(w for text in texts for w in content_words(text))
    return {w: max(0.0, log2(len(texts) / n) / log2(len(texts))) if len(texts) > 2 else 1.0 for w, n in spread.items()}
