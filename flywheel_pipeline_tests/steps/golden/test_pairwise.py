"""Few tuples that bring every pair of values together, and none that is forbidden."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.golden.pairwise import Tuple, covering_tuples, tuple_name

THREE = {n: [f"{n}{i}" for i in range(4)] for n in ("feature", "persona", "scenario")}
Pairs = set[frozenset[tuple[str, str]]]


def pairs(tuples: list[Tuple]) -> Pairs:
    return {frozenset(p) for t in tuples for p in combinations(t.items(), 2)}


def possible(dimensions: dict[str, list[str]], invalid: list[dict[str, str]]) -> Pairs:
    """All pairs that stand in some tuple that no rule forbids, by trying every tuple."""
    every = [dict(zip(dimensions, values, strict=True)) for values in product(*dimensions.values())]
    return pairs([t for t in every if not any(rule.items() <= t.items() for rule in invalid)])


def test_every_pair_of_values_occurs_in_far_fewer_tuples_than_there_are() -> None:
    tuples = covering_tuples(THREE)
    assert pairs(tuples) == possible(THREE, [])
    assert 16 <= len(tuples) <= 22  # of 64; 16 is the least possible
    assert all(list(t) == list(THREE) for t in tuples)


def test_what_a_rule_forbids_never_occurs_and_the_rest_still_does() -> None:
    rules = [{"feature": "feature0", "persona": "persona1"}, {"scenario": "scenario3", "persona": "persona2"}]
    tuples = covering_tuples(THREE, rules)
    assert not any(rule.items() <= t.items() for rule in rules for t in tuples)
    assert pairs(tuples) == possible(THREE, rules)


def test_a_value_that_is_forbidden_altogether_is_left_out() -> None:
    tuples = covering_tuples({"a": ["1", "2"], "b": ["x"]}, [{"a": "1"}])
    assert tuples == [{"a": "2", "b": "x"}]


def test_one_dimension_gives_its_values_and_none_gives_nothing() -> None:
    assert covering_tuples({"a": ["1", "2"]}) == [{"a": "1"}, {"a": "2"}]
    assert covering_tuples({}) == covering_tuples({"a": []}) == []


@pytest.mark.parametrize("n", [0, 1, 5])
def test_no_more_than_wanted_and_the_same_first_ones(n: int) -> None:
    assert covering_tuples(THREE, maximum=n) == covering_tuples(THREE)[:n]


def test_a_tuple_is_named_by_its_values() -> None:
    assert tuple_name({"feature": "refund", "persona": "new"}) == "tuple: feature=refund, persona=new"


VALUES = st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=3, unique=True)
DIMENSIONS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, min_size=2, max_size=4)


@settings(max_examples=80, deadline=None)
@given(DIMENSIONS, st.data())
def test_whatever_the_dimensions_and_rules_all_possible_pairs_occur_and_no_forbidden_tuple(
    dimensions: dict[str, list[str]], data: st.DataObject
) -> None:
    one = st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in dimensions.items()})
    rules = data.draw(st.lists(one.filter(bool), max_size=3))
    tuples = covering_tuples(dimensions, rules)
    assert not any(rule.items() <= t.items() for rule in rules for t in tuples)
    assert pairs(tuples) == possible(dimensions, rules)
