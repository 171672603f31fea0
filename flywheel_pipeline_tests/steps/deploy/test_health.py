"""Whether production got better: what is shown, what is not, what came back, and the mix of topics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flywheel_pipeline.stats import JudgeError, Recall, corrected_change
from flywheel_pipeline.steps.deploy import Known, Mix, Rule, Seen, advice, judge_mode, mix_factors, topics_of

GOOD = JudgeError(Recall(97, 100), Recall(36, 40))
RULE = Rule(margin=0.03, level=0.95)
PERFECT = JudgeError(Recall(10_000, 10_000), Recall(10_000, 10_000))


def seen(before: tuple[float, float], after: tuple[float, float], n_labels: int = 0) -> Seen:
    return Seen(Recall(*before), Recall(*after), GOOD, (GOOD, GOOD), n_labels)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((60, 500), (20, 500), "better"),
        ((20, 500), (60, 500), "worse"),
        ((40, 2000), (38, 2000), "no worse"),
        ((6, 60), (5, 60), "cannot tell"),
    ],
)
def test_a_mode_is_better_or_worse_only_where_it_is_shown(
    before: tuple[float, float], after: tuple[float, float], verdict: str
) -> None:
    found = judge_mode(seen(before, after), Known(), None, RULE)
    assert found.verdict == verdict and found.reason.startswith(verdict)
    assert "assumes judge error rates unchanged (0 labels of this version" in found.reason


def test_what_got_better_and_is_rare_is_fixed_and_regression_to_the_mean_is_named() -> None:
    found = judge_mode(seen((150, 1000), (30, 1000)), Known(targeted=True), None, RULE)
    assert (found.verdict, found.state) == ("better", "fixed")
    assert "falls by chance" in found.reason
    assert judge_mode(seen((300, 1000), (150, 1000)), Known(), None, RULE).state == "open"


def test_a_fall_that_modes_nobody_worked_on_share_is_not_the_prompts() -> None:
    fell = corrected_change(Recall(200, 1000), Recall(100, 1000), PERFECT)
    held = corrected_change(Recall(200, 1000), Recall(195, 1000), PERFECT)
    pair = seen((120, 1000), (60, 1000))
    assert judge_mode(pair, Known(targeted=True), held, RULE).verdict == "better"
    doubtful = judge_mode(pair, Known(targeted=True), fell, RULE)
    assert doubtful.verdict == "cannot tell" and "other modes fell as well (as judged 20% to 10%)" in doubtful.reason
    assert judge_mode(pair, Known(targeted=False), fell, RULE).verdict == "better"  # a control itself


def test_a_fixed_mode_that_is_back_is_reopened_and_so_is_a_retired_one() -> None:
    back = seen((30, 1000), (150, 1000))
    assert judge_mode(back, Known(was_fixed=True), None, RULE).state == "re-opened"
    gone = seen((30, 1000), (30, 1000))
    assert judge_mode(gone, Known(was_fixed=True), None, RULE).state == "fixed"
    assert judge_mode(gone, Known(retired=True), None, RULE).state == "open"
    returned = judge_mode(back, Known(retired=True), None, RULE)
    assert returned.state == "re-opened" and "although it is retired" in returned.reason


def test_labels_of_the_new_version_show_a_judge_that_errs_otherwise() -> None:
    drifted = replace(
        seen((60, 500), (20, 500), n_labels=60), errors=(GOOD, JudgeError(Recall(97, 100), Recall(4, 20)))
    )
    found = judge_mode(drifted, Known(), None, RULE)
    assert found.verdict == "cannot tell" and "the judges err otherwise" in found.reason
    few = replace(drifted, n_labels_after=29)
    assert judge_mode(few, Known(), None, RULE).verdict == "better"
    checked = judge_mode(seen((60, 500), (20, 500), n_labels=40), Known(), None, RULE)
    assert "checked on 40 labels" in checked.reason


def test_without_verdicts_on_one_side_nothing_is_shown() -> None:
    found = judge_mode(seen((0, 0), (0, 400)), Known(), None, RULE)
    assert found.verdict == "cannot tell" and "no trace before has a verdict for it" in found.reason


def test_traffic_after_is_weighted_to_the_topics_before() -> None:
    before = [(0, 1.0)] * 80 + [(1, 1.0)] * 20
    after = [(0, 1.0)] * 20 + [(1, 1.0)] * 80
    factors, covered = mix_factors(Mix(before, after))
    assert factors == pytest.approx([4.0] * 20 + [0.25] * 80) and covered == pytest.approx(1.0)


def test_rare_topics_are_pooled_and_traffic_that_ended_is_not_covered() -> None:
    before = [(0, 1.0)] * 50 + [(1, 1.0)] * 5 + [(2, 1.0)] * 45
    factors, covered = mix_factors(Mix(before, [(0, 1.0)] * 100))
    assert factors == pytest.approx([0.5] * 100) and covered == pytest.approx(0.5)
    pooled, _ = mix_factors(Mix(before, [(0, 1.0)] * 50 + [(1, 1.0)] * 50))
    assert pooled == pytest.approx([1.0] * 100)


def test_topics_are_found_in_many_texts_and_the_same_every_time() -> None:
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(0, 0.1, (90, 4)), rng.normal(3, 0.1, (90, 4))])
    topics = topics_of(points)
    assert topics == topics_of(points)
    assert not set(topics[:90]) & set(topics[90:])
    assert topics_of(points[:50]) == [0] * 50


def test_the_advice_names_what_is_worse_and_how_to_undo_it() -> None:
    rows = {"Rude": ("worse", "open"), "Late": ("cannot tell", "re-opened"), "Long": ("better", "fixed")}
    said = advice(rows, "p1")
    assert (
        said.startswith("worse since p1: Rude; `flywheel rollback` puts p1 back") and "back in production: Late" in said
    )
    assert advice({"Long": ("better", "fixed")}, "p1") == ""
