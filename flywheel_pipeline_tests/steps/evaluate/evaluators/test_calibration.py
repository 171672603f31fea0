"""Thresholds that are learned from labels."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.evaluate.evaluators.calibration import calibrate, fewest_labels


def test_clear_labels_give_a_threshold_at_each_end() -> None:
    scores = [i / 100 for i in range(100)]
    found = calibrate(scores, [s >= 0.5 for s in scores])
    assert (found.pass_above, found.fail_below) == (0.5, 0.49)
    assert found.passing.low > 0.8
    assert found.coverage == 1
    assert found.n == 100
    assert found.reason == ""


@pytest.mark.parametrize("n", [0, 1, 10, 28])
def test_too_few_labels_give_no_threshold_and_say_so(n: int) -> None:
    found = calibrate([0.9] * n, [True] * n)
    assert (found.pass_above, found.fail_below, found.coverage) == (None, None, 0.0)
    assert f"{n} labelled passes, at least 29 are needed" in found.reason


def test_29_passes_and_no_fail_are_enough_for_one_end() -> None:
    found = calibrate([0.9] * 29, [True] * 29)
    assert found.pass_above == 0.9
    assert found.fail_below is None
    assert "no fail_below" in found.reason
    assert fewest_labels() == 29
    assert fewest_labels(0.95) == 59


def test_one_wrong_answer_among_thirty_or_a_mixed_score_is_too_many() -> None:
    assert calibrate([1 - n / 100 for n in range(30)], [False, *[True] * 29]).pass_above is None
    assert calibrate([0.9] * 40, [True] * 29 + [False] * 11).pass_above is None


def test_a_score_that_says_nothing_gives_no_threshold() -> None:
    chance = random.Random(7)
    scores = [chance.random() for _ in range(400)]
    found = calibrate(scores, [chance.random() < 0.5 for _ in scores])
    assert (found.pass_above, found.fail_below) == (None, None)
    assert "too mixed" in found.reason


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=120))
def test_thresholds_leave_a_band_and_equal_scores_get_equal_verdicts(pairs: list[tuple[int, bool]]) -> None:
    found = calibrate([s / 20 for s, _ in pairs], [y for _, y in pairs])
    if found.pass_above is not None and found.fail_below is not None:
        assert found.fail_below < found.pass_above
    assert 0 <= found.coverage <= 1
    assert (found.passing.n + found.failing.n) == round(found.coverage * found.n)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=120))
def test_a_stricter_target_never_passes_more(pairs: list[tuple[int, bool]]) -> None:
    scores, labels = [s / 20 for s, _ in pairs], [y for _, y in pairs]
    lenient, strict = calibrate(scores, labels, 0.8), calibrate(scores, labels, 0.9)
    if strict.pass_above is not None and lenient.pass_above is not None:
        assert lenient.pass_above <= strict.pass_above


def test_the_promise_holds_in_nineteen_of_twenty_draws() -> None:
    """Scores are uniform, the chance of a pass is the score: above t, (1 + t) / 2 of the answers pass."""
    chance = random.Random(11)
    broken = n = 0
    for _ in range(200):
        scores = [chance.random() ** 0.2 for _ in range(150)]
        found = calibrate(scores, [chance.random() < s for s in scores], target=0.85)
        if found.pass_above is None:
            continue
        n += 1
        t5 = found.pass_above**5  # scores above t are u ** 0.2 with u uniform in (t^5, 1); their mean is the pass rate
        rate = (1 - t5**1.2) / (1.2 * (1 - t5))
        broken += rate < 0.85
    assert n > 50
    assert broken / 200 <= 0.05


@pytest.mark.parametrize(
    ("scores", "labels", "settings"),
    [([0.1], [], {}), ([float("nan")], [True], {}), ([0.1], [True], {"target": 1.0}), ([0.1], [True], {"alpha": 0})],
)
def test_what_cannot_be_calibrated_is_refused(scores: list[float], labels: list[bool], settings: Any) -> None:
    with pytest.raises(ValueError, match=r"calibrate|between"):
        calibrate(scores, labels, **settings)
