"""A case under two versions: what is missing is never a pass, and only verdicts that count decide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.evaluate.case_change import (
    OUTCOMES,
    CaseChange,
    judge_case,
    versions_to_compare,
    worst_first,
)
from flywheel_pipeline.steps.evaluate.report import case_outcomes, deciding
from flywheel_pipeline_tests.builders import an_alignment, an_eval_result
from flywheel_pipeline_tests.steps.evaluate.comparing import MADE_UP, RUDE, TRUSTED, a_change, judged, verdicts


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ("p", "f", "broken"),
        ("f", "p", "fixed"),
        ("p", "p", "still passes"),
        ("f", "f", "still fails"),
        ("p", "u", "not evaluated"),
        ("p", "-", "not evaluated"),
        ("p", None, "not evaluated"),
        (None, "p", "not evaluated"),
        ("pp", "pf", "flaky"),
        ("pf", "pp", "flaky"),
        ("pp", "ff", "broken"),
        ("pp", "pu", "not evaluated"),
    ],
)
def test_what_happened_to_a_case(before: str | None, after: str | None, outcome: str) -> None:
    assert a_change("g-1", before, after).outcome() == outcome


def test_verdicts_of_a_judge_that_may_not_decide_are_shown_and_not_counted() -> None:
    case = CaseChange("g-1", judge_case([*verdicts("p"), *verdicts("p", MADE_UP)[1:]], TRUSTED),
                      judge_case([*verdicts("p"), *verdicts("f", MADE_UP)[1:]], TRUSTED))  # fmt: skip
    assert (case.outcome(), case.outcome(MADE_UP)) == ("still passes", "broken")
    assert case.culprits((RUDE, "answered")) == ()


def test_that_the_app_answered_is_no_pass_while_no_judge_may_decide() -> None:
    advisory = [an_alignment(evaluator=RUDE, status="advisory")]
    assert judge_case(verdicts("p"), advisory).score is None
    empty = an_eval_result(evaluator="answered", label="fail")
    assert judge_case([empty], advisory).score == 0


def test_verdicts_by_another_version_of_a_judge_are_not_compared() -> None:
    old = judge_case(verdicts("p", evaluator_version="e0"), TRUSTED, versions_to_compare({RUDE: "e0"}, TRUSTED))
    assert old.score is None
    assert RUDE in old.seen


def test_of_an_evaluator_that_is_not_measured_the_latest_version_is_compared() -> None:
    versions = versions_to_compare({"length": "2", RUDE: "e0"}, TRUSTED)
    assert versions == {"length": "2", RUDE: "e1", MADE_UP: "e1"}


def test_a_judge_without_a_verdict_on_one_of_the_answers_has_no_score() -> None:
    failed = an_eval_result(evaluator="answered", repeat=1, label=None)
    found = judge_case([*verdicts("p"), failed], TRUSTED)
    assert (found.score, found.by(RUDE)) == (None, None)


def test_an_evaluator_that_does_not_apply_to_a_case_does_not_concern_it() -> None:
    row = an_eval_result(evaluator="check:links", label=None, error=None)
    silent = judge_case([*verdicts("p"), row], TRUSTED)
    assert not CaseChange("g", silent, silent).concerns("check:links")
    broke = judge_case([*verdicts("p"), an_eval_result(evaluator="check:links", label=None, error="x")], TRUSTED)
    assert CaseChange("g", silent, broke).outcome("check:links") == "not evaluated"


def test_adversarial_cases_are_decided_by_their_own_check() -> None:
    row = an_eval_result(evaluator="resisted", evaluator_version="1", label="fail")
    assert judge_case([row], TRUSTED, is_adversarial=True).score == 0
    assert judge_case([row], TRUSTED).score is None


def test_the_majority_of_a_judges_repeats_counts() -> None:
    rows = [*verdicts("p"), *(an_eval_result(evaluator=RUDE, judge_repeat=n, label="fail") for n in (1, 2))]
    assert judge_case(rows, TRUSTED).score == 0


def test_worst_comes_first_and_a_pass_that_was_lost_before_what_never_had_an_outcome() -> None:
    cases = [
        a_change("a", "p", "p"), a_change("b", "f", "p"), a_change("c", "f", "f"), a_change("d", "pf", "pp"),
        a_change("e", "u", "u"), a_change("f", "p", "-"), a_change("g", "p", "f"), a_change("h", "pp", "pf"),
    ]  # fmt: skip
    assert "".join(c.case_id for c in worst_first(cases)) == "gfehdcba"


def test_a_judge_concerns_every_ordinary_case_and_other_evaluators_those_they_gave_a_row_for() -> None:
    assert a_change("g", None, None).concerns(RUDE)
    assert not a_change("g", None, None).concerns("criteria")
    assert not a_change("g", "p", "p", kind="adversarial").concerns(MADE_UP)
    assert a_change("g", None, "p").concerns("answered")


LETTERS = st.text(alphabet="pfu-", min_size=1, max_size=3)


@given(LETTERS)
def test_the_outcome_of_a_case_is_that_of_the_report(labels: str) -> None:
    rows = verdicts(labels)
    expected = case_outcomes(rows, deciding(TRUSTED)).get("g-1")
    found = judged(labels)
    assert (None if found.score is None else found.score == 1) == expected
    assert found.by(RUDE) == found.score


@given(LETTERS, LETTERS)
def test_no_case_passes_without_verdicts_and_every_case_has_one_outcome(before: str, after: str) -> None:
    case = a_change("g", before, after)
    assert case.outcome() in OUTCOMES
    if case.outcome() in ("still passes", "fixed"):
        assert set(after) == {"p"}
