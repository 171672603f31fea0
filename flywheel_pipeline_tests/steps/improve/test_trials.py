"""Trials: nothing is evaluated twice, beyond the budget, on test, or although its text forbids it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.errors import NoAnswerError, SettingsError
from flywheel_pipeline.records import EvalResult, GoldenCase
from flywheel_pipeline.steps.improve.bench import Bench
from flywheel_pipeline.steps.improve.improver import require_budget
from flywheel_pipeline.steps.improve.propose import ProposedPrompt
from flywheel_pipeline.steps.improve.trials import SearchEnded, Trial, Trials
from flywheel_pipeline_tests.fakes import FakeEvaluate
from flywheel_pipeline_tests.steps.improve.proposing import Given
from flywheel_pipeline_tests.steps.improve.test_search import (
    ALONE,
    BASE,
    DEV,
    DEV_IDS,
    JUDGE,
    JUDGEMENT,
    TEST,
    TRAIN,
    label,
)

COVERS = ("steps/improve/trials.py", "steps/improve/improver.py")
Label = Callable[[str, GoldenCase], str]


class Broken(FakeEvaluate):
    """An `Evaluate` of which some cases end in errors, the first `times` that they are evaluated."""

    def __init__(self, by: Label, cases: Sequence[str], times: int = 99) -> None:
        super().__init__(by, JUDGE)
        self.left = dict.fromkeys(cases, times)

    def evaluate(self, prompt: Any, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        rows = super().evaluate(prompt, cases)
        broken = {c for c in self.left if self.left[c] > 0 and c in {x.case_id for x in cases}}
        self.left = {c: n - (c in broken) for c, n in self.left.items()}
        return [replace(r, label=None, score=None, error="HTTP 500") if r.case_id in broken else r for r in rows]


def a_bench(
    by: Label = label, evaluate: FakeEvaluate | None = None, more: Sequence[GoldenCase] = (), **changes: Any
) -> tuple[Bench, FakeEvaluate]:
    """A bench on 4 train, 20 dev and 40 test cases, of which the base passes every other one."""
    evaluate = evaluate or FakeEvaluate(by, JUDGE)
    cases = [*TRAIN, *DEV, *TEST, *more]
    baseline = FakeEvaluate(by, JUDGE).evaluate(BASE, cases)
    return replace(Bench(BASE, cases, baseline, evaluate, JUDGEMENT, ALONE), **changes), evaluate


def try_out(trials: Trials, *texts: str) -> list[Trial]:
    return [trials.propose(ProposedPrompt(t, ()), trials.base, "given") for t in texts]


def test_a_prompt_is_evaluated_on_a_case_once_and_production_never() -> None:
    bench, evaluate = a_bench()
    trials = Trials(bench, 100)
    first, again = try_out(trials, "A good prompt.", "A good prompt.")
    trials.rows(first.version, [*DEV, TRAIN[0]])
    trials.rows(trials.base.version, [*DEV, *TRAIN])
    assert first is again
    assert evaluate.evaluated == [("A good prompt.", DEV_IDS), ("A good prompt.", ["train-0"])]
    assert (trials.n_answers, trials.left) == (21, 79)


def test_the_test_split_cannot_be_read() -> None:
    bench, evaluate = a_bench()
    trials = Trials(bench, 100)
    with pytest.raises(ValueError, match="train and dev splits only, not test-0"):
        trials.rows(trials.version_of("A good prompt."), [*DEV, TEST[0]])
    assert not evaluate.evaluated


def test_what_the_budget_does_not_suffice_for_is_not_begun() -> None:
    bench, evaluate = a_bench()
    trials = Trials(bench, 39)
    try_out(trials, "A fair prompt.")
    with pytest.raises(SearchEnded, match="20 of 39 answers asked for, and the next step takes 20"):
        try_out(trials, "A good prompt.")
    assert len(evaluate.evaluated) == 1


def test_a_budget_too_small_for_one_round_is_refused_with_the_minimum() -> None:
    class Costly(Given):
        def minimum(self, n_dev: int) -> int:
            return 3 * n_dev

    with pytest.raises(SettingsError, match=r"improve.max_answers is 119: one full round .* on 20 dev .* takes 120 "):
        require_budget([Costly([]), Costly([])], 20, 119)
    require_budget([Costly([]), Costly([])], 20, 120)


def test_a_case_that_is_lost_to_an_error_is_tried_once_more() -> None:
    bench, evaluate = a_bench(evaluate=Broken(label, ["dev-1", "dev-3"], times=1))
    (trial,) = try_out(Trials(bench, 100), "A good prompt.")
    assert len(trial.outcomes) == 20 and trial.status == "evaluated"
    assert [ids for _, ids in evaluate.evaluated] == [DEV_IDS, ["dev-1", "dev-3"]]


def test_an_outcome_that_is_lost_to_an_error_is_no_failure() -> None:
    bench, _ = a_bench(evaluate=Broken(label, ["dev-0"]))
    trials = Trials(bench, 100)
    (trial,) = try_out(trials, "Another prompt.")
    assert trial.failed == {"dev-0"} and trials.gain(trial, trials.base) == 0
    assert trials.compared(trial, trials.base) == (9, 9, 19)


def test_a_prompt_with_too_many_lost_outcomes_is_not_compared() -> None:
    bench, _ = a_bench(evaluate=Broken(label, ["dev-1", "dev-3"]))
    trials = Trials(bench, 100)
    (trial,) = try_out(trials, "A good prompt.")
    assert (trial.status, trials.best()) == ("unscored", trials.base)
    assert trial.reason == "2 of 20 dev cases have no outcome because of errors, such as: HTTP 500"


def test_a_prompt_under_which_no_case_is_answered_is_not_compared_and_ends_nothing() -> None:
    class Silent(FakeEvaluate):
        def evaluate(self, prompt: Any, cases: Sequence[GoldenCase]) -> list[EvalResult]:
            if "long" in prompt.text:
                raise NoAnswerError("The app failed on all 20 cases; the first error: cut off at max_tokens")
            return super().evaluate(prompt, cases)

    bench, _ = a_bench(evaluate=Silent(label, JUDGE))
    trials = Trials(bench, 100)
    silent, good = try_out(trials, "A long prompt.", "A good prompt.")
    assert silent.status == "unscored" and silent.reason.endswith("cut off at max_tokens")
    assert trials.best() is good


def test_an_abstention_is_no_error_and_no_pass() -> None:
    def unsure(text: str, case: GoldenCase) -> str:
        return "unsure" if "good" in text and case.case_id in ("dev-0", "dev-1") else label(text, case)

    bench, _ = a_bench(by=unsure)
    trials = Trials(bench, 100)
    (trial,) = try_out(trials, "A good prompt.")
    assert (trial.failed, trials.gain(trial, trials.base), trials.flips(trial)) == (frozenset(), 8, (9, 0))


def test_the_best_is_never_just_the_last_and_of_equals_the_shorter() -> None:
    bench, _ = a_bench()
    trials = Trials(bench, 200)
    try_out(trials, "A good prompt, with more words.", "A good prompt.", "A fair prompt.", "A bad prompt.")
    assert trials.best().text == "A good prompt."
    others = Trials(bench, 200)
    try_out(others, "Short.", "A bad prompt.")
    assert others.best() is others.base


def test_a_proposal_that_must_not_be_tried_is_recorded_and_costs_nothing() -> None:
    bench, evaluate = a_bench()
    trials = Trials(bench, 100)
    (trial,) = try_out(trials, "A good prompt for {{name}}.")
    assert (trial.status, trial.reason, trials.n_answers) == ("rejected", "it invents {{name}}", 0)
    assert trials.found[trial.version.version] is trial and not evaluate.evaluated


def test_rows_aside_are_not_kept_until_the_prompt_is() -> None:
    aside = FakeEvaluate(label, JUDGE)
    bench, evaluate = a_bench(aside=aside)
    trials = Trials(bench, 100)
    trial = trials.propose(ProposedPrompt("A good prompt.", ()), trials.base, "given", aside=True)
    assert (len(aside.evaluated), len(evaluate.evaluated)) == (1, 0)
    trials.keep(trial)
    assert evaluate.evaluated == [("A good prompt.", DEV_IDS)]
