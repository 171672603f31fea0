"""Repeats: a judge's majority, and what an app that varies is worth."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.steps.evaluate.repeats import is_decided, majority, outcomes_by_case, report_repeats
from flywheel_pipeline_tests.builders import an_eval_result


def rows(*labels: str | None) -> list[EvalResult]:
    return [an_eval_result(label=x, judge_repeat=k, explanation=str(k)) for k, x in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "planned", "decided"),
    [
        (["pass"], 1, True),
        (["pass"], 3, False),
        (["pass", "pass"], 3, True),
        (["pass", "fail"], 3, False),
        (["pass", "fail", "pass"], 5, False),
        (["pass", "pass", "pass"], 5, True),
        ([None], 3, False),
        ([None, "pass"], 3, False),
    ],
)
def test_a_majority_is_decided_when_no_repeat_that_is_left_can_change_it(
    labels: list[str | None], planned: int, decided: bool
) -> None:
    assert is_decided(labels, planned) is decided


@given(st.lists(st.sampled_from(["pass", "fail"]), min_size=1, max_size=4))
def test_stopping_early_never_changes_the_majority(labels: list[str]) -> None:
    if is_decided(labels, 5):
        whole = {majority(rows(*labels, *rest))[0].label for rest in product(["pass", "fail"], repeat=5 - len(labels))}
        assert whole == {majority(rows(*labels))[0].label}


@pytest.mark.parametrize(
    ("labels", "label", "explanation"),
    [
        (["fail"], "fail", "0"),
        (["pass", "fail", "fail"], "fail", "1"),
        (["pass", None, "pass"], "pass", "0"),
        (["pass", "fail"], "unsure", "the judge's repeats disagree: pass 1, fail 1"),
        ([None, None], None, "0"),
        ([None], None, "0"),
    ],
)
def test_the_verdict_of_a_judge_is_what_most_of_its_repeats_say(
    labels: list[str | None], label: str | None, explanation: str
) -> None:
    (row,) = majority(rows(*labels))
    assert (row.label, row.explanation) == (label, explanation)


def test_repeats_of_the_app_and_other_judges_are_not_merged() -> None:
    several = [an_eval_result(repeat=k, evaluator=e) for k in range(2) for e in ("answered", "judge:a")]
    assert majority(several) == several


def test_outcomes_are_collected_per_case_over_its_repeats() -> None:
    seen: dict[str, list[str | None]] = {"g-1": ["pass", "fail"], "g-2": ["pass", None], "g-3": [None, None]}
    results = [
        an_eval_result(case_id=c, repeat=k, label=label) for c, labels in seen.items() for k, label in enumerate(labels)
    ]
    found = outcomes_by_case(results, {"judge:fm-1"})
    assert found == {"g-1": [True, False], "g-2": [True], "g-3": []}
    assert str(report_repeats(found)).startswith("pass@1 75% (") and "1 of 2 cases flaky" in str(report_repeats(found))


def test_two_of_three_passes_are_two_thirds_and_flaky() -> None:
    report = report_repeats({"g-1": [True, True, False]})
    assert report is not None
    assert report.pass_at_1 == pytest.approx(2 / 3)
    assert (report.n_cases, report.k, report.pass_hat_k, report.flaky) == (1, 3, 0.0, ("g-1",))
    assert report.low < 0.3 and report.high > 0.9  # one case says little, however often it is asked


def test_pass_hat_k_is_the_chance_that_all_repeats_pass() -> None:
    report = report_repeats({"a": [True, True, True], "b": [True, True, False, False], "c": [False] * 3})
    assert report is not None
    assert report.k == 3
    assert report.pass_hat_k == pytest.approx((1 + 0 + 0) / 3)
    report = report_repeats({"a": [True, True], "b": [True, True, False, False]})
    assert report is not None and report.pass_hat_k == pytest.approx((1 + 1 / 6) / 2)


def test_without_flakes_pass_at_1_is_a_plain_proportion_over_cases() -> None:
    report = report_repeats({f"g-{i}": [i < 8] * 3 for i in range(10)})
    assert report is not None
    assert (report.pass_at_1, report.pass_hat_k, report.flaky) == (0.8, 0.8, ())
    assert 0.4 < report.low < 0.55 and 0.9 < report.high < 0.97
    assert report.flake_rate.n == 10


def test_repeats_without_an_outcome_are_left_out_and_none_at_all_is_no_report() -> None:
    assert report_repeats({}) is None
    assert report_repeats({"g-1": []}) is None
    report = report_repeats({"g-1": [True], "g-2": []})
    assert report is not None and report.n_cases == 1
