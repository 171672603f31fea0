"""Promotion: only what the gate lets ship, and only against the prompt that is in production."""

from __future__ import annotations

import json

import pytest

from flywheel_pipeline.errors import GateError
from flywheel_pipeline.records import PromptCandidate
from flywheel_pipeline.steps.deploy.promote import check_promotion, first_prompt
from flywheel_pipeline_tests.builders import a_candidate, a_conversation

SHIP = a_candidate(candidate_id="c-ship")
HOLD = a_candidate(candidate_id="c-hold", decision="hold", reason="too few cases")
RUNNER_UP = a_candidate(candidate_id="c-second", decision=None, status="runner_up", reason="another is better")


def test_the_only_candidate_that_may_ship_is_promoted_without_being_named() -> None:
    assert check_promotion([HOLD, SHIP, RUNNER_UP], None, "p1") == SHIP


def test_a_candidate_is_named_by_the_beginning_of_its_id() -> None:
    other = a_candidate(candidate_id="d-ship")
    assert check_promotion([SHIP, other], "c-s", "p1") == SHIP


def test_of_two_that_may_ship_one_must_be_named() -> None:
    with pytest.raises(GateError, match="Several candidates may ship: c-ship, d-ship"):
        check_promotion([SHIP, a_candidate(candidate_id="d-ship")], None, "p1")


@pytest.mark.parametrize(
    ("refused", "reported"), [(HOLD, "hold, too few cases"), (RUNNER_UP, "not decided, another is")]
)
def test_what_the_gate_did_not_let_ship_is_refused_with_the_reason(refused: PromptCandidate, reported: str) -> None:
    with pytest.raises(GateError, match=reported):
        check_promotion([SHIP, HOLD, RUNNER_UP], refused.candidate_id, "p1")


def test_an_unknown_candidate_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(GateError, match="c-ship: ship"):
        check_promotion([SHIP], "zzz", "p1")


def test_without_candidates_the_way_to_one_is_named() -> None:
    with pytest.raises(GateError, match=r"There is no candidate yet: `flywheel run` proposes one"):
        check_promotion([], None, "p1")


def test_without_a_candidate_that_may_ship_the_decisions_are_named_and_where_the_reasons_are() -> None:
    with pytest.raises(GateError, match=r"No candidate has passed the gate \(c-hold: hold\)\. `flywheel sql"):
        check_promotion([HOLD], None, "p1")


@pytest.mark.parametrize("production", ["p2", None])
def test_a_decision_against_another_prompt_than_production_is_refused(production: str | None) -> None:
    with pytest.raises(GateError, match="compared with p1"):
        check_promotion([SHIP], "c-ship", production)


def conversations(*systems: str | None) -> list[str]:
    return [json.dumps(a_conversation("Hello", "Hi", system=s)) for s in systems]


def test_the_first_prompt_is_the_most_frequent_system_prompt_of_the_traces() -> None:
    found = first_prompt("fern", conversations("Be brief.", "Be kind.", " Be kind. ", None, None, None))
    assert found is not None
    assert (found.text, found.base_version) == ("Be kind.", None)
    assert "2 of 3" in found.note


def test_of_equally_frequent_prompts_the_choice_does_not_depend_on_the_order() -> None:
    one = first_prompt("fern", conversations("Be brief.", "Be kind."))
    assert one == first_prompt("fern", conversations("Be kind.", "Be brief."))


def test_a_prompt_in_several_messages_is_one_prompt() -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "developer", "content": "Be brief."}]
    found = first_prompt("fern", [json.dumps(messages)])
    assert found is not None
    assert found.text == "Be kind.\nBe brief."


@pytest.mark.parametrize("given", [[], conversations(None, "  ")])
def test_traces_without_a_system_prompt_give_no_first_prompt(given: list[str]) -> None:
    assert first_prompt("fern", given) is None
