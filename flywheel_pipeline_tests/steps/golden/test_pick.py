"""A case that a person makes of a trace: their words first, the verdict's otherwise; the fence as always."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.errors import EditError
from flywheel_pipeline.steps.golden.cases import Draft, LabelledTrace, draft_case, golden_case
from flywheel_pipeline.steps.golden.pick import Wanted, draft_picked, place_picked
from flywheel_pipeline.steps.golden.split import family_name, split_of
from flywheel_pipeline_tests.builders import a_conversation

TALK = ("How do I pair the hub?", "Press the button.", "For how long?", "Three seconds.", "And then?")


def a_labelled(*texts: str, **changes: Any) -> LabelledTrace:
    values: dict[str, Any] = {
        "trace_id": "t1", "session_id": None, "messages": json.dumps(a_conversation(*texts, system="Be kind.")),
        "retrieved": '[{"id": "doc-1", "content": "x"}]', "output": None, "failed": True, "comment": "too short",
        "first_failure_step": None, "mode_id": "fm-1",
    }  # fmt: skip
    return LabelledTrace(**{**values, **changes})


def questions(draft: Draft) -> list[str]:
    return [str(m["content"]) for m in draft.messages if m["role"] == "user"]


def test_what_a_person_does_not_say_follows_from_the_verdict() -> None:
    trace = a_labelled(*TALK[:4])
    assert draft_picked(trace, True, Wanted()) == draft_case(trace)
    passed = replace(trace, failed=False, comment=None, mode_id=None)
    assert draft_picked(passed, True, Wanted()) == draft_case(passed)


def test_what_a_person_says_comes_first() -> None:
    wanted = Wanted(
        reference=" Hold it. ",
        criteria="",
        expected_doc_ids=("d", "d", "e"),
        criteria_kind="requirement",
        mode_id="fm-2",
    )
    made = draft_picked(a_labelled(*TALK[:4]), True, wanted)
    assert (made.reference, made.criteria, made.criteria_kind) == ("Hold it.", None, "requirement")
    assert (made.expected_doc_ids, made.mode_id, made.kind) == (("d", "e"), "fm-2", "failure")
    kept = draft_picked(a_labelled(*TALK[:4]), True, Wanted(kind="happy_path", reference="Right."))
    assert (kept.kind, kept.reference, kept.mode_id, kept.criteria) == ("happy_path", "Right.", None, None)


@pytest.mark.parametrize(
    ("turn", "asked", "observed"),
    [(1, [TALK[0]], TALK[1]), (3, [TALK[0], TALK[2]], TALK[3]), (5, [TALK[0], TALK[2], TALK[4]], None)],
)
def test_the_conversation_is_cut_at_the_turn(turn: int, asked: list[str], observed: str | None) -> None:
    for kind in ("failure", "happy_path"):
        wanted = Wanted(kind=kind, turn=turn, criteria="c")
        made = draft_picked(a_labelled(*TALK, first_failure_step=2), True, wanted)
        assert questions(made) == asked and made.observed == observed
        assert made.reference == (observed if kind == "happy_path" else None)
        assert all(m["role"] != "system" for m in made.messages)


def test_an_answer_with_tool_calls_is_the_last_text_before_the_next_question() -> None:
    messages = [
        {"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "Let me look."},
        {"role": "tool", "content": "{}"}, {"role": "assistant", "content": "On its way."},
        {"role": "user", "content": "Thanks"}, {"role": "assistant", "content": "Bye"},
    ]  # fmt: skip
    made = draft_picked(a_labelled(messages=json.dumps(messages)), True, Wanted(turn=0))
    assert (questions(made), made.observed) == (["Where is it?"], "On its way.")


@pytest.mark.parametrize(
    ("labelled", "wanted", "message"),
    [
        (False, Wanted(), "no verdict; say which kind"),
        (True, Wanted(kind="synthetic"), "unknown kind 'synthetic'"),
        (True, Wanted(criteria_kind="wish"), "criteria are one of"),
        (True, Wanted(turn=0), "message 1 is no message of the user"),
        (True, Wanted(turn=2), "message 3 is no message of the user"),
        (True, Wanted(turn=99), "there is no message 100"),
        (True, Wanted(turn=-1), "there is no message 0"),
        (False, Wanted(kind="adversarial", criteria=""), "say what is wrong"),
        (True, Wanted(criteria=" "), "say what is wrong"),
    ],
)
def test_what_can_be_no_case_is_refused(labelled: bool, wanted: Wanted, message: str) -> None:
    with pytest.raises(EditError, match=message):
        draft_picked(a_labelled(*TALK[:4]), labelled, wanted)


def test_a_conversation_without_a_question_is_refused() -> None:
    with pytest.raises(EditError, match="holds no user message"):
        draft_picked(a_labelled(messages="[]"), True, Wanted())


def a_draft(text: str, **changes: Any) -> Draft:
    values = {"kind": "failure", "mode_id": "fm-1", "messages": ({"role": "user", "content": text},), "criteria": "c"}
    return Draft(**{**values, **changes})


def test_near_duplicates_are_of_one_family_and_split_and_what_is_there_is_not_added_again() -> None:
    first = a_draft("Is there a student discount on the Plus plan?")
    (placed,) = place_picked([first, first], [], (), TfidfEmbed(), "picked")
    assert placed.case and placed.is_new and placed.near == () and placed.case.added_in == "picked"
    assert placed.case.split == split_of(family_name(first.input))
    near = a_draft("is there any student discount on the plus plan")
    (again, other) = place_picked([first, near], [placed.case], (), TfidfEmbed(), "picked")
    assert again.case == placed.case and not again.is_new
    assert (
        other.is_new and other.case and other.case.family == placed.case.family and other.near == (placed.case.case_id,)
    )


def test_a_retired_case_a_waiting_one_and_one_between_two_splits_are_no_cases() -> None:
    draft = a_draft("Is there a student discount on the Plus plan?")
    retired = replace(golden_case(draft, "f-1", "test", "v1"), status="retired")
    (found,) = place_picked([draft], [retired], (), TfidfEmbed(), "picked")
    assert found.case is None and "was retired" in found.reason
    (found,) = place_picked([draft], [], {draft.case_id}, TfidfEmbed(), "picked")
    assert found.case is None and "waits as a proposed case" in found.reason
    split = {split_of(name): name for name in (f"f-{n}" for n in range(50))}
    both = [golden_case(a_draft(f"about {s}", session_id="s"), split[s], s, "v1") for s in ("train", "test")]
    (found,) = place_picked([replace(draft, session_id="s")], both, (), TfidfEmbed(), "picked")
    assert found.case is None and "cases of two splits" in found.reason
