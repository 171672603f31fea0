"""Tell the prompts of several templates apart: each has words in a row that all its prompts have, and no others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from flywheel_pipeline.steps.deploy.templates.align import WORD, tokens_of

LEAST_SHARE = 0.2
"""Share of the texts that a block of words must be in; what fewer have in common may be a frequent value."""
LEAST_PAIRS = 9
"""Pairs of words in a row that make a block, where all texts have as many in common; else one more than they have, and
at least two. A short value that many prompts share (a language, a plan) makes no template."""

Pair = tuple[str, str]


def group_texts(texts: Sequence[str]) -> list[list[int]]:
    """Return the places of the texts in groups, each presumably of one template, the largest first."""
    pairs = [_pairs(t) for t in texts]
    waiting, groups = [list(range(len(texts)))], list[list[int]]()
    while waiting:
        group = waiting.pop()
        block = _block(pairs, group)
        if block is None:
            groups.append(group)
        else:
            waiting += [sorted(block), [i for i in group if i not in block]]
    return sorted(groups, key=lambda g: (-len(g), g))


def _pairs(text: str) -> set[Pair]:
    words = ["", *(t for t in tokens_of(text) if WORD.match(t)), ""]
    return set(pairwise(words))


def _block(pairs: Sequence[set[Pair]], group: Sequence[int]) -> frozenset[int] | None:
    """Return the texts of the block that explains most words of the group; None if the group is one template."""
    if len(group) < 2:
        return None
    holders: dict[Pair, list[int]] = defaultdict(list)
    for i in group:
        for pair in pairs[i]:
            holders[pair].append(i)
    by_texts: dict[tuple[int, ...], int] = defaultdict(int)
    for found in holders.values():
        by_texts[tuple(found)] += 1
    n_common = by_texts.pop(tuple(group), 0)
    needed = min(LEAST_PAIRS, max(2, n_common + 1))
    blocks = {
        found: n for found, n in by_texts.items()
        if n >= needed and len(found) >= max(2, LEAST_SHARE * len(group))
    }  # fmt: skip
    best = max(blocks, key=lambda found: (len(found) * blocks[found], found), default=None)
    return None if best is None else frozenset(best)
