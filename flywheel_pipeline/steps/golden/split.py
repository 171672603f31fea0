"""Families of near-duplicates, and the split that a family's hash decides for ever."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from flywheel_pipeline.leakage import normalised
from flywheel_pipeline.steps.golden.near_duplicates import near_pairs

SHARES = (("train", 0.2), ("dev", 0.6), ("test", 1.0))
"""Upper ends of the splits: 20 % train, 40 % dev, 40 % test."""


def split_of(family: str) -> str:
    """Return the split of a family: its hash decides, so that adding cases never moves one."""
    u = int(hashlib.sha256(f"split:{family}".encode()).hexdigest()[:8], 16) / 2**32
    return next(name for name, upper in SHARES if u < upper)


def family_name(text: str) -> str:
    """Return the name of the family that a question founds."""
    return "f-" + hashlib.sha256(normalised(text).encode(errors="surrogatepass")).hexdigest()[:10]


def families(
    texts: Sequence[str], sources: Sequence[str | None], vectors: Any, known: Sequence[str]
) -> list[str | None]:
    """Return the family of every text; the first `len(known)` texts have theirs already and keep it.

    Texts that are near-duplicates (`near_pairs`) or have the same source, which is a conversation, belong together,
    over as many steps as it takes (union-find). New ones join the oldest family that they touch, and are in its split;
    those that touch none found one, named by the least hash among them, in whatever order they come.

    None for a text that would tie together families of different splits: no split could hold it without a leak.
    """
    links = defaultdict(set)
    for i, j in _links(texts, sources, vectors, len(known)):
        links[i].add(j)
        links[j].add(i)
    new = range(len(known), len(texts))
    touched = {i: sorted(j for j in links[i] if j < len(known)) for i in new}
    torn = {i for i in new if len({split_of(known[j]) for j in touched[i]}) > 1}
    found: dict[int, str | None] = dict.fromkeys(torn)
    for group in _groups([i for i in new if i not in torn], links):
        found |= _settled(group, touched, texts, known)
    return [*known, *(found[i] for i in new)]


def _links(
    texts: Sequence[str], sources: Sequence[str | None], vectors: Any, n_known: int
) -> Iterator[tuple[int, int]]:
    yield from near_pairs(texts, vectors, n_known)
    first: dict[str, list[int]] = defaultdict(list)
    for i, source in enumerate(sources):
        if source:
            if i >= n_known:
                yield from ((j, i) for j in first[source])
            if i < n_known or not first[source]:  # new texts of a source need one link only, known ones all
                first[source].append(i)


def _groups(rows: Sequence[int], links: Mapping[int, Collection[int]]) -> Iterator[list[int]]:
    """Yield the connected components among `rows`."""
    waiting = set(rows)
    for start in rows:
        if start not in waiting:
            continue
        waiting.discard(start)
        group, edge = [start], [start]
        while edge:
            near = sorted(j for j in links[edge.pop()] if j in waiting)
            waiting.difference_update(near)
            group += near
            edge += near
        yield sorted(group)


def _settled(
    group: Sequence[int], touched: Mapping[int, Sequence[int]], texts: Sequence[str], known: Sequence[str]
) -> dict[int, str | None]:
    """Return the families of connected texts, each of which touches families of one split at most."""
    oldest = min((j for i in group for j in touched[i]), default=None)
    if oldest is None:
        return dict.fromkeys(group, min(family_name(texts[i]) for i in group))
    split = split_of(known[oldest])
    return {i: known[oldest] if all(split_of(known[j]) == split for j in touched[i]) else None for i in group}
