"""Conversations of every form -> OpenAI's form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.messages import ROLES, is_message, loads, to_messages, to_text

CALL = {"id": "c1", "type": "function", "function": {"name": "track", "arguments": '{"parcel": 5}'}}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "Kiel", "tool_call_id": "c1"},
    {"role": "assistant", "content": "In Kiel."},
]

FORMS: dict[str, Any] = {
    "openai": TALK,
    "openai, content in parts": [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "input_text", "text": "Where is my parcel?"}]},
        TALK[2],
        {"role": "tool", "content": [{"type": "text", "text": "Kiel"}], "tool_call_id": "c1"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "In Kiel."}]},
    ],
    "openai, arguments as objects": [
        *TALK[:2],
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "track", "arguments": {"parcel": 5}}}]},
        *TALK[3:],
    ],
    "responses": [
        *TALK[:2],
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "track", "arguments": '{"parcel": 5}'},
        {"type": "function_call_output", "call_id": "c1", "output": "Kiel"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "In Kiel."}]},
    ],
    "anthropic": {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Where is my parcel?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "tool_use", "id": "c1", "name": "track", "input": {"parcel": 5}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "Kiel"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "In Kiel."}]},
        ],
    },
    "opentelemetry parts": [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Where is my parcel?"}]},
        {"role": "assistant", "parts": [
            {"type": "tool_call", "id": "c1", "name": "track", "arguments": {"parcel": 5}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "Kiel"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "In Kiel."}], "finish_reason": "stop"},
    ],
    "langchain": [
        {"type": "system", "data": {"content": "Be brief."}},
        {"type": "human", "data": {"content": "Where is my parcel?"}},
        {"type": "ai", "data": {"content": "", "tool_calls": [{"name": "track", "args": {"parcel": 5}, "id": "c1"}]}},
        {"type": "tool", "data": {"content": "Kiel", "tool_call_id": "c1"}},
        {"type": "ai", "data": {"content": "In Kiel."}},
    ],
    "langchain, serialized": [
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": kwargs}
        for name, kwargs in (
            ("SystemMessage", {"content": "Be brief."}),
            ("HumanMessage", {"content": "Where is my parcel?"}),
            ("AIMessage", {"content": "", "tool_calls": [{"name": "track", "args": {"parcel": 5}, "id": "c1"}]}),
            ("ToolMessage", {"content": "Kiel", "tool_call_id": "c1"}),
            ("AIMessageChunk", {"content": "In Kiel."}),
        )
    ],
    "openinference": [
        {"message": m if not m.get("tool_calls") else {**m, "tool_calls": [{"tool_call": CALL}]}} for m in TALK
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "encode",
    [lambda v: v, json.dumps, lambda v: json.dumps(json.dumps(v))],
    ids=["as it is", "as text", "as text twice"],
)
@pytest.mark.parametrize("form", FORMS)
def test_one_conversation_in_every_form_is_the_same_messages(form: str, encode: Any) -> None:
    found = to_messages(encode(FORMS[form]))
    assert [{k: v for k, v in m.items() if k != "reasoning_content"} for m in found] == TALK
    assert [m["reasoning_content"] for m in found if "reasoning_content" in m] == (
        ["hm"] if form == "anthropic" else []
    )


def test_gemini_has_no_ids_but_the_same_turns() -> None:
    request = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Where is my parcel?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "track", "args": {"parcel": 5}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "track", "response": "Kiel"}}]},
            {"role": "model", "parts": [{"text": "In Kiel."}]},
        ],
    }
    found = to_messages(request)
    assert [(m["role"], m["content"]) for m in found] == [(m["role"], m["content"]) for m in TALK]
    assert found[2]["tool_calls"][0]["function"] == CALL["function"]


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "In Kiel."}}]},
        {"generations": [[{"text": "In Kiel.", "message": {"type": "ai", "data": {"content": "In Kiel."}}}]]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "In Kiel."}]}}]},
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "text", "text": "In Kiel."}]}]},
        {"role": "assistant", "content": "In Kiel."},
        {"output": "In Kiel."},
        {"answer": "In Kiel.", "sources": []},
        {"content": [{"type": "text", "text": "In Kiel."}]},
        {"content": "In Kiel."},
        "In Kiel.",
        ["In Kiel."],
    ],
)  # fmt: skip
def test_an_answer_in_any_wrapping_is_one_message_of_the_assistant(answer: Any) -> None:
    assert to_messages(answer, "assistant") == [{"role": "assistant", "content": "In Kiel."}]
    assert to_text(answer) == "In Kiel."


@pytest.mark.parametrize("nothing", [None, "", [], {}, '""', "[]", "{}", "null", [[]], {"messages": []}])
def test_nothing_is_no_conversation(nothing: Any) -> None:
    assert [m for m in to_messages(nothing) if m["content"] not in ("null", '{"messages": []}')] == []


def test_plain_text_stays_as_it_is_also_where_it_looks_like_json() -> None:
    for text in ("[1] is the source", "{not json}", '"quoted" words', "12", "true", " padded "):
        assert to_messages(text) == [{"role": "user", "content": text}]


def test_several_results_of_tools_in_one_message_are_several_messages() -> None:
    results = [{"type": "tool_result", "tool_use_id": i, "content": [{"type": "text", "text": i}]} for i in "ab"]
    assert to_messages([{"role": "user", "content": [*results, {"type": "text", "text": "and?"}]}]) == [
        {"role": "user", "content": "and?"},
        {"role": "tool", "content": "a", "tool_call_id": "a"},
        {"role": "tool", "content": "b", "tool_call_id": "b"},
    ]


def test_an_image_is_named_not_dropped() -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:…"}}]
    assert to_messages([{"role": "user", "content": parts}])[0]["content"] == "What is this?\n[image_url]"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text('a{}[]"\\ \x00\ud800', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "role", "type", "content", "parts", "message", "messages", "data", "kwargs", "lc", "id", "tool_calls", "name",
    "function", "function_call", "functionCall", "functionResponse", "tool_call", "arguments", "args", "text", "result",
    "message_content", "additional_kwargs", "output", "input", "system", "config", "choices", "tool_call_id", "author",
)  # fmt: skip
KINDS = (*ROLES, "message", "text", "tool_use", "tool_result", "tool_call", "function_call", "function_call_output",
         "reasoning", "thinking", "image_url", "AIMessage", "constructor")  # fmt: skip
near_messages = st.recursive(
    json_values | st.sampled_from(KINDS) | st.just(1),
    lambda inner: (
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
        | st.lists(inner, max_size=3)
        | st.builds(lambda v: json.dumps(v), inner)
    ),
    max_leaves=15,
)


@settings(max_examples=600)
@given(near_messages, st.sampled_from(["user", "assistant"]))
def test_whatever_it_is_given_it_returns_messages_that_can_be_relied_on(value: Any, role: str) -> None:
    for found in to_messages(value, role):
        assert found["role"] in ("system", "user", "assistant", "tool")
        assert isinstance(found["content"], str)
        assert found.keys() <= {"role", "content", "name", "tool_calls", "tool_call_id", "reasoning_content"}
        assert isinstance(found.get("name", ""), str) and isinstance(found.get("tool_call_id", ""), str)
        for call in found.get("tool_calls", ()):
            assert call.keys() == {"id", "type", "function"}
            assert call["function"].keys() == {"name", "arguments"}
            assert all(isinstance(v, str) for v in (call["id"], *call["function"].values()))
    assert isinstance(to_text(value), str)


safe_texts = st.text("ab ?\n", min_size=1, max_size=6).filter(str.strip)
calls = st.builds(
    lambda i, n, a: {"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}},
    safe_texts, safe_texts, st.dictionaries(safe_texts, st.integers(), max_size=2),
)  # fmt: skip
talks = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": safe_texts})
    | st.builds(
        lambda c, t: {"role": "assistant", "content": t, "tool_calls": c},
        st.lists(calls, min_size=1, max_size=2), safe_texts,
    )
    | st.fixed_dictionaries({"role": st.just("tool"), "content": safe_texts, "tool_call_id": safe_texts}),
    min_size=1, max_size=5,
)  # fmt: skip


@given(talks)
def test_openai_s_own_form_is_left_as_it_is(talk: list[dict[str, Any]]) -> None:
    assert to_messages(talk) == talk
    assert to_messages(json.dumps(talk)) == talk
    assert to_messages({"messages": talk}) == talk
    assert all(is_message(m) for m in talk)


@settings(max_examples=400)
@given(near_messages)
def test_what_was_read_once_is_not_changed_by_reading_it_again(value: Any) -> None:
    once = to_messages(value)
    assume(not any(m["content"].lstrip().startswith("[") for m in once))  # parts within parts are read level by level
    assert to_messages(once) == once


@pytest.mark.parametrize("text", ["[{}]", '[{"a": 1}]', "[ ]", '[ "a"]', '[{"a": 1}, {"type": "text"}]'])
def test_json_that_somebody_wrote_is_text(text: str) -> None:
    assert to_messages([{"role": "user", "content": text}]) == [{"role": "user", "content": text}]


def test_no_depth_is_too_deep() -> None:
    for depth in (10, 30, 500, 900, 5000):
        value: Any = "deep"
        for _ in range(depth):
            value = [value]
        assert isinstance(to_messages(value), list)
        assert isinstance(to_messages([{"role": "user", "content": value}]), list)
    for text in ("[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"input":' * 50_000 + "1" + "}" * 50_000):
        assert to_messages(text)[0]["content"]


def test_a_text_is_decoded_as_often_as_it_was_encoded_but_not_without_end() -> None:
    value: Any = {"a": 1}
    for _ in range(3):
        value = json.dumps(value)
        assert loads(value) == {"a": 1}
    assert loads("[broken") == "[broken"
    assert loads(7) == 7
