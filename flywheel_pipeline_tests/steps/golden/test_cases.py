"""Labelled traces become cases up to the turn under test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.golden.cases import (
    Draft,
    LabelledTrace,
    draft_case,
    draft_of,
    golden_case,
    in_current_modes,
)
from flywheel_pipeline_tests.builders import a_case, a_conversation

FOUR = a_conversation("Hello", "Hi, how can I help?", "Is there a discount?", "Yes, 20 % off.")


def labelled(messages: list[dict[str, Any]], **changes: Any) -> LabelledTrace:
    values: dict[str, Any] = {
        "trace_id": "t1", "session_id": "s1", "messages": json.dumps(messages), "retrieved": '[{"id": "doc1"}]',
        "output": "Yes, 20 % off.", "failed": True, "comment": "There is none.", "first_failure_step": None,
        "mode_id": "fm-1",
    }  # fmt: skip
    return LabelledTrace(**{**values, **changes})


def drafted(messages: list[dict[str, Any]], **changes: Any) -> Draft:
    draft = draft_case(labelled(messages, **changes))
    assert draft is not None
    return draft


def test_a_case_ends_with_the_user_message_before_the_last_answer() -> None:
    draft = drafted(FOUR)
    assert list(draft.messages) == FOUR[:3]
    assert (draft.input, draft.observed) == ("Is there a discount?", "Yes, 20 % off.")


@pytest.mark.parametrize("step", [0, 1])
def test_a_failure_in_an_earlier_answer_is_tested_at_that_answer(step: int) -> None:
    draft = drafted(FOUR, first_failure_step=step)
    assert list(draft.messages) == FOUR[:1]
    assert draft.observed == "Hi, how can I help?"


@pytest.mark.parametrize("step", [2, 3, 4, 99])
def test_a_failure_step_at_or_after_the_last_question_is_tested_at_the_last_answer(step: int) -> None:
    assert list(drafted(FOUR, first_failure_step=step).messages) == FOUR[:3]


def test_a_failure_in_a_tool_call_is_tested_at_the_question_that_led_to_it() -> None:
    called = [
        FOUR[0],
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]},
        {"role": "tool", "content": "nothing found"},
        {"role": "assistant", "content": "I made this up."},
        *FOUR[2:],
    ]
    draft = drafted(called, first_failure_step=1)
    assert list(draft.messages) == FOUR[:1]
    assert draft.observed == "I made this up."


def test_an_unanswered_question_is_the_case_when_nothing_was_ever_answered() -> None:
    draft = drafted(a_conversation("Hello?"), output=None)
    assert (draft.input, draft.observed) == ("Hello?", None)


def test_the_production_prompt_is_no_part_of_a_case() -> None:
    messages = [{"role": "developer", "content": "Be kind."}, *a_conversation("Hello", "Hi", system="Be brief.")]
    assert [m["role"] for m in drafted(messages).messages] == ["user"]


def test_the_same_conversation_is_the_same_case_under_any_production_prompt() -> None:
    with_prompt = drafted(a_conversation("Hello", "Hi", system="Be brief."))
    assert with_prompt.case_id == drafted(a_conversation("Hello", "Hi")).case_id


def test_a_greeting_of_the_assistant_is_not_the_answer_under_test() -> None:
    greeting = {"role": "assistant", "content": "Welcome!"}
    draft = drafted([greeting, *a_conversation("Hello", "Hi")])
    assert list(draft.messages) == [greeting, {"role": "user", "content": "Hello"}]


def test_a_message_in_parts_is_read_as_text() -> None:
    parts = [{"type": "text", "text": "Is there"}, {"type": "text", "text": "a discount?"}]
    assert drafted([{"role": "user", "content": parts}]).input == "Is there\na discount?"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "assistant", "content": "Welcome!"}],
        [{"role": "system", "content": "Be brief."}],
        a_conversation("   ", "Hi"),
        [{"role": "user", "content": None}],
    ],
)
def test_a_conversation_without_a_question_makes_no_case(messages: list[dict[str, Any]]) -> None:
    assert draft_case(labelled(messages)) is None


def test_a_failure_keeps_the_remark_of_the_expert_and_no_reference() -> None:
    case = golden_case(drafted(FOUR), "f-1", "test", "v1")
    assert (case.kind, case.mode_id, case.criteria, case.reference) == ("failure", "fm-1", "There is none.", None)
    assert (case.observed_output, case.source_trace_id) == ("Yes, 20 % off.", "t1")


def test_a_pass_becomes_a_happy_path_whose_answer_is_the_reference() -> None:
    case = golden_case(drafted(FOUR, failed=False), "f-1", "test", "v1")
    assert (case.kind, case.mode_id, case.criteria) == ("happy_path", None, None)
    assert case.reference == case.observed_output == "Yes, 20 % off."


def test_the_answer_that_the_expert_wrote_instead_is_the_reference_of_a_failure() -> None:
    case = golden_case(drafted(FOUR, extra='{"Corrected answer": "There is no discount."}'), "f-1", "test", "v1")
    assert (case.kind, case.reference, case.criteria) == ("failure", "There is no discount.", "There is none.")


def test_a_case_is_what_it_was_as_a_draft() -> None:
    draft = drafted(FOUR, extra='{"expected_doc_ids": "doc1, doc2"}')
    case = golden_case(draft, "f-1", "test", "v1")
    assert case.expected_doc_ids == '["doc1", "doc2"]'
    assert draft_of(case) == draft


def test_expected_tool_calls_and_graded_documents_come_through_a_draft() -> None:
    calls = Json('[{"name": "find", "arguments": {"q": "hub"}}]')
    again = golden_case(draft_of(a_case(expected_tool_calls=calls)), "f-1", "test", "v1")
    assert again.expected_tool_calls == calls
    none = golden_case(draft_of(a_case(expected_tool_calls=Json("[]"))), "f-1", "test", "v1")
    assert none.expected_tool_calls == "[]"
    graded = draft_of(a_case(expected_doc_ids=Json('{"a": 2, "b": 0}')))
    assert graded.expected_doc_ids == ("a",)


def test_a_case_follows_its_trace_into_another_mode_and_survives_the_end_of_its_mode() -> None:
    cases = [
        a_case(case_id="moved", mode_id="fm-1", source_trace_id="t1"),
        a_case(case_id="merged", mode_id="fm-2", source_trace_id="t2"),
        a_case(case_id="orphan", mode_id="fm-2", source_trace_id="t3"),
        a_case(case_id="happy", mode_id=None, source_trace_id="t1", kind="happy_path"),
        a_case(case_id="now of another", mode_id="fm-4", source_trace_id="t4"),
    ]
    known = {"fm-1": "fm-1", "fm-3": "fm-3", "fm-4": "fm-1"}
    now = in_current_modes(cases, {"t1": "fm-3", "t2": "fm-3"}, known)
    assert [c.mode_id for c in now] == ["fm-3", "fm-3", None, None, "fm-1"]
    assert [c.case_id for c in now] == [c.case_id for c in cases]


def test_an_attack_made_of_a_failure_guards_no_mode_and_a_variation_guards_that_of_its_trace() -> None:
    cases = [a_case(case_id="a", kind="adversarial", mode_id=None), a_case(case_id="s", kind="synthetic", mode_id=None)]
    assert [c.mode_id for c in in_current_modes(cases, {"t1": "fm-1"}, {"fm-1": "fm-1"})] == [None, "fm-1"]
