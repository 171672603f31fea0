"""Inclusion probabilities: they sum to the size, keep a floor and follow the risk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.sample import inclusion_probabilities, raise_to_minimum

SLACK = 1e-9
risks = st.lists(st.floats(1, 1e6), min_size=1, max_size=80).map(np.array)
shares = st.floats(0, 1)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(risks, st.integers(1, 100), shares)
def test_probabilities_sum_to_the_size_lie_in_the_unit_interval_and_keep_the_floor(
    risk: Any, size: Any, uniform_share: Any
) -> None:
    p = inclusion_probabilities(risk, size, uniform_share)
    assert p.sum() == pytest.approx(min(size, len(risk)))
    assert p.max() <= 1 + SLACK
    assert p.min() > 0
    assert p.min() >= uniform_share * min(1, size / len(risk)) - SLACK


@settings(max_examples=200, deadline=None, derandomize=True)
@given(risks, st.integers(1, 100), shares)
def test_a_riskier_trace_is_never_less_likely(risk: Any, size: Any, uniform_share: Any) -> None:
    p = inclusion_probabilities(risk, size, uniform_share)
    assert np.all(np.diff(p[np.argsort(risk)]) >= -SLACK)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(risks, st.integers(1, 100), shares, st.floats(0.01, 100))
def test_only_the_proportions_of_the_risks_matter(risk: Any, size: Any, uniform_share: Any, scale: Any) -> None:
    one, other = (inclusion_probabilities(r, size, uniform_share) for r in (risk, scale * risk))
    assert one == pytest.approx(other, abs=1e-6)


def test_without_a_floor_probabilities_are_proportional_to_risk() -> None:
    assert inclusion_probabilities(np.array([1, 1, 2, 4]), 2, 0.0) == pytest.approx([0.25, 0.25, 0.5, 1.0])


def test_a_trace_that_would_exceed_certainty_is_certain_and_the_others_share_the_rest() -> None:
    # 100 takes one place for certain; then 9 of (9 + 1 + 1 + 1) * 1 place
    assert inclusion_probabilities(np.array([100, 9, 1, 1, 1]), 2, 0.0) == pytest.approx([1, 0.75, *[1 / 12] * 3])
    # after 100 is certain, 9 * 2 / 12 exceeds 1 as well
    assert inclusion_probabilities(np.array([100, 9, 1, 1, 1]), 3, 0.0) == pytest.approx([1, 1, *[1 / 3] * 3])


def test_a_uniform_share_of_one_ignores_the_risk_and_a_smaller_one_is_a_floor() -> None:
    risk = np.array([1.0, 1, 1, 17])
    assert inclusion_probabilities(risk, 2, 1.0) == pytest.approx([0.5] * 4)
    risky = np.array([1.0] * 10 + [90.0] * 5)
    assert inclusion_probabilities(risky, 3, 0.0)[:10] == pytest.approx([3 / 460] * 10)
    assert inclusion_probabilities(risky, 3, 0.5) == pytest.approx([0.1] * 10 + [0.4] * 5)


@pytest.mark.parametrize("size", [3, 4, 1000])
def test_a_frame_no_larger_than_the_size_is_taken_whole(size: int) -> None:
    assert inclusion_probabilities(np.array([1.0, 10, 100]), size, 0.3).tolist() == [1, 1, 1]


def test_the_risks_themselves_stay_as_they_were() -> None:
    risk = np.array([1.0, 100, 1, 1])
    inclusion_probabilities(risk, 2, 0.3)
    assert risk.tolist() == [1, 100, 1, 1]


def test_what_was_kept_by_halves_counts_twice() -> None:
    kept = np.array([1.0] * 10 + [0.5] * 20)
    risk = np.array([10.0] * 10 + [1.0] * 20)
    final = kept * inclusion_probabilities(risk, 6, 0.3, 1 / kept)
    assert final[0] / final[-1] == pytest.approx(10)
    floored = kept * inclusion_probabilities(risk, 6, 0.9, 1 / kept)
    assert floored[-1] == pytest.approx(0.9 * 6 / 50)  # 50 traces, of which 40 are here as 20


columns = st.integers(1, 4).flatmap(
    lambda k: st.lists(st.lists(st.sampled_from("abcde"[: k + 1]), min_size=60, max_size=60), min_size=1, max_size=2)
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(columns, st.integers(0, 5), st.integers(20, 50), st.integers(0, 1000))
def test_no_stratum_is_left_below_its_minimum_and_the_size_stays(strata: Any, least: Any, size: Any, seed: Any) -> None:
    risk = 1 + 50 * np.random.default_rng(seed).random(60) ** 8
    raised = raise_to_minimum(inclusion_probabilities(risk, size, 0.3), strata, [least] * len(strata))
    assert raised.sum() == pytest.approx(size)
    assert raised.max() <= 1 + SLACK
    assert raised.min() >= 0
    for column in strata:
        labels = np.asarray(column)
        for value in set(column):
            goal = min(least, size / len(set(column)), (labels == value).sum())
            assert raised[labels == value].sum() >= goal - 1e-4


def test_what_has_enough_is_not_touched() -> None:
    p = np.full(10, 0.5)
    assert raise_to_minimum(p, [["a"] * 5 + ["b"] * 5], [2]).tolist() == p.tolist()


def test_a_rare_stratum_is_taken_whole_and_the_others_pay_for_it_in_proportion_to_what_they_can_spare() -> None:
    p = raise_to_minimum(np.full(100, 0.2), [["rare"] * 2 + ["common"] * 98], [3])
    assert p[:2].tolist() == [1, 1]
    assert p[2:] == pytest.approx([18 / 98] * 98)


def test_minima_that_exceed_the_sample_are_lowered_to_equal_shares() -> None:
    p = raise_to_minimum(np.full(40, 0.1), [[f"s{i // 4}" for i in range(40)]], [3])
    assert p == pytest.approx([0.1] * 40)
