"""Dimension tuples: what a user may ask, who asks and how, combined so that every pair of values comes up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

Tuple = Mapping[str, str]
"""{dimension: value}, for example {feature: refunds, persona: first-time buyer, scenario: no receipt}."""

Pair = frozenset[tuple[str, str]]


def covering_tuples(
    dimensions: Mapping[str, Sequence[str]], invalid: Sequence[Tuple] = (), maximum: int | None = None
) -> list[Tuple]:
    """Return few tuples in which every valid pair of values occurs (a pairwise covering array, built greedily).

    Each tuple begins with the first pair that is still missing and takes, dimension by dimension, the value that
    brings most missing pairs (in the manner of AETG: Cohen et al. 1997). A rule of `invalid` forbids every tuple that
    agrees with all of it; a pair that can stand in no tuple is left out. The first `maximum` are returned.
    """
    names = [n for n, values in dimensions.items() if values]
    if len(names) == 1:
        single: list[Tuple] = [{names[0]: v} for v in dimensions[names[0]]]
        return single[:maximum]
    missing = dict.fromkeys(
        frozenset({(a, x), (b, y)}) for a, b in combinations(names, 2) for x in dimensions[a] for y in dimensions[b]
    )
    found: list[Tuple] = []
    while missing and (maximum is None or len(found) < maximum):
        begun = next(iter(missing))
        whole = _completed(dict(begun), names, dimensions, invalid, missing)
        for pair in _pairs(whole) if whole else (begun,):
            missing.pop(pair, None)
        if whole:
            found.append({n: whole[n] for n in names})
    return found


def _completed(
    begun: dict[str, str],
    names: Sequence[str],
    dimensions: Mapping[str, Sequence[str]],
    invalid: Sequence[Tuple],
    missing: Iterable[Pair],
) -> dict[str, str] | None:
    """Return `begun` with a value for every dimension, None when every way to complete it is forbidden."""
    if any(rule.items() <= begun.items() for rule in invalid):
        return None
    open_names = [n for n in names if n not in begun]
    if not open_names:
        return begun
    wanted = set(missing)
    name = open_names[0]

    def gain(value: str) -> int:
        return sum(frozenset({(name, value), other}) in wanted for other in begun.items())

    for value in sorted(dimensions[name], key=lambda v: -gain(v)):
        whole = _completed({**begun, name: value}, names, dimensions, invalid, missing)
        if whole is not None:
            return whole
    return None


def _pairs(values: Tuple) -> Iterable[Pair]:
    return (frozenset(pair) for pair in combinations(values.items(), 2))


def tuple_name(values: Tuple) -> str:
    """Return how a case made from a tuple is marked."""
    return "tuple: " + ", ".join(f"{name}={value}" for name, value in values.items())
