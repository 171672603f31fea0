"""The last turn of the user is the question; what the app said after it, last, is the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.messages import text_said
from flywheel_pipeline.steps.capture.turns import last_turn, question_in, transcript

USER, APP = {"role": "user", "content": "Do you ship to Oslo?"}, {"role": "assistant", "content": "Yes, in two days."}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([USER, APP], ("Do you ship to Oslo?", "Yes, in two days.")),
        ([USER, APP, {"role": "user", "content": "And Bergen?"}], ("And Bergen?", None)),
        ([APP], ("", "Yes, in two days.")),
        ([APP, USER], ("Do you ship to Oslo?", None)),
        ([], ("", None)),
        ([USER, {"role": "assistant", "content": None, "refusal": "I must not."}], (USER["content"], "I must not.")),
        ([USER, {"role": "assistant", "content": None, "audio": {"transcript": "Yes."}}], (USER["content"], "Yes.")),
        ([USER, {"role": "assistant", "content": "<think>Oslo is north.</think>\nYes."}], (USER["content"], "Yes.")),
        ([USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}], (USER["content"], None)),
        ([USER, {"role": "assistant", "content": [{"text": "Oslo…", "thought": True}, {"text": "Yes."}]}],
         (USER["content"], "Yes.")),
        ([USER, APP, {"role": "tool", "content": "42"}, {"role": "assistant", "content": " "}],
         ("Do you ship to Oslo?", "Yes, in two days.")),
    ],
)  # fmt: skip
def test_question_and_answer(messages: list[dict[str, Any]], expected: tuple[str, str | None]) -> None:
    assert last_turn(messages, text_said) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "Use the context.\nContext: hours 8-16\nQuestion: When do you open?",
        "Context:\n<doc>hours 8-16</doc>\n\nUser question: When do you open?\n\nHelpful Answer:",
        "You are kind.\n\n### Documents:\n1. hours\n\n### Question:\nWhen do you open?\n\n### Answer:",
        "<context>\nhours 8-16\n</context>\n<question>\nWhen do you open?\n</question>",
        "Chat history: none\nFollow up question: When do you open?\nAnswer in one sentence:",
        "Search results:\nhours\nQuery: When do you open?",
    ],
)
def test_the_question_stands_in_a_prompt_that_was_filled_in(prompt: str) -> None:
    assert question_in(prompt) == "When do you open?"


@pytest.mark.parametrize(
    "text",
    [
        "When do you open?", "Question: when do you open?", "Context: I was there\nand it was closed.",
        "My question:\nwhere is it? My context: none", "Question: a\nContext: b", "Context: a\nQuestion:\n",
        "Context: a\nQuestion: Is it open?\n\nI also want to know something else.",
    ],
)  # fmt: skip
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert question_in(text) == text


def test_a_conversation_written_as_text_has_turns() -> None:
    assert transcript("system: Be brief.\nuser: Hi\nthere\nassistant: Hello.\nuser: Open?") == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi\nthere"},
        {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Open?"},
    ]  # fmt: skip
    assert [m["role"] for m in transcript("\n\nHuman: Hi\n\nAssistant:")] == ["user"]
    for text in ("user: Hi", "Note: a\nuser: b", "assistant: a\nsystem: b", "Is it open?", ""):
        assert transcript(text) == []


@given(st.text("ab:?\n \tQuestion:Context:Answer:user:", max_size=200))
def test_no_text_grows_or_fails(text: str) -> None:
    assert question_in(text) in text
    assert all(m["content"] in text for m in transcript(text))


@pytest.mark.parametrize("piece", ["Context: a\n", "\nQuestion:", "user:\n", " \n\t", "Question: x\n\n", "answer"])
def test_long_texts_are_read_in_time_that_grows_with_their_length(piece: str) -> None:
    text = "Context: a\nQuestion: " + piece * (150_000 // len(piece))
    assert len(question_in(text)) <= len(text)
    assert len(transcript("user: a\n" + text)) < len(text)
