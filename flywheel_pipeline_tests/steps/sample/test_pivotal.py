"""The local pivotal method: exact probabilities, fixed sizes, spread samples, the same seed the same draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.sample import inclusion_probabilities, local_pivotal


def on_circle(angles: Any) -> np.ndarray:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def random_points(n: int, seed: int = 0) -> np.ndarray:
    return on_circle(np.random.default_rng(seed).uniform(0, 2 * np.pi, n))


risks = st.lists(st.floats(1, 1000), min_size=2, max_size=40).map(np.array)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(risks, st.integers(1, 39), st.floats(0, 1), st.integers(0, 2**32))
def test_the_sample_has_exactly_the_size_that_the_probabilities_sum_to(
    risk: Any, size: Any, uniform_share: Any, seed: Any
) -> None:
    p = inclusion_probabilities(risk, size, uniform_share)
    chosen = local_pivotal(p, random_points(len(p)), seed)
    assert len(chosen) == min(size, len(p))
    assert chosen == sorted(set(chosen))
    assert set(np.flatnonzero(p >= 1 - 1e-9)) <= set(chosen) <= set(range(len(p)))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), max_size=30).map(np.array), st.integers(0, 1000))
def test_a_fractional_sum_is_rounded_up_or_down(p: Any, seed: Any) -> None:
    n = len(local_pivotal(p, random_points(len(p)), seed))
    assert p.sum() - 1 - 1e-6 < n < p.sum() + 1 + 1e-6


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0.0, 1.0]), max_size=20).map(np.array), st.integers(0, 1000))
def test_what_is_certain_is_taken_and_what_is_impossible_is_not(p: Any, seed: Any) -> None:
    assert local_pivotal(p, random_points(len(p)), seed) == np.flatnonzero(p).tolist()


def test_the_same_seed_gives_the_same_draw_and_other_seeds_others() -> None:
    p, points = np.full(40, 0.25), random_points(40)
    draws = [local_pivotal(p, points, seed) for seed in (1, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len({tuple(d) for d in draws}) == 3
    assert p.tolist() == [0.25] * 40


@pytest.mark.parametrize(
    "points", [random_points(16), np.zeros((16, 2)), np.ones((16, 1))], ids=["circle", "zero", "same"]
)
def test_every_unit_is_drawn_as_often_as_its_probability_says(points: Any) -> None:
    p = inclusion_probabilities(np.array([1.0] * 8 + [2, 2, 4, 4, 8, 8, 16, 50]), 6, 0.3)
    n = 1500
    counts = np.zeros(16)
    for seed in range(n):
        counts[local_pivotal(p, points, seed)] += 1
    assert counts / n == pytest.approx(p, abs=4 * 0.5 / n**0.5)


def test_close_units_are_seldom_drawn_together() -> None:
    pairs = np.repeat(np.linspace(0, 2 * np.pi, 10, endpoint=False), 2) + np.tile([0, 0.01], 10)
    together = []
    for seed in range(100):
        chosen = set(local_pivotal(np.full(20, 0.5), on_circle(pairs), seed))
        together.append(sum({2 * i, 2 * i + 1} <= chosen for i in range(10)))
    # 10 of 20 drawn without regard to place hold 10 * (10 * 9) / (20 * 19) = 2.4 whole pairs
    assert np.mean(together) < 0.5


def test_a_spread_draw_takes_clusters_in_proportion_where_an_independent_draw_does_not() -> None:
    rng = np.random.default_rng(7)
    cluster = np.repeat(np.arange(6), 10)
    points = on_circle(cluster * np.pi / 3 + rng.normal(0, 0.02, 60))
    p = np.full(60, 0.2)

    def unevenness(chosen: Any) -> float:
        return float(((np.bincount(cluster[chosen], minlength=6) - 2) ** 2).mean())

    spread = np.mean([unevenness(local_pivotal(p, points, seed)) for seed in range(120)])
    independent = np.mean([unevenness(rng.choice(60, 12, replace=False)) for _ in range(120)])
    assert spread < independent / 4


def test_of_every_stratum_the_expected_number_is_drawn_and_every_unit_as_often_as_it_should() -> None:
    rng = np.random.default_rng(5)
    p = inclusion_probabilities(np.where(rng.random(60) < 0.2, 10.0, 1.0), 20, 0.3)
    stratum = ["x" if i < 40 else "y" for i in range(60)]
    counts = np.zeros(60)
    expected = sum(v for v, c in zip(p, stratum, strict=True) if c == "x")
    for seed in range(600):
        chosen = local_pivotal(p, random_points(60), seed, [stratum])
        assert abs(sum(stratum[i] == "x" for i in chosen) - expected) < 1
        assert len(chosen) == 20
        counts[chosen] += 1
    assert np.abs(counts / 600 - p).max() < 0.09


def test_a_draw_in_several_columns_of_strata_is_spread_within_them() -> None:
    pairs = np.repeat(np.linspace(0, 2 * np.pi, 20, endpoint=False), 2) + np.tile([0, 0.01], 20)
    strata = [[f"a{i // 2 % 2}" for i in range(40)], [f"b{i // 4 % 2}" for i in range(40)]]
    together = []
    for seed in range(60):
        chosen = set(local_pivotal(np.full(40, 0.5), on_circle(pairs), seed, strata))
        together.append(sum({2 * i, 2 * i + 1} <= chosen for i in range(20)))
    assert np.mean(together) < 1  # 20 of 40 drawn without regard to place hold 4.9 whole pairs
