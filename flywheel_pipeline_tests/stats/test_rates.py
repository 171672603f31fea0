"""Intervals, paired comparisons and weights against values from the literature, by hand and by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.stats import (
    mcnemar_mid_p,
    proportion,
    rate_difference,
    smallest_detectable_change,
    unseen_share_bound,
    weighted_rate,
    wilson,
)
from flywheel_pipeline.stats.rates import percent

SLACK = 1e-9
fixed_seed = settings(max_examples=150, deadline=None, derandomize=True)
few = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (5, 10, 0.2366, 0.7634),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_gives_the_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_without_observations_a_rate_is_anything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert proportion(0, 0).high == weighted_rate([], []).high == 1.0


def test_the_difference_of_two_rates_has_the_published_interval() -> None:
    found = rate_difference(proportion(56, 70), proportion(48, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)  # Newcombe 1998, table II, method 10, case (a)


@fixed_seed
@given(st.integers(0, 40), st.integers(0, 40))
def test_the_difference_of_two_rates_mirrors_and_contains_the_estimate(a: Any, b: Any) -> None:
    d, low, high = rate_difference(proportion(a, 40), proportion(b, 40))
    back = rate_difference(proportion(b, 40), proportion(a, 40))
    assert low <= d <= high and back == pytest.approx((-d, -high, -low))


@fixed_seed
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_share_lies_in_the_unit_interval_and_mirrors(counts: Any) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + SLACK
    assert successes / n - SLACK <= high <= 1
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low))


@fixed_seed
@given(st.integers(1, 100), st.integers(2, 20))
def test_wilson_narrows_with_more_observations_of_the_same_share(successes: Any, factor: Any) -> None:
    low, high = wilson(successes, 3 * successes)
    more_low, more_high = wilson(factor * successes, factor * 3 * successes)
    assert low < more_low < 1 / 3 < more_high < high


def test_a_rate_reads_as_a_share_with_its_interval_and_n() -> None:
    assert str(proportion(5, 10)) == "50% (24% to 76%, n=10)"


outcomes_and_weights = st.lists(st.tuples(st.booleans(), st.floats(1, 1000)), min_size=1, max_size=60)


@fixed_seed
@given(outcomes_and_weights)
def test_a_weighted_rate_lies_within_its_interval_and_the_unit_interval(sample: Any) -> None:
    rate = weighted_rate([y for y, _ in sample], [w for _, w in sample])
    assert -SLACK <= rate.low <= rate.value + SLACK
    assert rate.value - SLACK <= rate.high <= 1 + SLACK
    assert rate.n == len(sample)


@fixed_seed
@given(outcomes_and_weights, st.floats(0.5, 50))
def test_a_weighted_rate_does_not_depend_on_the_scale_of_the_weights(sample: Any, scale: Any) -> None:
    outcomes, weights = [y for y, _ in sample], [w for _, w in sample]
    one, other = weighted_rate(outcomes, weights), weighted_rate(outcomes, [scale * w for w in weights])
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-6)


def test_equal_weights_give_the_plain_share_at_one_degree_of_freedom_less() -> None:
    rate = weighted_rate([True] * 30 + [False] * 70, [7.0] * 100)
    assert (rate.value, rate.low, rate.high) == pytest.approx((0.3, *wilson(0.3 * 99, 99)))


def test_unequal_weights_pull_the_rate_to_the_heavy_and_widen_the_interval() -> None:
    outcomes = [True] * 20 + [False] * 20
    heavy_fails = weighted_rate(outcomes, [1.0] * 20 + [9.0] * 20)
    assert heavy_fails.value == pytest.approx(0.1)
    few_heavy = weighted_rate(outcomes, [30.0, 1.0] * 20)
    even = weighted_rate(outcomes, [1.0] * 40)
    assert few_heavy.high - few_heavy.low > even.high - even.low


def test_outcomes_without_spread_count_as_kishs_effective_size() -> None:
    rate = weighted_rate([False] * 10, [1.0] * 9 + [91.0])
    kish = 100**2 / (9 + 91**2)
    assert (rate.value, rate.low, rate.high) == pytest.approx((0.0, *wilson(0, kish)))


def test_hajek_recovers_the_population_rate_from_a_sample_biased_to_failures_and_its_interval_covers_it() -> None:
    rng = np.random.default_rng(3)
    failed = rng.random(4000) < 0.15
    inclusion = np.where(failed, 0.2, 0.05)
    truth, rates = float(failed.mean()), []
    for _ in range(400):
        drawn = rng.random(4000) < inclusion
        rates.append(weighted_rate(list(failed[drawn]), list(1 / inclusion[drawn])))
    assert np.mean([r.value for r in rates]) == pytest.approx(truth, abs=0.004)
    assert np.mean([r.low <= truth <= r.high for r in rates]) >= 0.92


def test_the_share_of_unseen_failures_follows_good_turing() -> None:
    assert unseen_share_bound([]) == unseen_share_bound([0, 0]) == 1.0
    assert unseen_share_bound([30, 20]) == pytest.approx(3 / 50)
    assert unseen_share_bound([2]) == 1.0
    # f1 = 4, f2 = 1, n = 40: 0.1 + 1.645 * sqrt(4 * 0.9 + 2) / 40
    assert unseen_share_bound([1, 1, 1, 1, 2, 34]) == pytest.approx(0.1 + 1.645 * 5.6**0.5 / 40)


@fixed_seed
@given(st.lists(st.integers(0, 30), max_size=30))
def test_the_unseen_share_is_bounded_by_one_and_by_the_share_of_singletons(counts: Any) -> None:
    bound, n = unseen_share_bound(counts), sum(counts)
    assert 0 < bound <= 1
    assert bound >= (sum(c == 1 for c in counts) / n if n else 1) - SLACK


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 0.5),  # 2 * 1/2 - 1/2
        (5, 0, 1 / 32),  # 2 * 1/32 - 1/32
        (4, 1, 7 / 32),  # 2 * (1 + 5)/32 - 5/32
        (6, 2, 46 / 256),  # 2 * (1 + 8 + 28)/256 - 28/256
        (3, 3, 1.0),  # 2 * (1 + 6 + 15 + 20)/64 - 20/64
        (1500, 1500, 1.0),
    ],
)
def test_mcnemar_mid_p_equals_the_sum_by_hand_in_both_directions(fixed: int, broken: int, p: Any) -> None:
    assert mcnemar_mid_p(fixed, broken) == pytest.approx(p)
    assert mcnemar_mid_p(broken, fixed) == pytest.approx(p)


@fixed_seed
@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_finds_a_more_lopsided_split_of_as_many_pairs_less_likely(fixed: Any, broken: Any) -> None:
    p = mcnemar_mid_p(fixed, broken)
    assert 0 < p <= 1
    if broken:
        more, fewer = max(fixed, broken) + 1, min(fixed, broken) - 1
        assert fewer < 0 or mcnemar_mid_p(more, fewer) < p


def test_mcnemar_takes_thousands_of_pairs() -> None:
    assert mcnemar_mid_p(1500, 1500) == pytest.approx(1.0)
    assert mcnemar_mid_p(1700, 1300) < 1e-10


before_and_after = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


@fixed_seed
@given(st.integers(1, 3000), st.integers(1, 500), st.floats(0.02, 1.0))
def test_more_cases_never_make_the_smallest_detectable_change_larger(n: Any, more: Any, discordant: Any) -> None:
    fewer_cases, more_cases = (
        smallest_detectable_change(n, discordant),
        smallest_detectable_change(n + more, discordant),
    )
    assert more_cases <= fewer_cases + SLACK
    assert fewer_cases == 1.0 or 0 < fewer_cases <= discordant


def test_too_few_cases_find_no_change_at_all() -> None:
    assert smallest_detectable_change(0, 0.2) == smallest_detectable_change(10, 0.2) == 1.0


@pytest.mark.parametrize(("n", "discordant"), [(150, 0.2), (400, 0.3)])
def test_a_true_change_of_the_smallest_detectable_size_is_found_in_about_four_of_five_trials(
    n: int, discordant: float
) -> None:
    d = smallest_detectable_change(n, discordant)
    rng = np.random.default_rng(1)
    trials = rng.multinomial(n, [(discordant + d) / 2, (discordant - d) / 2, 1 - discordant], 2000)
    found = np.mean([mcnemar_mid_p(int(f), int(b)) < 0.05 for f, b, _ in trials])
    assert found == pytest.approx(0.8, abs=0.04)


def test_a_weighted_sample_counts_for_at_most_one_and_a_half_times_its_kish_size() -> None:
    light_fails = weighted_rate([True] * 10 + [False] * 10, [1.0] * 10 + [30.0] * 10)
    kish = 310**2 / (10 + 10 * 900)
    assert (light_fails.low, light_fails.high) == pytest.approx(wilson(10 / 310 * 1.5 * kish, 1.5 * kish))


def test_a_rate_of_nothing_is_not_known_and_never_shown_as_zero() -> None:
    assert str(proportion(0, 0)) == "not known (n=0)"
    assert str(proportion(0, 1)).startswith("0% (0% to 79%")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"), (1, "100%"), (0.5, "50%"), (0.004, "0.4%"), (0.9975, "99.8%"), (0.995, "99.5%"), (0.0049, "0.5%"),
        (0.00001, "0.001%"), (0.000001, "<0.001%"), (0.999999, ">99.999%"), (0.006, "1%"), (0.994, "99%"),
    ],
)  # fmt: skip
def test_0_and_100_percent_are_only_said_where_they_are_so(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_failure_in_four_hundred_is_seen() -> None:
    assert str(proportion(399, 400)) == "99.8% (99% to 99.96%, n=400)"
    assert str(proportion(400, 400)).startswith("100% (99% to 100%")
