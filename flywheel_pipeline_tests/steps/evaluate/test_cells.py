"""Why a cell is computed anew, in a person's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.cells import (
    answer_id,
    answer_inputs,
    as_json,
    explain_cell,
    lines,
    verdict_inputs,
)
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline_tests.builders import a_case

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
        (verdict_inputs(replace(MODE, exclusion=("jokes",)), CASE, "Yes.", "m", 0), "failure mode"),
        (verdict_inputs(MODE, CASE, "No.", "m", 0), "answer"),
        (verdict_inputs(MODE, CASE, "Yes.", "m2", 0), "judge model"),
        (verdict_inputs(MODE, replace(CASE, reference="No, there is none."), "Yes.", "m", 0), "hints"),
    ],
)
def test_a_verdict_is_asked_for_anew_when_the_judge_would_see_something_else(now: dict[str, str], name: str) -> None:
    assert changed(verdict_inputs(MODE, CASE, "Yes.", "m", 0), now) == f"answer: {name} changed"


def test_a_cell_without_a_result_is_computed_and_one_that_failed_is_tried_again() -> None:
    inputs = {"prompt": "p1"}
    assert str(explain_cell("judge:fm-1", None, None, inputs)) == "judge:fm-1: not evaluated yet"
    again = explain_cell("answer", as_json(inputs), "HTTP 500", inputs)
    assert str(again) == "answer: no result last time (HTTP 500), so it is tried again"


def test_nothing_that_changed_is_a_line_as_well() -> None:
    assert lines([]) == ["nothing changed: the next run takes everything from the cache"]
