"""Judges as instruments: exact tests, corrections against hand calculation, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.stats import JudgeError, Recall, corrected_rate

few = settings(max_examples=60, deadline=None, derandomize=True)


def error(passes: tuple[int, int], fails: tuple[int, int]) -> JudgeError:
    return JudgeError(Recall(*passes), Recall(*fails))


@pytest.mark.parametrize(
    ("right", "n", "p"), [(0, 0, 1.0), (7, 7, 1 / 128), (9, 10, 11 / 1024), (16, 20, 6196 / 2**20)]
)
def test_the_chance_of_guessing_is_exact(right: int, n: int, p: float) -> None:
    assert Recall(right, n).p_guess == pytest.approx(p)


def test_a_judge_needs_both_recalls_above_one_half_and_enough_of_j() -> None:
    assert error((20, 20), (16, 20)).may_decide(0.4, 0.01)
    assert not error((20, 20), (15, 20)).may_decide(0.4, 0.01)
    assert not error((16, 20), (16, 20)).may_decide(0.4, 0.01)  # both above one half, but J only surely above 0.29


@few
@given(st.integers(0, 30), st.integers(0, 10), st.integers(0, 30), st.integers(0, 10))
def test_j_lies_within_its_interval(a: int, b: int, c: int, d: int) -> None:
    found = error((a, a + b), (c, c + d))
    value = found.passes.rate.value + found.fails.rate.value - 1
    assert -1 - 1e-9 <= found.youden_low <= value + 1e-9 <= found.youden_high + 2e-9
    assert found.youden.variance > 0


def test_the_corrected_rate_is_that_of_the_formula() -> None:
    """Lang & Reiczigel 2014 by hand: 300 of 500 judged to pass, TPR 45/50, TNR 32/40."""
    z2 = 1.959963984540054**2
    p, q1, q0 = (300 + z2 / 2) / (500 + z2), 46 / 52, 33 / 42
    j = q0 + q1 - 1
    theta = (p + q0 - 1) / j
    shift = 2 * z2 * (theta * q1 * (1 - q1) / 52 - (1 - theta) * q0 * (1 - q0) / 42)
    se = (p * (1 - p) / (500 + z2) + (1 - theta) ** 2 * q0 * (1 - q0) / 42 + theta**2 * q1 * (1 - q1) / 52) ** 0.5 / j
    found = corrected_rate(300, 500, error((45, 50), (32, 40)))
    assert found is not None
    assert found.value == pytest.approx((0.6 + 0.8 - 1) / 0.7)
    assert (found.low, found.high) == pytest.approx((theta + shift - z2**0.5 * se, theta + shift + z2**0.5 * se))


@few
@given(st.integers(0, 100), st.integers(0, 30), st.integers(0, 10), st.integers(0, 30), st.integers(0, 10))
def test_a_corrected_rate_is_a_rate_or_nothing(k: int, a: int, b: int, c: int, d: int) -> None:
    found = corrected_rate(k, 100, error((a, a + b), (c, c + d)))
    if found is None:
        assert (a + 1) / (a + b + 2) + (c + 1) / (c + d + 2) <= 1
    else:
        assert 0 <= found.low <= found.high <= 1 and 0 <= found.value <= 1


def test_a_perfect_app_under_seven_good_judges_may_be_perfect() -> None:
    rng, covered = np.random.default_rng(1), []
    together = 0.9**7
    for _ in range(600):
        measured = error((rng.binomial(30, together), 30), (rng.binomial(40, 1 - 0.1 * 0.9**6), 40))
        found = corrected_rate(int(rng.binomial(100, together)), 100, measured)
        covered.append(found is not None and found.high >= 1)
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize(("theta", "n"), [(0.85, 500), (0.6, 100), (0.95, 200)])
def test_the_corrected_interval_covers_the_truth(theta: float, n: int) -> None:
    rng, covered = np.random.default_rng(2), []
    for _ in range(500):
        measured = error((rng.binomial(40, 0.9), 40), (rng.binomial(40, 0.85), 40))
        passes = rng.random(n) < theta
        judged = np.where(passes, rng.random(n) < 0.9, rng.random(n) >= 0.85)
        found = corrected_rate(int(judged.sum()), n, measured)
        covered.append(found is not None and found.low <= theta <= found.high)
    assert np.mean(covered) >= 0.93
