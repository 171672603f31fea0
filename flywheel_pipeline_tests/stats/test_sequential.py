"""A test that may be looked at at any time: its error holds over all looks together, and it finds harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.stats.sequential import Counts, always_valid_interval, evidence_of_harm

COUNTS = st.integers(1, 500).flatmap(lambda n: st.integers(0, n).map(lambda bad: Counts(n, bad)))


def test_without_sessions_nothing_is_known() -> None:
    assert evidence_of_harm(Counts(0, 0), Counts(10, 1)) == 0
    assert always_valid_interval(Counts(10, 1), Counts(0, 0)) == (-1, 1)


@given(COUNTS, COUNTS)
def test_the_interval_holds_the_difference_and_swapping_the_arms_mirrors_it(a: Counts, b: Counts) -> None:
    low, high = always_valid_interval(a, b)
    assert -1 <= low <= a.rate - b.rate <= high <= 1
    assert always_valid_interval(b, a) == pytest.approx((-high, -low))


@given(COUNTS, COUNTS)
def test_more_failures_of_the_canary_are_more_evidence(a: Counts, b: Counts) -> None:
    if a.n_bad < a.n / 2 - 1:
        assert evidence_of_harm(Counts(a.n, a.n_bad + 1), b) >= evidence_of_harm(a, b) * (1 - 1e-9) or (
            a.rate <= b.rate and evidence_of_harm(Counts(a.n, a.n_bad + 1), b) < 20
        )


@given(COUNTS)
def test_equal_rates_are_never_evidence_of_harm(a: Counts) -> None:
    assert evidence_of_harm(a, a) < 2


def _looks(rate: float, harm: float, runs: int, seed: int) -> np.ndarray:
    """Whether harm was shown at any of 60 looks, 20 sessions of the canary and 80 beside it between two looks."""
    rng = np.random.default_rng(seed)
    canary = rng.binomial(20, rate + harm, (runs, 60)).cumsum(axis=1)
    control = rng.binomial(80, rate, (runs, 60)).cumsum(axis=1)
    shown = np.zeros(runs, dtype=bool)
    for run in range(runs):
        for look in range(1, 60):
            arms = Counts(20 * (look + 1), int(canary[run, look])), Counts(80 * (look + 1), int(control[run, look]))
            if evidence_of_harm(*arms) >= 20:
                shown[run] = True
                break
    return shown


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_equal_arms_are_stopped_in_less_than_one_case_of_twenty_over_sixty_looks(rate: float) -> None:
    assert _looks(rate, 0.0, 400, 1).mean() < 0.05


def test_a_harm_of_ten_points_is_found() -> None:
    assert _looks(0.1, 0.1, 100, 2).mean() > 0.9
