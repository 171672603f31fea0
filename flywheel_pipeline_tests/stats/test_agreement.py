"""Weighted kappa equals scikit-learn's wherever that is defined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from flywheel_pipeline.stats import quadratic_weighted_kappa

ratings = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40)


@given(ratings.filter(lambda pairs: len({x for pair in pairs for x in pair}) > 1))
def test_it_equals_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    expected = cohen_kappa_score(first, second, labels=[1, 2, 3, 4, 5], weights="quadratic")
    assert quadratic_weighted_kappa(first, second) == pytest.approx(expected)


@given(ratings)
def test_it_does_not_matter_who_is_first(pairs: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    one, other = quadratic_weighted_kappa(first, second), quadratic_weighted_kappa(second, first)
    assert one == other if one is None or other is None else one == pytest.approx(other)


@pytest.mark.parametrize("same", [[], [3, 3, 3]])
def test_without_variation_it_is_not_known(same: list[int]) -> None:
    assert quadratic_weighted_kappa(same, same) is None


def test_equal_ratings_agree_fully_and_reversed_ones_disagree() -> None:
    assert quadratic_weighted_kappa([1, 3, 5], [1, 3, 5]) == 1
    assert quadratic_weighted_kappa([1, 3, 5], [5, 3, 1]) == -1


def test_two_steps_off_weigh_four_times_as_much_as_one() -> None:
    near = quadratic_weighted_kappa([1, 2, 4, 5], [2, 2, 4, 5])
    far = quadratic_weighted_kappa([1, 2, 4, 5], [3, 2, 4, 5])
    assert near is not None and far is not None and near > far


def test_ratings_of_different_items_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 and 1 ratings"):
        quadratic_weighted_kappa([1, 2], [1])
