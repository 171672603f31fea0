"""Inclusion probabilities: they sum to the size, keep a floor and follow the risk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.sample import inclusion_probabilities

SLACK = 1e-9
risks = st.lists(st.floats(1, 1e6), min_size=1, max_size=80).map(np.array)
shares = st.floats(0, 1)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(risks, st.integers(1, 100), shares)
def test_probabilities_sum_to_the_size_lie_in_the_unit_interval_and_keep_the_floor(risk, size, uniform_share):
    p = inclusion_probabilities(risk, size, uniform_share)
    assert p.sum() == pytest.approx(min(size, len(risk)))
    assert p.max() <= 1 + SLACK
    assert p.min() > 0
    assert p.min() >= uniform_share * min(1, size / len(risk)) - SLACK


@settings(max_examples=200, deadline=None, derandomize=True)
@given(risks, st.integers(1, 100), shares)
def test_a_riskier_trace_is_never_less_likely(risk, size, uniform_share):
    p = inclusion_probabilities(risk, size, uniform_share)
    assert np.all(np.diff(p[np.argsort(risk)]) >= -SLACK)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(risks, st.integers(1, 100), shares, st.floats(0.01, 100))
def test_only_the_proportions_of_the_risks_matter(risk, size, uniform_share, scale):
    one, other = (inclusion_probabilities(r, size, uniform_share) for r in (risk, scale * risk))
    assert one == pytest.approx(other, abs=1e-6)


def test_without_a_floor_probabilities_are_proportional_to_risk():
    assert inclusion_probabilities(np.array([1, 1, 2, 4]), 2, 0.0) == pytest.approx([0.25, 0.25, 0.5, 1.0])


def test_a_trace_that_would_exceed_certainty_is_certain_and_the_others_share_the_rest():
    # 100 takes one place for certain; then 9 of (9 + 1 + 1 + 1) * 1 place
    assert inclusion_probabilities(np.array([100, 9, 1, 1, 1]), 2, 0.0) == pytest.approx([1, 0.75, *[1 / 12] * 3])
    # after 100 is certain, 9 * 2 / 12 exceeds 1 as well
    assert inclusion_probabilities(np.array([100, 9, 1, 1, 1]), 3, 0.0) == pytest.approx([1, 1, *[1 / 3] * 3])


def test_a_uniform_share_of_one_ignores_the_risk_and_half_lies_between():
    risk = np.array([1.0, 1, 1, 5])
    assert inclusion_probabilities(risk, 2, 1.0) == pytest.approx([0.5] * 4)
    risky = inclusion_probabilities(risk, 2, 0.0)
    assert inclusion_probabilities(risk, 2, 0.5) == pytest.approx((risky + 0.5) / 2)


@pytest.mark.parametrize("size", [3, 4, 1000])
def test_a_frame_no_larger_than_the_size_is_taken_whole(size):
    assert inclusion_probabilities(np.array([1.0, 10, 100]), size, 0.3).tolist() == [1, 1, 1]


def test_the_risks_themselves_stay_as_they_were():
    risk = np.array([1.0, 100, 1, 1])
    inclusion_probabilities(risk, 2, 0.3)
    assert risk.tolist() == [1, 100, 1, 1]


def test_what_was_kept_by_halves_counts_twice() -> None:
    kept = np.array([1.0] * 10 + [0.5] * 20)
    risk = np.array([10.0] * 10 + [1.0] * 20)
    final = kept * inclusion_probabilities(risk, 6, 0.3, kept)
    assert final[0] / final[-1] == pytest.approx((0.3 / 50 + 0.7 * 10 / 140) / (0.3 / 50 + 0.7 / 140))
    assert (1 / final)[:10].sum() < (1 / final).sum()
