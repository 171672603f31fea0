"""Before and after, as a judge sees it: errors that cancel out, weights, clusters, and coverage."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel_pipeline.stats import JudgeError, Recall, corrected_change, effective_counts

SURE = JudgeError(Recall(10_000, 10_000), Recall(10_000, 10_000))


def test_the_change_of_a_judge_that_never_errs_is_what_it_sees() -> None:
    found = corrected_change(Recall(100, 500), Recall(50, 500), SURE)
    assert found.difference == pytest.approx(-0.1, abs=0.005)
    assert found.low < -0.05 > found.high > -0.1


def test_a_judge_that_fails_good_answers_alike_before_and_after_shows_no_change() -> None:
    often_wrong = JudgeError(Recall(80, 100), Recall(90, 100))
    found = corrected_change(Recall(120, 500), Recall(120, 500), often_wrong)
    assert found.low < 0 < found.high and abs(found.difference) < 0.005
    assert found.before.value < 0.1  # 24 % are failed, 20 % of them wrongly


def test_a_wider_level_gives_a_wider_interval() -> None:
    one, seven = (corrected_change(Recall(50, 500), Recall(40, 500), SURE, x) for x in (0.95, 1 - 0.05 / 7))
    assert seven.high - seven.low > 1.2 * (one.high - one.low)


def test_a_judge_without_information_shows_nothing() -> None:
    backwards = JudgeError(Recall(0, 5_000), Recall(0, 5_000))
    found = corrected_change(Recall(50, 500), Recall(40, 500), backwards)
    assert (found.low, found.high) == (-1.0, 1.0)


def test_conversations_whose_traces_fail_together_count_for_less_and_no_cluster_counts_for_more() -> None:
    failed = [i % 10 == 0 for i in range(300) for _ in range(3)]
    together = effective_counts(failed, [1.0] * 900, [i // 3 for i in range(900)])
    alone = effective_counts(failed, [1.0] * 900, list(range(900)))
    assert together.n == pytest.approx(300) and alone.n == pytest.approx(900)
    assert together.rate.value == alone.rate.value == pytest.approx(0.1)
    assert effective_counts([], [], []) == Recall(0.0, 0.0)


@pytest.mark.parametrize(("before", "after", "recalls"), [(0.1, 0.1, (0.95, 0.8)), (0.2, 0.05, (0.9, 0.9))])
def test_the_interval_of_a_change_covers_it_with_judge_error(
    before: float, after: float, recalls: tuple[float, float]
) -> None:
    rng, covered = np.random.default_rng(5), []
    tpr, tnr = recalls
    for seed in range(150):
        judge = JudgeError(Recall(rng.binomial(40, tpr), 40), Recall(rng.binomial(15, tnr), 15))
        one, two = (Recall(rng.binomial(400, x * tnr + (1 - x) * (1 - tpr)), 400) for x in (before, after))
        found = corrected_change(one, two, judge, seed=seed)
        covered.append(found.low <= after - before <= found.high)
    assert np.mean(covered) >= 0.92
