"""Parts and items of every API -> texts, thoughts, calls and results that find each other."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.capture.parts import parts_of


def links(messages: list[dict[str, Any]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    calls = [(c["id"], c["function"]["name"]) for m in messages for c in m.get("tool_calls", ())]
    return calls, [(m["tool_call_id"], m["content"]) for m in messages if m["role"] == "tool"]


@pytest.mark.parametrize(
    ("item", "name", "result"),
    [
        ({"type": "web_search_call", "id": "ws_1", "action": {"query": "oslo"}, "results": "two"}, "web_search", "two"),
        ({"type": "mcp_call", "id": "mcp_1", "name": "track", "arguments": "{}", "output": "Kiel"}, "track", "Kiel"),
        ({"type": "code_interpreter_call", "id": "ci", "code": "1+1", "outputs": "2"}, "code_interpreter", "2"),
        ({"type": "file_search_call", "id": "fs", "queries": ["oslo"], "results": None}, "file_search", None),
        ({"type": "image_generation_call", "id": "ig", "result": "base64"}, "image_generation", None),
    ],
)
def test_tools_that_the_api_runs_are_calls_with_results(item: dict[str, Any], name: str, result: str | None) -> None:
    calls, results = links(to_messages([item], "assistant"))
    assert calls == [(item["id"], name)]
    assert results == ([] if result is None else [(item["id"], result)])


@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call"])
def test_a_call_and_its_result_have_one_id(kind: str) -> None:
    items = [
        {"type": kind, "id": "fc_9", "call_id": "call_9", "name": "track", "arguments": "{}"},
        {"type": f"{kind}_output", "id": "fo_9", "call_id": "call_9", "output": "Kiel"},
    ]
    assert links(to_messages(items)) == ([("call_9", "track")], [("call_9", "Kiel")])


def test_anthropic_s_and_gemini_s_own_tools_are_calls_with_results() -> None:
    blocks = [
        {"type": "server_tool_use", "id": "st_1", "name": "web_search", "input": {"query": "oslo"}},
        {"type": "web_search_tool_result", "tool_use_id": "st_1", "content": "two"},
        {"type": "text", "text": "Two days."},
    ]
    assert links(to_messages([{"role": "assistant", "content": blocks}])) == (
        [("st_1", "web_search")],
        [("st_1", "two")],
    )
    parts = [{"executableCode": {"code": "1+1"}}, {"codeExecutionResult": {"output": "2"}}, {"text": "2"}]
    assert links(to_messages([{"role": "model", "parts": parts}])) == ([("", "code_execution")], [("", "2")])


def test_calls_without_a_role_are_the_app_s() -> None:
    (message,) = to_messages([{"toolCallId": "c", "toolName": "look", "input": {"q": 1}}])
    assert (message["role"], links([message])[0]) == ("assistant", [("c", "look")])


@pytest.mark.parametrize(
    "part",
    [
        {"type": "thinking", "thinking": "hm"}, {"type": "reasoning", "text": "hm"}, {"text": "hm", "thought": True},
        {"type": "reasoning", "content": "hm"},
    ],
)  # fmt: skip
def test_thoughts_are_kept_apart(part: dict[str, Any]) -> None:
    found = parts_of([part, {"type": "text", "text": "Yes."}])
    assert (found.texts, found.thoughts) == (["Yes."], ["hm"])
    assert to_messages([{"role": "assistant", "content": [part, {"type": "text", "text": "Yes."}]}]) == [
        {"role": "assistant", "content": "Yes.", "reasoning_content": "hm"}
    ]


def test_thoughts_of_other_spellings_join_the_answer() -> None:
    reasoned = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
    ]
    expected = [{"role": "assistant", "content": "Yes.", "reasoning_content": "hm"}]
    assert to_messages(reasoned) == expected
    assert to_messages([{"role": "assistant", "content": "Yes.", "reasoning_content": "hm"}]) == expected
    assert to_messages("<think>hm</think>Yes.", "assistant") == expected


@pytest.mark.parametrize("role", ["tool", "function", "ipython", "observation", "tool_result", "environment", "search"])
def test_a_tool_s_result_is_never_a_turn_of_the_user(role: str) -> None:
    assert [m["role"] for m in to_messages([{"role": role, "content": "42"}])] == ["tool"]


def test_a_stream_is_joined_and_a_refusal_is_said() -> None:
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": c}}], "object": "chat.completion.chunk"} for c in ("Y", "es")
    ]
    assert to_messages(chunks, "assistant") == [{"role": "assistant", "content": "Yes"}]
    assert to_messages([{"role": "assistant", "content": None, "refusal": "No."}]) == [
        {"role": "assistant", "content": "No."}
    ]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("customer", "user"),
        ("end_user", "user"),
        ("researcher", "assistant"),
        ("planner", "assistant"),
        ("Human", "user"),
    ],
)
def test_agents_and_people_go_by_names_of_their_own(role: str, expected: str) -> None:
    assert [m["role"] for m in to_messages([{"role": role, "content": "42"}])] == [expected]


def test_a_built_in_tool_of_opentelemetry_keeps_its_arguments_and_its_result() -> None:
    call = {"type": "server_tool_call", "id": "c1", "name": "web_search", "server_tool_call": {
        "type": "web_search", "query": "opening hours"}}  # fmt: skip
    answer = {"type": "server_tool_call_response", "id": "c1", "server_tool_call_response": {
        "type": "web_search", "results": ["Till six."]}}  # fmt: skip
    found = parts_of([call, answer, {"type": "text", "content": "Until six."}])
    assert [c["function"] for c in found.calls] == [{"name": "web_search", "arguments": '{"query": "opening hours"}'}]
    assert [(r["tool_call_id"], r["content"]) for r in found.results] == [("c1", '{"results": ["Till six."]}')]
    assert found.texts == ["Until six."]
