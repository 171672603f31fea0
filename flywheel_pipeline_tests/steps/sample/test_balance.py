"""Rounding in strata: exact probabilities, the expected numbers, and the minimum of every column that was named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.sample import inclusion_probabilities, raise_to_minimum
from flywheel_pipeline.steps.sample.balance import SPARE, round_in_strata

units = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0, 1), min_size=n, max_size=n).map(np.array),
        st.lists(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n), min_size=2, max_size=2),
    )
)


def drawn_of(p: Any, strata: Any, least: int, seed: int) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(len(p), 4))
    return round_in_strata(p, (points @ points.T).astype(np.float32), strata, least, seed)


def numbers(labels: Any, values: Any) -> dict[str, float]:
    return {v: float(sum(x for x, label in zip(values, labels, strict=True) if label == v)) for v in set(labels)}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(units, st.integers(0, 1000))
def test_of_two_columns_every_stratum_and_the_total_are_rounded_up_or_down(made: Any, seed: Any) -> None:
    p, strata = made
    drawn = drawn_of(p, strata, 0, seed)
    assert set(drawn) <= {0.0, 1.0}
    assert abs(drawn.sum() - p.sum()) < 1 + 1e-6
    for labels in strata:
        expected, found = numbers(labels, p), numbers(labels, drawn)
        assert all(abs(found[v] - expected[v]) < 1 + 1e-6 for v in expected)


def skewed(n: int, n_columns: int, seed: int) -> list[list[str]]:
    """Columns of labels of which some are rare."""
    rng = np.random.default_rng(seed)
    shares = [1 / np.arange(1, m + 1) ** 1.8 for m in (6, 5, 4, 5)[:n_columns]]
    return [[str(v) for v in rng.choice(len(w), n, p=w / w.sum())] for w in shares]


@pytest.mark.parametrize("n_columns", [2, 3, 4])
def test_every_stratum_that_was_named_has_its_minimum_in_every_draw(n_columns: int) -> None:
    for seed in range(12):
        strata = skewed(300, n_columns, seed)
        risk = np.where(np.random.default_rng(seed).random(300) < 0.1, 10.0, 1.0)
        least = [3, 3, 3 + SPARE, 3 + SPARE][:n_columns]
        p = raise_to_minimum(inclusion_probabilities(risk, 50, 0.3), strata, least)
        drawn = drawn_of(p, strata, 3, seed)
        assert drawn.sum() == 50
        for labels in strata:
            found = numbers(labels, drawn)
            assert all(found[v] >= min(3, labels.count(v)) for v in found), (seed, found)


@pytest.mark.parametrize("n_columns", [2, 3])
def test_every_unit_is_drawn_as_often_as_its_probability_says(n_columns: int) -> None:
    strata = skewed(24, n_columns, 1)
    p = inclusion_probabilities(np.where(np.random.default_rng(1).random(24) < 0.2, 10.0, 1.0), 8, 0.3)
    counts = sum(drawn_of(p, strata, 1, seed) for seed in range(800))
    assert counts / 800 == pytest.approx(p, abs=4 * 0.5 / 800**0.5)


def test_the_same_seed_gives_the_same_draw_and_the_probabilities_stay_as_they_were() -> None:
    p, strata = np.full(30, 0.4), skewed(30, 3, 2)
    draws = [drawn_of(p, strata, 2, seed).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert p.tolist() == [0.4] * 30


def test_bounds_that_exclude_each_other_are_given_up_and_the_size_stays() -> None:
    strata = [[str(i % 10) for i in range(30)], [str(i % 15) for i in range(30)], [str(i % 6) for i in range(30)]]
    p = np.full(30, 1 / 5)
    assert {drawn_of(p, strata, 3, seed).sum() for seed in range(20)} == {6.0}


def test_a_column_of_too_many_strata_is_kept_to_on_average_only() -> None:
    strata = [["a"] * 5 + ["b"] * 295, [str(i) for i in range(300)]]
    for seed in range(5):
        drawn = drawn_of(np.full(300, 0.2), strata, 1, seed)
        assert (drawn.sum(), drawn[:5].sum()) == (60, 1)


def test_the_draw_is_spread_over_what_is_close_although_the_strata_bind_it() -> None:
    rng = np.random.default_rng(0)
    place = rng.permutation(80)  # of every unit, on a circle of five arcs of sixteen
    points = np.column_stack([np.cos(place * 2 * np.pi / 80), np.sin(place * 2 * np.pi / 80)])
    strata = [[str(v) for v in rng.integers(0, 4, 80)] for _ in range(2)]

    def unevenness(closeness: Any) -> float:
        draws = [round_in_strata(np.full(80, 0.5), closeness, strata, 0, seed) for seed in range(60)]
        return float(np.mean([np.var(np.bincount(place[d > 0] // 16, minlength=5)) for d in draws]))

    closeness = (points @ points.T).astype(np.float32)
    assert unevenness(closeness) < 0.65 * unevenness(0 * closeness)
