"""Why a cell is computed anew, in a person's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.cells import (
    Plan,
    Stored,
    answer_id,
    answer_inputs,
    as_json,
    due_cells,
    explain_cell,
    verdict_inputs,
)
from flywheel_pipeline.steps.evaluate.evaluators.catalogue import make_evaluator
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, Verdict
from flywheel_pipeline.steps.evaluate.run import run_evals
from flywheel_pipeline_tests.builders import a_case, a_prompt
from flywheel_pipeline_tests.fakes import FakeApp, FakeLLM

MODE = ModeToJudge("fm-1", "Made up", "It is invented.", ("no such plan",))
CASE = a_case()


def changed(before: dict[str, str], now: dict[str, str]) -> str:
    return str(explain_cell("answer", as_json(before), None, now))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"messages": Json('[{"role": "user", "content": "Other?"}]')}, "conversation"),
        ({"context": Json('[{"id": "x"}]')}, "documents"),
    ],
)
def test_an_answer_is_made_anew_when_its_case_changes(change: dict[str, Any], name: str) -> None:
    before, now = (answer_inputs(c, "p1", "v1", 0) for c in (CASE, replace(CASE, **change)))
    assert changed(before, now) == f"answer: {name} changed"
    assert answer_id(CASE, before) != answer_id(CASE, now)


def test_an_answer_is_made_anew_when_prompt_app_or_repeat_changes() -> None:
    before = answer_inputs(CASE, "p1", "v1", 0)
    assert changed(before, answer_inputs(CASE, "p2", "v2", 0)) == "answer: prompt and app changed"
    assert changed(before, answer_inputs(CASE, "p1", "v1", 1)) == "answer: repeat changed"


def test_what_the_app_never_sees_does_not_change_its_answer() -> None:
    other = replace(CASE, reference="Another.", criteria="other", split="dev", mode_id="fm-2")
    assert (
        explain_cell("answer", as_json(answer_inputs(CASE, "p", "v", 0)), None, answer_inputs(other, "p", "v", 0))
        is None
    )


@pytest.mark.parametrize(
    ("now", "name"),
    [
        (verdict_inputs(replace(MODE, definition="Else."), CASE, "Yes.", "m", 0), "failure mode"),
        (verdict_inputs(replace(MODE, does_not_belong="Jokes."), CASE, "Yes.", "m", 0), "failure mode"),
        (verdict_inputs(MODE, CASE, "No.", "m", 0), "answer"),
        (verdict_inputs(MODE, CASE, "Yes.", "m2", 0), "judge model"),
    ],
)
def test_a_verdict_is_asked_for_anew_when_the_judge_would_see_something_else(now: dict[str, str], name: str) -> None:
    assert changed(verdict_inputs(MODE, CASE, "Yes.", "m", 0), now) == f"answer: {name} changed"


def test_a_cell_without_a_result_is_computed_and_one_that_failed_is_tried_again() -> None:
    inputs = {"prompt": "p1"}
    assert str(explain_cell("judge:fm-1", None, None, inputs)) == "judge:fm-1: not evaluated yet"
    again = explain_cell("answer", as_json(inputs), "HTTP 500", inputs)
    assert str(again) == "answer: no result last time (HTTP 500), so it is tried again"


PLAN = Plan([MODE], "demo", "m")


def stored_of(plan: Plan = PLAN, version: str = "v1", prompt: str = "Be kind.") -> Stored:
    app = FakeApp(lambda p, c: Answer("Yes."), version)
    llm = FakeLLM(lambda data: Verdict(label="pass"))
    found = run_evals(a_prompt(prompt), [CASE], plan, app, llm)
    return Stored(found.answers, found.results)


def reasons(stored: Stored, plan: Plan = PLAN, version: str = "v1", prompt: str = "Be kind.") -> list[str]:
    return due_cells(CASE, a_prompt(prompt).version, version, plan, stored).lines()


def test_a_case_whose_inputs_are_those_of_its_rows_is_not_due() -> None:
    assert reasons(stored_of()) == ["nothing changed: the next run takes everything from the cache"]


def test_a_changed_judge_is_asked_again_and_the_app_is_not() -> None:
    other = replace(PLAN, modes=[replace(MODE, definition="Another.")])
    due = due_cells(CASE, a_prompt("Be kind.").version, "v1", other, stored_of())
    assert due.answers == ()
    assert due.lines() == ["judge:fm-1: failure mode changed"]
    assert reasons(stored_of(), replace(PLAN, judge_model="m2")) == ["judge:fm-1: judge model changed"]


def test_a_changed_prompt_or_app_makes_the_answer_and_its_verdicts_due() -> None:
    assert reasons(stored_of(), prompt="Be brief.") == ["answer: prompt changed", "judge:fm-1: answer changed"]
    assert reasons(stored_of(), version="v2") == ["answer: app changed", "judge:fm-1: answer changed"]
    assert reasons(Stored()) == ["answer: not evaluated yet", "judge:fm-1: answer changed"]


def test_a_further_repeat_and_a_further_judge_are_due_and_nothing_else() -> None:
    assert reasons(stored_of(), replace(PLAN, repeats=2)) == [
        "answer 1: not evaluated yet", "judge:fm-1: answer changed",
    ]  # fmt: skip
    second = ModeToJudge("fm-2", "Rude", "It is rude.", ())
    assert reasons(stored_of(), replace(PLAN, modes=[MODE, second])) == ["judge:fm-2: not evaluated yet"]


def test_the_judge_of_a_cases_own_criteria_is_due_like_every_other() -> None:
    own = replace(CASE, criteria="Names the price.", criteria_kind="requirement")
    app, llm = FakeApp(lambda p, c: Answer("Yes."), "v1"), FakeLLM(lambda data: Verdict(label="pass"))
    found = run_evals(a_prompt("P"), [own], PLAN, app, llm)
    stored, version = Stored(found.answers, found.results), a_prompt("P").version
    assert due_cells(own, version, "v1", PLAN, stored).verdicts == ()
    other = replace(own, criteria="Names the price and the size.")
    assert "criteria: criteria changed" in due_cells(other, version, "v1", PLAN, stored).lines()


def test_an_answer_without_a_word_has_no_verdicts_to_wait_for() -> None:
    found = run_evals(a_prompt("P"), [CASE], PLAN, FakeApp(lambda p, c: Answer("")), FakeLLM(lambda d: "not asked"))
    due = due_cells(CASE, a_prompt("P").version, "app-1", PLAN, Stored(found.answers, found.results))
    assert (due.answers, due.verdicts) == ((), ())


def a_check(*texts: str) -> Check:
    return Check("no-claims", "forbidden", make_evaluator("forbidden", {"texts": texts}), {"texts": texts}, "fm-1")


def test_a_changed_check_is_due_apart_from_what_costs_calls() -> None:
    plan = replace(PLAN, checks=[a_check("done")])
    stored, prompt = stored_of(plan), a_prompt("Be kind.").version
    assert due_cells(CASE, prompt, "v1", plan, stored).lines() == reasons(stored_of())
    due = due_cells(CASE, prompt, "v1", replace(PLAN, checks=[a_check("gone")]), stored)
    assert (due.answers, due.verdicts) == ((), ())
    assert [str(c) for c in due.checks] == ["check:no-claims: evaluator changed"]
    new = due_cells(CASE, prompt, "v1", plan, stored_of())
    assert [str(c) for c in new.checks] == ["check:no-claims: not evaluated yet"]


@pytest.mark.parametrize("change", [{"reference": "79"}, {"expected_doc_ids": Json('["d"]')}, {"criteria": "c"}])
def test_a_check_is_run_anew_when_what_it_may_compare_with_changes(change: dict[str, Any]) -> None:
    plan = replace(PLAN, checks=[a_check("done")])
    due = due_cells(replace(CASE, **change), a_prompt("Be kind.").version, "v1", plan, stored_of(plan))
    assert [str(c) for c in due.checks] == ["check:no-claims: references changed"]
