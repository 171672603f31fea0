"""Whose words the input and the output of a trace are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.steps.capture.spans import Span
from flywheel_pipeline.steps.capture.talk import Talk, main_talk, root_of

ASKED, SAID = "Do you ship to Oslo?", "Yes, in two days."
PROMPT = {"role": "system", "content": "You sell boots."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def app(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def talk(*spans: Span) -> Talk:
    return main_talk(root_of(spans), spans)


def step(id_: str, parent: str | None = None, kind: str = "chain", **values: Any) -> Span:
    return Span("t", id_, parent, kind=kind, **values)


def test_the_main_agent_wins_over_a_longer_sub_agent() -> None:
    long = [user("find the rate"), app("", tool_calls=[{"id": "c", "function": {"name": "kb", "arguments": "{}"}}])]
    found = talk(
        step("root", kind="agent"),
        step("main", "root", "llm", messages=[PROMPT, user(ASKED)], reply=[app(SAID)], model="big"),
        step("tool", "root", "tool", name="rates"),
        step("sub", "tool", "llm", messages=[*long, {"role": "tool", "content": "2"}], reply=[app("2")], model="small"),
    )
    assert (found.asked, found.answered, found.messages[0]) == (ASKED, SAID, PROMPT)


def test_where_the_root_is_empty_the_step_in_front_of_the_generation_speaks() -> None:
    found = talk(
        step("root", kind="other"),
        step("other", "root", input="unrelated", output="unrelated"),
        step("chain", "root", input=ASKED, output=SAID),
        step("llm", "chain", "llm", messages=[user("Context: x\nOf Oslo, one may say:")], reply=[app(SAID)]),
    )
    assert (found.asked, found.answered) == (ASKED, SAID)


def test_a_step_of_a_tool_beside_the_generation_does_not_speak_for_the_trace() -> None:
    found = talk(
        step("root", kind="agent"),
        step("llm", "root", "llm", messages=[user(ASKED)], reply=[app(SAID)]),
        step("look", "root", "other", input='{"town": "Oslo"}', output="two days"),
    )
    assert (found.asked, found.answered) == (ASKED, SAID)


@pytest.mark.parametrize(
    "value",
    [ASKED, json.dumps({"args": [ASKED], "kwargs": {}}), json.dumps({"messages": [user(ASKED)]}),
     json.dumps([PROMPT, user(ASKED)]), f"system: You sell boots.\nuser: {ASKED}", str([user(ASKED)]),
     f"Context: ports\nQuestion: {ASKED}\nAnswer:"],
)  # fmt: skip
def test_the_root_s_input_wins_and_what_wraps_it_is_taken_off(value: str) -> None:
    stuffed = [PROMPT, user(f"Answer from these: …\n{ASKED} Think.")]
    llm = step("llm", "root", "llm", messages=stuffed, reply=[app(SAID)])
    found = talk(step("root", input=value, output=SAID), llm)
    assert (found.asked, found.answered) == (ASKED, SAID)
    assert PROMPT in found.messages


@pytest.mark.parametrize(
    "value", ['{"thread_id": "t9"}', "content='x' additional_kwargs={}", "<app.State object at 0x7f>"]
)
def test_an_input_that_nobody_said_is_not_the_question(value: str) -> None:
    llm = step("llm", "root", "llm", messages=[user(ASKED)], reply=[app(SAID)])
    assert talk(step("root", input=value, output=None), llm).asked == ASKED


def test_a_structured_answer_of_the_root_stays_whole_and_a_flag_is_none() -> None:
    llm = step("llm", "root", "llm", messages=[user(ASKED)], reply=[app(SAID)])
    whole = {"answer": SAID, "refund": True}
    assert json.loads(talk(step("root", input=ASKED, output=json.dumps(whole)), llm).answered or "") == whole
    assert talk(step("root", input=ASKED, output='{"ok": true}'), llm).answered == SAID


def test_an_unanswered_question_gets_no_earlier_answer() -> None:
    held = [user(ASKED), app(SAID), user("And Bergen?")]
    found = talk(step("root", "", "llm", messages=held, error="quota"))
    assert (found.asked, found.answered) == ("And Bergen?", None)
    state = json.dumps({"messages": held})
    assert talk(step("root", input=state, output=state)).answered is None


def test_an_app_that_speaks_unasked_has_an_answer() -> None:
    found = talk(step("root", None, "llm", reply=[app("Welcome.")]))
    assert (found.asked, found.answered) == ("", "Welcome.")


def test_the_fuller_of_state_and_generation_is_the_conversation() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    state = [app("", tool_calls=[call]), {"role": "tool", "content": "2", "tool_call_id": "c"}, app(SAID)]
    found = talk(
        step("root", kind="agent", input=json.dumps([PROMPT, user(ASKED)]), output=json.dumps(state)),
        step("llm", "root", "llm", messages=[user(ASKED)], reply=[app("", tool_calls=[call])]),
    )
    assert found.messages == [PROMPT, user(ASKED), *state]
    assert found.answered == SAID


def test_a_prompt_that_only_the_answer_names_comes_first() -> None:
    found = talk(step("llm", None, "llm", messages=[user(ASKED)], reply=[PROMPT, app(SAID)]))
    assert found.messages == [PROMPT, user(ASKED), app(SAID)]
