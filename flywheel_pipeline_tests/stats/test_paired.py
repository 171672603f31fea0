"""Two versions on the same cases: the posterior against draws, families, judges' errors, coverage by simulation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.stats import Youden, mcnemar_mid_p, paired_change, paired_counts, probability_below

few = settings(max_examples=40, deadline=None, derandomize=True)
before_and_after = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.1, 0.3, -0.1])
@pytest.mark.parametrize(
    "counts", [(0, 1, 14), (4, 8, 100), (0, 0, 25), (12, 8, 80), (0, 5, 10), (0.7, 2.3, 17.5), (150, 120, 2000)]
)
def test_the_posterior_is_that_of_its_draws(counts: tuple[float, float, float], margin: float) -> None:
    fixed, broken, n = counts
    shares = np.random.default_rng(0).dirichlet([fixed + 0.5, broken + 0.5, n - fixed - broken + 1], 200_000)
    drawn = float(np.mean(shares[:, 0] - shares[:, 1] < -margin))
    assert float(probability_below(fixed, broken, n, margin)) == pytest.approx(drawn, abs=0.005)


def test_arrays_are_taken_element_by_element() -> None:
    fixed, broken = np.array([[0, 3], [5, 0]]), np.array([[1, 3], [0, 9]])
    found = probability_below(fixed, broken, 40, 0.1)
    assert found.shape == (2, 2)
    assert found[1, 1] == probability_below(0, 9, 40, 0.1)
    assert mcnemar_mid_p(fixed, broken)[1, 0] == mcnemar_mid_p(5, 0)


@few
@given(before_and_after)
def test_swapping_before_and_after_mirrors_the_change(pairs: list[tuple[bool, bool]]) -> None:
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    there, back = paired_change(before, after), paired_change(after, before)
    assert (there.fixed, there.broken, there.mid_p) == (back.broken, back.fixed, back.mid_p)
    assert there.difference == pytest.approx(-back.difference) == pytest.approx((sum(after) - sum(before)) / len(pairs))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-6)
    assert there.p_better == pytest.approx(1 - back.p_better, abs=1e-6)
    assert -1 <= there.low < there.high <= 1


@few
@given(before_and_after)
def test_a_wider_margin_makes_being_worse_than_it_less_likely(pairs: list[tuple[bool, bool]]) -> None:
    change = paired_change([b for b, _ in pairs], [a for _, a in pairs])
    steps = [change.p_worse_than(m) for m in (0.0, 0.03, 0.1, 0.5, 1.0)]
    assert all(a >= b - 1e-9 for a, b in pairwise(steps))
    assert steps[0] == pytest.approx(1 - change.p_better, abs=1e-9)
    assert steps[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("judge", [Youden(), Youden(0.8, 0.01)])
@pytest.mark.parametrize(("fixed", "broken", "n"), [(9, 0, 9), (4, 0, 4), (0, 9, 9), (1, 0, 1), (0, 0, 5), (9, 1, 10)])
def test_the_interval_contains_what_was_observed(fixed: int, broken: int, n: int, judge: Youden) -> None:
    before = [0.0] * fixed + [1.0] * broken + [1.0] * (n - fixed - broken)
    after = [1.0] * fixed + [0.0] * broken + [1.0] * (n - fixed - broken)
    change = paired_change(before, after, judge=judge)
    assert change.low - 1e-9 <= change.difference <= change.high + 1e-9
    assert change.low < change.high


def test_a_change_that_only_fixes_is_surely_better_and_one_that_only_breaks_surely_worse() -> None:
    better = paired_change([False] * 20 + [True] * 80, [True] * 100)
    worse = paired_change([True] * 100, [False] * 20 + [True] * 80)
    assert better.low > 0.1 and better.p_better > 0.999
    assert worse.p_worse_than(0.03) > 0.999
    assert better.mid_p == worse.mid_p < 1e-5


def test_without_cases_a_change_says_nothing() -> None:
    change = paired_change([], [])
    assert (change.difference, change.mid_p) == (0.0, 1.0)
    assert change.high - change.low > 1


def test_cases_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        paired_change([True, False], [True])


def test_repeats_are_averaged_and_narrow_the_interval() -> None:
    noisy = paired_change([0, 1, 0, 1] * 15, [1, 0, 1, 0] * 15)
    averaged = paired_change([0.4, 0.6] * 30, [0.6, 0.4] * 30)
    assert noisy.difference == averaged.difference == 0
    assert averaged.high - averaged.low < noisy.high - noisy.low


@few
@given(before_and_after, st.integers(2, 5))
def test_families_never_make_the_cases_count_for_more(pairs: list[tuple[bool, bool]], size: int) -> None:
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    alone, related = (
        paired_change(before, after),
        paired_change(before, after, [str(i // size) for i in range(len(pairs))]),
    )
    assert float(related.counts.n) <= float(alone.counts.n) + 1e-9
    assert related.difference == pytest.approx(alone.difference)


def test_a_family_that_changes_as_one_counts_as_about_one() -> None:
    families = np.repeat(np.arange(30), 3)
    d = np.repeat(np.where(np.arange(30) % 2, 1.0, -1.0), 3)
    assert float(paired_counts(d, families).n) == pytest.approx(30, rel=0.05)


def _covered(size: int, correlation: float, runs: int = 250) -> float:
    """How often the 95 % interval covers the true difference, 0, in 27 families or single cases."""
    rng = np.random.default_rng(7)
    families = np.repeat(np.arange(27), size)
    covered = []
    for _ in range(runs):
        own, shared = (
            rng.choice([-1, 0, 1], len(families), p=[0.15, 0.7, 0.15]),
            rng.choice([-1, 0, 1], 27, p=[0.15, 0.7, 0.15]),
        )
        d = np.where(rng.random(len(families)) < correlation**0.5, shared[families], own)
        change = paired_change([float(x < 0) for x in d], [float(x > 0) for x in d], [str(f) for f in families])
        covered.append(change.low <= 0 <= change.high)
    return float(np.mean(covered))


def test_the_interval_covers_the_truth_for_single_cases_and_for_families() -> None:
    assert _covered(3, 0.0) >= 0.92
    assert _covered(3, 0.5) >= 0.92  # without families: 0.83


def test_the_correction_for_a_judge_recovers_the_true_change_and_its_interval_covers_it() -> None:
    rng, found = np.random.default_rng(5), []
    for _ in range(250):
        before = rng.random(200) < 0.5
        after = before | (rng.random(200) < 0.3)
        true = 0.15
        tpr, tnr = rng.binomial(40, 0.9) / 40, rng.binomial(40, 0.8) / 40
        seen = [np.where(side, rng.random(200) < 0.9, rng.random(200) >= 0.8).tolist() for side in (before, after)]
        j = Youden(tpr + tnr - 1, tpr * (1 - tpr) / 40 + tnr * (1 - tnr) / 40)
        change = paired_change(seen[0], seen[1], judge=j)
        found.append((change.difference, change.low <= true <= change.high))
    assert np.mean([d for d, _ in found]) == pytest.approx(0.15, abs=0.01)
    assert np.mean([c for _, c in found]) >= 0.92


def test_a_margin_shrinks_with_what_the_judge_shows_of_it() -> None:
    change = paired_change([1.0] * 3 + [0.0] * 2 + [1.0] * 55, [0.0] * 3 + [1.0] * 2 + [1.0] * 55)
    plain, blurred, vague = (change.p_worse_than(0.1, j) for j in (Youden(), Youden(0.6), Youden(0.6, 0.02)))
    assert plain < blurred < vague
