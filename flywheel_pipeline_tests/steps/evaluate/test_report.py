"""Reading the rows: what fails, what passes, and what nobody knows."""

from __future__ import annotations

import pytest

from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.steps.evaluate.report import case_outcomes, deciding, mode_outcomes, pass_rates
from flywheel_pipeline_tests.builders import an_alignment, an_eval_result

EVALUATORS = {"answered", "judge:a", "judge:b"}


def rows(case_id: str = "g-1", **labels: str | None) -> list[EvalResult]:
    names = {"answered": "answered", "a": "judge:a", "b": "judge:b", "untrusted": "judge:untrusted"}
    return [an_eval_result(case_id=case_id, evaluator=names[k], label=label) for k, label in labels.items()]


@pytest.mark.parametrize(
    ("labels", "passes"),
    [
        ({"answered": "pass", "a": "pass", "b": "pass"}, True),
        ({"answered": "pass", "a": "fail", "b": "pass"}, False),
        ({"answered": "pass", "a": "unsure", "b": "pass"}, True),
        ({"answered": "pass", "a": "unsure", "b": "fail"}, False),
        ({"answered": "pass", "a": None, "b": "fail"}, False),
        ({"answered": "fail"}, False),
    ],
)
def test_a_case_fails_when_one_evaluator_fails_it(labels: dict[str, str | None], passes: bool) -> None:
    assert case_outcomes(rows(**labels), EVALUATORS) == {"g-1": passes}


def test_a_case_on_which_an_evaluator_broke_and_none_failed_is_unknown() -> None:
    results = [*rows(answered="pass", a=None, b="pass"), *rows("g-2", answered="pass", a="pass", b="pass")]
    assert case_outcomes(results, EVALUATORS) == {"g-2": True}


@pytest.mark.parametrize("label", ["fail", None])
def test_an_evaluator_that_is_not_trusted_decides_nothing(label: str | None) -> None:
    assert case_outcomes(rows(answered="pass", a="pass", untrusted=label), EVALUATORS) == {"g-1": True}


def test_a_case_that_no_trusted_evaluator_judged_is_unknown() -> None:
    assert case_outcomes(rows(untrusted="pass"), EVALUATORS) == {}


def test_only_trusted_judges_and_code_may_decide() -> None:
    alignment = [
        an_alignment(evaluator="judge:a"),
        an_alignment(evaluator="judge:b", status="unproven"),
        an_alignment(evaluator="judge:c", status="unusable"),
    ]
    assert deciding(alignment) == {"answered", "judge:a"}


def test_one_evaluator_decides_the_cases_to_which_it_gave_a_verdict() -> None:
    results = [*rows("g-1", a="pass", b="fail"), *rows("g-2", a="fail"), *rows("g-3", a="unsure"), *rows("g-4", a=None)]
    assert mode_outcomes(results, "judge:a") == {"g-1": True, "g-2": False}


def test_pass_rates_are_of_the_decided_and_the_worst_comes_first() -> None:
    results = [
        *rows("g-1", answered="pass", a="fail", b="pass"),
        *rows("g-2", answered="pass", a="pass", b="fail"),
        *rows("g-3", answered="pass", a="unsure", b="fail"),
        *rows("g-4", answered="pass", a=None, b="fail"),
    ]
    found = [(r.evaluator, r.rate.value, r.rate.n, r.n_undecided) for r in pass_rates(results)]
    assert found == [("judge:b", 0.25, 4, 0), ("judge:a", 0.5, 2, 2), ("answered", 1.0, 4, 0)]


def test_an_evaluator_that_decided_nothing_has_a_rate_that_could_be_anything() -> None:
    (found,) = pass_rates(rows(a=None))
    assert (found.rate.low, found.rate.high, found.rate.n, found.n_undecided) == (0.0, 1.0, 0, 1)
