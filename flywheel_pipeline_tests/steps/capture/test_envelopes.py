"""What wraps a question or an answer is taken off; an answer that is an object stays whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.steps.capture.messages import to_messages

ASKED, SAID = "Do you ship to Oslo?", "Yes, in two days."


@pytest.mark.parametrize(
    "value",
    [
        {"args": [ASKED], "kwargs": {}}, {"args": [], "kwargs": {"query": ASKED, "top_k": 3}}, {"args": [None, ASKED]},
        {"question": ASKED}, {"user_message": ASKED}, {"customer_question": ASKED}, {"input": {"question": ASKED}},
        {"question": ASKED, "context": ["a", "b"]}, {"messages": [{"role": "user", "content": ASKED}], "step": 1},
        {"messages": [["human", ASKED]]}, [["user", ASKED]], [{"role": "user", "text": ASKED}],
        [{"from": "human", "value": ASKED}], {"contents": [{"role": "user", "parts": [{"text": ASKED}]}]},
        {"inputs": {"messages": [{"role": "customer", "content": ASKED}]}},
    ],
)  # fmt: skip
def test_a_question_is_found_in_what_wraps_it(value: Any) -> None:
    assert to_messages(value) == [{"role": "user", "content": ASKED}]
    assert to_messages(json.dumps(value)) == [{"role": "user", "content": ASKED}]


@pytest.mark.parametrize(
    "value",
    [
        {"answer": SAID}, {"answer": SAID, "source_documents": [{"id": 1}], "question": ASKED},
        {"result": SAID, "query": ASKED},
        {"output": SAID, "intermediate_steps": [["a", "b"]]},
        {"raw": SAID, "tasks_output": [{"raw": "x"}], "json_dict": None},
        {"content": {"parts": [{"text": SAID}], "role": "model"}, "actions": {}, "author": "shop"},
        {"object": "response",
         "output": [{"type": "message", "role": "assistant", "content": [{"text": SAID, "type": "text"}]}],
         "text": {"format": {"type": "text"}}},
        {"output": {"message": {"role": "assistant", "content": [{"text": SAID}]}}, "stopReason": "end_turn"},
        {"message": {"role": "assistant", "content": SAID}, "done": True, "eval_count": 3},
        {"return_values": {"output": SAID}, "log": "x"}, {"id": "x", "model": "m", "text": SAID, "usage": {"a": 1}},
    ],
)  # fmt: skip
def test_an_answer_is_found_in_the_envelope_of_an_api_and_in_the_state_of_an_agent(value: Any) -> None:
    assert to_messages(value, "assistant") == [{"role": "assistant", "content": SAID}]


@pytest.mark.parametrize(
    "value",
    [{"answer": SAID, "refund": True}, {"category": "delivery", "text": SAID}, {"category": "delivery"},
     {"answer": SAID, "status": "refunded"},
     {"result": SAID, "confidence": 0.9}, {"items": [1, 2], "value": 3}],
)  # fmt: skip
def test_a_structured_answer_stays_whole(value: Any) -> None:
    (message,) = to_messages(value, "assistant")
    assert json.loads(message["content"]) == value


@pytest.mark.parametrize("key", ["system", "instructions", "systemInstruction", "system_instruction"])
@pytest.mark.parametrize("prompt", ["Be kind.", [{"text": "Be kind."}], {"parts": [{"text": "Be kind."}]}])
def test_the_system_prompt_is_kept_where_it_stands_beside_the_messages(key: str, prompt: Any) -> None:
    for holder in ("messages", "input", "contents"):
        found = to_messages({key: prompt, holder: [{"role": "user", "content": ASKED}]})
        assert found == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": ASKED}]


def test_the_system_prompt_of_a_responses_object_is_kept() -> None:
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": SAID}]}]
    found = to_messages({"object": "response", "instructions": "Be kind.", "output": output}, "assistant")
    assert found == [{"role": "system", "content": "Be kind."}, {"role": "assistant", "content": SAID}]
