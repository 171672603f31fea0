"""Rates from labels and verdicts: exact where everything is known, and covering where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel_pipeline.stats import Labelled, Rate, post_stratified_rate


def cell(name: str, n: int, n_true: int) -> list[Labelled]:
    return [Labelled(i < n_true, name) for i in range(n)]


def test_a_judge_that_is_right_makes_the_interval_of_a_rate_tighter_and_keeps_the_value() -> None:
    alone = post_stratified_rate(cell("all", 100, 20), {"all": 900}, 1000)
    labels = [*cell("pass", 80, 1), *cell("fail", 20, 19)]
    judged = post_stratified_rate(labels, {"pass": 720, "fail": 180}, 1000)
    assert alone.value == pytest.approx(0.2, abs=0.01)
    assert judged.value == pytest.approx(0.2, abs=0.015)
    assert judged.high - judged.low < 0.6 * (alone.high - alone.low)
    assert judged.n == 100


def test_where_everybody_is_labelled_the_rate_is_known_and_where_nobody_is_it_is_not() -> None:
    known = post_stratified_rate(cell("pass", 10, 3), {}, 10)
    assert (known.value, known.low, known.high) == pytest.approx((0.3, 0.3, 0.3))
    nobody = post_stratified_rate([], {"pass": 10}, 10)
    assert (nobody.low, nobody.high) == pytest.approx((0.0, 1.0), abs=0.01)
    assert post_stratified_rate([], {}, 0) == Rate(0.0, 0.0, 1.0, 0)
    with pytest.raises(ValueError, match="at least as many members"):
        post_stratified_rate(cell("pass", 4, 1), {}, 3)


def test_a_label_stands_for_as_many_members_as_its_weight_says() -> None:
    flagged = [Labelled(False, "all", 1.0) for _ in range(50)]
    ordinary = [Labelled(True, "all", 19.0) for _ in range(50)]
    assert post_stratified_rate([*flagged, *ordinary], {"all": 900}, 1000).value == pytest.approx(0.95, abs=0.01)


def test_the_few_labels_of_a_rare_verdict_are_pooled_with_others() -> None:
    labels = [*cell("pass", 60, 60), *cell("unsure", 1, 0)]
    rate = post_stratified_rate(labels, {"pass": 800, "unsure": 139}, 1000)
    assert rate.value > 0.95  # one label says little of 139 members: alone they would have a rate of a quarter


def test_a_verdict_that_no_labelled_member_got_is_pooled_too() -> None:
    rate = post_stratified_rate(cell("pass", 60, 60), {"pass": 800, "unsure": 140}, 1000)
    assert rate.value > 0.95


def test_a_few_verdicts_of_many_members_leave_the_shares_of_the_verdicts_open() -> None:
    labels = [*cell("pass", 50, 49), *cell("fail", 50, 1)]
    few, many = (post_stratified_rate(labels, {"pass": n, "fail": n}, 10_000) for n in (20, 4_000))
    assert few.high - few.low > 2 * (many.high - many.low)


@pytest.mark.parametrize(("n", "labelled"), [(500, 50), (120, 50), (100, 60)])
def test_the_post_stratified_interval_covers_the_truth_however_large_the_labelled_part(n: int, labelled: int) -> None:
    rng, covered = np.random.default_rng(3), []
    for seed in range(200):
        truth = rng.random(n) < 0.2
        says = np.where(rng.random(n) < 0.85, truth, ~truth)
        chosen = rng.choice(n, labelled, replace=False)
        labels = [Labelled(bool(truth[i]), str(says[i])) for i in chosen]
        rest = np.delete(says, chosen)
        rate = post_stratified_rate(labels, {str(x): int((rest == x).sum()) for x in (True, False)}, n, seed)
        covered.append(rate.low <= truth.mean() <= rate.high)
    assert np.mean(covered) >= 0.93  # without the binomial draw: 0.93, 0.88, 0.78
