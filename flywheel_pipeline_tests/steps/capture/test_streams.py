"""Streams of every API come to the answer that the same call gives without streaming."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.capture.streams import is_stream, joined
from flywheel_pipeline_tests.steps.capture.formats import samples

TEXT = "Two boats, one at nine."
CALL = {"name": "timetable", "arguments": '{"day": 2}'}


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces."""
    ends = sorted({min(max(p, 0), len(text)) for p in places} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(ends)] or [""]


def openai(pieces: list[str]) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": p} for p in pieces)]
    return [
        {"object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": d}]} for d in deltas
    ] + [{"object": "chat.completion.chunk", "model": "m", "choices": [], "usage": {"prompt_tokens": 3}}]


def completions(pieces: list[str]) -> list[dict[str, Any]]:
    return [{"object": "text_completion", "choices": [{"index": 0, "text": p}]} for p in pieces]


def responses(pieces: list[str]) -> list[dict[str, Any]]:
    return [
        {"type": "response.created", "response": {"id": "r", "output": []}},
        *({"type": "response.output_text.delta", "delta": p} for p in pieces),
    ]


def anthropic(pieces: list[str]) -> list[dict[str, Any]]:
    start, *_ = samples.CLAUDE_CHUNKS
    deltas = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in pieces]
    return [start, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, *deltas]


def gemini(pieces: list[str]) -> list[dict[str, Any]]:
    return [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": p}]}}], "modelVersion": "g"} for p in pieces
    ]


def ollama(pieces: list[str]) -> list[dict[str, Any]]:
    return [{"model": "o", "message": {"role": "assistant", "content": p}, "done": False} for p in pieces]


def converse(pieces: list[str]) -> list[dict[str, Any]]:
    return [{"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": p}}} for p in pieces] + [
        {"messageStop": {"stopReason": "end_turn"}}
    ]


def cohere(pieces: list[str]) -> list[dict[str, Any]]:
    return [{"type": "content-delta", "delta": {"message": {"content": {"text": p}}}} for p in pieces]


APIS = {f.__name__: f for f in (openai, completions, responses, anthropic, gemini, ollama, converse, cohere)}


def answer_of(whole: dict[str, Any]) -> str:
    """The text of an answer, wherever the API has it."""
    held = whole.get("choices") or whole.get("candidates") or whole.get("message") or whole.get("content")
    output = whole.get("output")
    held = held or (output["message"] if isinstance(output, dict) else output)
    return str(to_messages(held, "assistant")[-1]["content"])


@pytest.mark.parametrize("api", APIS)
@given(places=st.lists(st.integers(0, len(TEXT)), max_size=6))
def test_a_stream_cut_anywhere_comes_to_the_whole_text(api: str, places: list[int]) -> None:
    chunks = APIS[api](cut(TEXT, places))
    lines = "\n".join(f"data: {json.dumps(c)}\n" for c in chunks) + "\ndata: [DONE]\n"
    for form in (chunks, lines, [f"data: {json.dumps(c)}\n\n" for c in chunks]):
        assert is_stream(form)
        assert answer_of(joined(form)) == TEXT


def test_tool_calls_are_put_together_from_their_parts() -> None:
    parts = [
        {"index": 0, "id": "c1", "function": {"name": CALL["name"], "arguments": ""}},
        *({"index": 0, "function": {"arguments": p}} for p in cut(CALL["arguments"], [3, 5])),
    ]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [p]}}]} for p in parts]
    (call,) = to_messages(joined(chunks)["choices"], "assistant")[0]["tool_calls"]
    assert (call["id"], call["function"]) == ("c1", CALL)
    block = {"type": "tool_use", "id": "c1", "name": CALL["name"], "input": {}}
    pieces = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": p}}
        for p in cut(CALL["arguments"], [4])
    ]
    whole = joined(
        [
            {"type": "message_start", "message": {}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            *pieces,
        ]
    )
    (call,) = to_messages({"role": "assistant", "content": whole["content"]})[0]["tool_calls"]
    assert (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) == (
        "c1",
        CALL["name"],
        {"day": 2},
    )
    start = {
        "contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "c1", "name": CALL["name"]}}}
    }
    rest = [
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": p}}}}
        for p in cut(CALL["arguments"], [4])
    ]
    (call,) = to_messages(joined([start, *rest])["output"]["message"])[0]["tool_calls"]
    assert (call["id"], json.loads(call["function"]["arguments"])) == ("c1", {"day": 2})


def test_thoughts_stay_apart_and_the_usage_of_the_last_chunk_counts() -> None:
    whole = joined(list(samples.CLAUDE_CHUNKS))
    assert [b["type"] for b in whole["content"]] == ["thinking", "text"] and whole["usage"]["output_tokens"] == 6
    parts = [{"text": "Hm", "thought": True}, {"text": "m.", "thought": True}, {"text": "Yes, "}, {"text": "nine."}]
    chunks = [
        {"candidates": [{"content": {"parts": [p]}}], "usageMetadata": {"promptTokenCount": i}}
        for i, p in enumerate(parts)
    ]
    made = joined(chunks)
    assert made["candidates"][0]["content"]["parts"] == [{"text": "Hmm.", "thought": True}, {"text": "Yes, nine."}]
    assert made["usageMetadata"] == {"promptTokenCount": 3}


def test_the_final_event_of_responses_has_the_whole_answer() -> None:
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": TEXT}]}]
    final = {"type": "response.completed", "response": {"id": "r", "output": output}}
    assert joined([*responses(["Tw"]), final]) == final["response"]


@pytest.mark.parametrize(
    "value",
    ["A plain answer.", "data: not JSON", "data: {}", "", None, 7, [], [1], [{"role": "user", "content": "Q"}], {"choices": []}, [[]],
     '{"a": 1}', '{"question": "Q"}\n{"question": "R"}', ["a", "b"], [{"message": {"content": "x"}, "finish_reason": "stop"}]],
)  # fmt: skip
def test_what_is_no_stream_stays_as_it_is(value: Any) -> None:
    assert joined(value) == value and not is_stream(value)


anything = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["choices", "delta", "index", "type", "message", "content", "text", "candidates", "parts", "done", "response", "contentBlockDelta", "tool_calls"]), inner, max_size=4), max_leaves=15)  # fmt: skip


@given(st.lists(anything, max_size=5), st.sampled_from([c[0] for c in (f(["x"]) for f in APIS.values())]))
def test_no_chunks_make_it_raise(chunks: list[Any], first: dict[str, Any]) -> None:
    joined([first, *chunks])
    joined(chunks)
