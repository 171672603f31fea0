"""Reading the rows: what fails, what passes, and what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.stats import Rate
from flywheel_pipeline.steps.evaluate.report import (
    GoldenRate,
    case_outcomes,
    case_scores,
    deciding,
    evaluator_names,
    find_disagreements,
    golden_rate,
    mode_scores,
    pass_rates,
    requirements,
    without_stale,
)
from flywheel_pipeline_tests.builders import an_alignment, an_eval_result

EVALUATORS = {"answered", "judge:a", "judge:b"}


def rows(case_id: str = "g-1", repeat: int = 0, **labels: str | None) -> list[EvalResult]:
    names = {"answered": "answered", "a": "judge:a", "b": "judge:b", "untrusted": "judge:untrusted"}
    return [
        an_eval_result(case_id=case_id, evaluator=names[k], label=label, repeat=repeat) for k, label in labels.items()
    ]


@pytest.mark.parametrize(
    ("labels", "passes"),
    [
        ({"answered": "pass", "a": "pass", "b": "pass"}, True),
        ({"answered": "pass", "a": "fail", "b": "pass"}, False),
        ({"answered": "pass", "a": "unsure", "b": "fail"}, False),
        ({"answered": "pass", "a": None, "b": "fail"}, False),
        ({"answered": "fail"}, False),
    ],
)
def test_a_case_fails_when_one_evaluator_fails_it(labels: dict[str, Any], passes: bool) -> None:
    assert case_outcomes(rows(**labels), EVALUATORS) == {"g-1": passes}


@pytest.mark.parametrize("label", [None, "unsure"])
def test_a_case_that_no_evaluator_failed_and_one_did_not_decide_is_unknown(label: str | None) -> None:
    results = [*rows(answered="pass", a=label, b="pass"), *rows("g-2", answered="pass", a="pass", b="pass")]
    assert case_outcomes(results, EVALUATORS) == {"g-2": True}


def test_a_case_that_one_trusted_evaluator_never_judged_is_unknown() -> None:
    assert case_outcomes(rows(answered="pass", a="pass"), EVALUATORS) == {}
    assert case_outcomes(rows(untrusted="pass"), EVALUATORS) == {}


@pytest.mark.parametrize("label", ["fail", None])
def test_an_evaluator_that_is_not_trusted_decides_nothing(label: str | None) -> None:
    assert case_outcomes(rows(answered="pass", a="pass", b="pass", untrusted=label), EVALUATORS) == {"g-1": True}


def test_repeats_of_a_case_are_a_share_and_it_passes_only_if_all_do() -> None:
    twice = [*rows(a="pass"), *rows(repeat=1, a="fail"), *rows(repeat=2, a="pass")]
    assert case_scores(twice, {"judge:a"}) == {"g-1": pytest.approx(2 / 3)}
    assert case_outcomes(twice, {"judge:a"}) == {"g-1": False}
    assert case_scores([*twice, *rows(repeat=3, a=None)], {"judge:a"}) == {}


def test_only_trusted_judges_and_code_may_decide() -> None:
    alignment = [
        an_alignment(evaluator="judge:a"),
        an_alignment(evaluator="judge:b", status="advisory"),
        an_alignment(evaluator="judge:c", status="unusable"),
        an_alignment(evaluator="judges:all", mode_id=None),
    ]
    assert deciding(alignment) == {"answered", "judge:a"}


def test_rows_of_a_judge_that_has_changed_since_it_was_measured_do_not_count() -> None:
    alignment = [an_alignment(evaluator=f"judge:{j}", evaluator_version=v) for j, v in (("a", "e1"), ("b", "e2"))]
    left = without_stale(rows(answered="pass", a="pass", b="pass"), alignment)
    assert {r.evaluator for r in left} == {"answered", "judge:a"}


def test_one_evaluator_decides_the_cases_to_which_it_gave_a_verdict() -> None:
    results = [*rows("g-1", a="pass", b="fail"), *rows("g-2", a="fail"), *rows("g-3", a="unsure"), *rows("g-4", a=None)]
    assert mode_scores(results, "judge:a") == {"g-1": 1.0, "g-2": 0.0}


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


def judged(n: int, n_pass: int) -> list[EvalResult]:
    return [r for i in range(n) for r in rows(f"g-{i}", answered="pass", a="pass" if i < n_pass else "fail")]


def test_the_rate_of_the_golden_set_is_corrected_for_the_errors_of_all_judges_together() -> None:
    """A perfect app looks like 48 % under seven judges of which each recognises nine passes of ten."""
    together = an_alignment(
        evaluator="judges:all", mode_id=None, production_pass_recall=0.48, production_n_pass=50.0,
        production_fail_recall=0.95, production_n_fail=40.0,
    )  # fmt: skip
    found = golden_rate(judged(100, 48), [an_alignment(evaluator="judge:a"), together])
    assert found is not None and found.corrected is not None
    assert found.judged.value == 0.48
    assert found.corrected.high == 1.0 and found.corrected.value > 0.95
    assert "of the golden set; as judged 48%" in str(found)


def test_judges_that_disagree_with_the_expert_correct_nothing() -> None:
    """They see a fifth of the failures: a prompt that fails in other ways passes them all, and would read 100 %."""
    blind = an_alignment(
        evaluator="judges:all", mode_id=None, status="unusable", production_pass_recall=1.0, production_n_pass=66.0,
        production_fail_recall=0.21, production_n_fail=76.0,
    )  # fmt: skip
    found = golden_rate(judged(194, 194), [an_alignment(evaluator="judge:a"), blind])
    assert found is not None and found.corrected is None
    assert str(found) == "100% of the golden set as judged (n=194); not correctable"


def test_without_a_judge_that_may_decide_there_is_no_rate() -> None:
    assert golden_rate(judged(4, 4), [an_alignment(evaluator="judge:a", status="advisory")]) is None


def test_a_rate_of_too_few_outcomes_says_that_it_decides_nothing() -> None:
    for corrected in (None, Rate(0.4, 0.3, 0.5, 50)):
        complete, incomplete = (str(GoldenRate(Rate(0.4, 0.3, 0.5, 95), corrected, n)) for n in (5, 6))
        assert "incomplete" not in complete
        assert "incomplete (94% evaluated), decides nothing" in incomplete


def test_a_rate_that_cannot_be_corrected_says_so() -> None:
    assert "not correctable" in str(GoldenRate(Rate(0.4, 0.3, 0.5, 50), None, 3))


def check_row(label: str | None, name: str = "check:c", error: str | None = None, case_id: str = "g-1") -> EvalResult:
    return an_eval_result(evaluator=name, label=label, error=error, case_id=case_id)


@pytest.mark.parametrize(
    ("own", "outcome"),
    [
        ([check_row("pass")], {"g-1": True}),
        ([check_row("fail")], {"g-1": False}),
        ([check_row(None)], {"g-1": True}),
        ([check_row(None, error="it broke")], {}),
        ([check_row("unsure")], {}),
        ([], {}),
    ],
)
def test_a_case_passes_by_all_that_apply_to_it_and_is_unknown_where_one_broke_or_is_missing(
    own: list[EvalResult], outcome: dict[str, bool]
) -> None:
    assert case_outcomes([*rows(answered="pass"), *own], {"answered", "check:c"}) == outcome


def test_a_case_to_which_nothing_applies_has_no_outcome() -> None:
    assert case_outcomes([check_row(None)], {"check:c"}) == {}
    assert mode_scores([check_row(None)], "check:c") == {}


def test_a_judge_without_a_label_is_unknown_and_never_not_applicable() -> None:
    assert case_outcomes([*rows(answered="pass", a=None)], {"answered", "judge:a"}) == {}


def test_cases_that_an_evaluator_does_not_apply_to_are_not_undecided() -> None:
    found = pass_rates([check_row("pass"), check_row(None, case_id="g-2"), check_row(None, error="x", case_id="g-3")])
    assert [(r.rate.n, r.n_undecided) for r in found] == [(1, 1)]


def test_requirements_decide_beside_what_agrees_with_the_expert() -> None:
    alignment = [
        an_alignment(), an_alignment(evaluator="check:a", status="requirement", mode_id=None),
        an_alignment(evaluator="check:b", status="advisory"), an_alignment(evaluator="judges:all", mode_id=None),
    ]  # fmt: skip
    assert deciding(alignment) == {"answered", "judge:fm-1", "check:a"}
    assert requirements(alignment) == {"check:a"}


def test_evaluators_go_by_the_name_of_their_mode_and_their_own() -> None:
    alignment = [
        an_alignment(), an_alignment(evaluator="check:brief"), an_alignment(evaluator="check:json", mode_id=None),
        an_alignment(evaluator="judges:all", mode_id=None),
    ]  # fmt: skip
    assert evaluator_names(alignment, {"fm-1": "Made up"}) == {
        "judge:fm-1": "Made up", "check:brief": "Made up (brief)", "check:json": "json",
        "judges:all": "all that decide together",
    }  # fmt: skip


def test_evaluators_of_one_mode_that_pass_and_fail_an_answer_disagree() -> None:
    alignment = [
        an_alignment(), an_alignment(evaluator="check:a"), an_alignment(evaluator="check:b", mode_id="fm-2"),
    ]  # fmt: skip
    results = [
        an_eval_result(label="pass"), check_row("fail", "check:a"), check_row("fail", "check:b"),
        an_eval_result(case_id="g-2", label="unsure"), check_row("fail", "check:a", case_id="g-2"),
        an_eval_result(case_id="g-3", label="fail"), check_row("fail", "check:a", case_id="g-3"),
        check_row(None, "check:a", case_id="g-4"), an_eval_result(case_id="g-4", label="fail"),
    ]  # fmt: skip
    (found,) = find_disagreements(results, alignment, {"fm-1": "Made up"})
    assert (found.case_id, found.mode, found.labels) == (
        "g-1", "Made up", (("check:a", "fail"), ("judge:fm-1", "pass")),
    )  # fmt: skip
