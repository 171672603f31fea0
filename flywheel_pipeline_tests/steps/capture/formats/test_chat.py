"""Chat records -> traces: what is kept, what is guessed, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.records import CapturedTrace, Feedback, RawTrace, columns
from flywheel_pipeline.steps.capture.formats import chat
from flywheel_pipeline.steps.capture.formats.common import Source, UnreadableError
from flywheel_pipeline_tests.builders import NOON, a_chat_record, a_conversation

SOURCE = Source("exports/a.jsonl", 7, "fernwater")


def one(record: Any) -> RawTrace:
    trace, *_ = chat.read(record, SOURCE)
    assert isinstance(trace, CapturedTrace)
    return trace


def opinions(**changes: Any) -> list[tuple[Any, ...]]:
    rows = [i for i in chat.read(a_chat_record(**changes), SOURCE) if isinstance(i, Feedback)]
    assert all((r.trace_id, r.given_by, r.n_rows) == ("t1", "user", 0) for r in rows)
    return [(r.name, r.value, r.label, r.score, r.comment) for r in rows]


def read(**changes: Any) -> RawTrace:
    return one(a_chat_record(**changes))


def test_a_whole_record_fills_every_column() -> None:
    calls = [{"id": "1", "function": {"name": "search", "arguments": "{}"}}, {"id": "2"}]
    answer = {"role": "assistant", "content": "Hold the button.", "tool_calls": calls}
    trace = read(
        messages=[*a_conversation("Hi", "Hello", "Pair the hub?", system="Be kind."), answer],
        session_id="s9", app="other", prompt_name="fern", prompt_version="v3", model="m", error="timeout",
        latency_ms=12, input_tokens=3, output_tokens=4.0, cost_usd=0.5,
        retrieved=[{"id": "d1", "title": "Hub"}, "loose text"], channel="web", nested={"a": [1]},
    )  # fmt: skip
    assert (trace.trace_id, trace.session_id, trace.started_at) == ("t1", "s9", NOON)
    assert (trace.app, trace.prompt_name, trace.prompt_version, trace.model) == ("other", "fern", "v3", "m")
    assert (trace.input, trace.output, trace.error) == ("Pair the hub?", "Hold the button.", "timeout")
    assert (trace.latency_ms, trace.input_tokens, trace.output_tokens, trace.cost_usd) == (12.0, 3, 4, 0.5)
    assert (trace.n_turns, trace.n_tool_calls) == (2, 2)
    assert json.loads(trace.messages)[-1] == answer
    assert json.loads(trace.messages)[0] == {"role": "system", "content": "Be kind."}
    assert json.loads(trace.retrieved) == [{"id": "d1", "title": "Hub"}, {"content": "loose text"}]
    assert json.loads(trace.tags) == {"channel": "web", "nested": {"a": [1]}}
    assert (trace.source_format, trace.source_file, trace.source_line) == ("chat", "exports/a.jsonl", 7)


def test_a_bare_conversation_with_a_time_is_enough() -> None:
    trace = one({"messages": a_conversation("Q"), "timestamp": 1_748_865_600})
    assert (trace.app, trace.started_at, trace.input, trace.output) == ("fernwater", NOON, "Q", None)
    assert trace.trace_id.startswith("c-")
    assert (trace.retrieved, trace.tags) == ("[]", "{}")
    given = {"trace_id", "started_at", "app", "input", "source_format", "source_file", "source_line"}
    optional = {s.name for s in columns(RawTrace) if s.nullable}
    assert all(getattr(trace, name) is None for name in optional - given)


@pytest.mark.parametrize("key", ["started_at", "created_at", "start_time", "timestamp"])
def test_the_time_goes_by_several_names(key: str) -> None:
    assert one({"messages": a_conversation("Q"), key: "2025-06-02T14:00:00+02:00"}).started_at == NOON


def test_the_source_s_own_id_is_kept_in_either_spelling_also_when_it_is_a_number() -> None:
    record = {"messages": a_conversation("Q"), "started_at": "2025-06-02T12:00:00Z"}
    assert one({**record, "id": 17}).trace_id == "17"
    assert one({**record, "id": 17, "trace_id": "own"}).trace_id == "own"


def test_an_id_from_the_content_is_the_same_wherever_the_record_lies() -> None:
    record = {"messages": a_conversation("Q", "A"), "started_at": "2025-06-02T12:00:00Z"}
    turned = dict(reversed(list(record.items())))
    here, (there,) = one(record), chat.read(turned, Source("b.jsonl", 1, "other"))
    assert isinstance(there, CapturedTrace)
    assert here.trace_id == there.trace_id
    assert one({**record, "model": "m"}).trace_id != here.trace_id


@pytest.mark.parametrize(
    ("role", "meant"),
    [("asssistant", "assistant"), ("ASSISTANT", "assistant"), ("ai", "assistant"), ("bot", "assistant")],
)
def test_a_role_in_another_or_a_wrong_spelling_is_understood(role: str, meant: str) -> None:
    trace = read(messages=[{"role": "Human", "content": "Q"}, {"role": role, "content": "A"}])
    assert [m["role"] for m in json.loads(trace.messages)] == ["user", meant]
    assert (trace.input, trace.output, trace.n_turns) == ("Q", "A", 1)


@pytest.mark.parametrize("message", [{"role": "narrator"}, {"role": None}, {"role": 1}, {}, "text", None, []])
def test_a_message_without_a_known_role_is_refused_with_its_place(message: Any) -> None:
    with pytest.raises(UnreadableError, match=r"message 1 has the role .* known: system"):
        read(messages=[{"role": "user", "content": "Q"}, message])


@pytest.mark.parametrize("messages", [[], a_conversation("x", system="s")[:1]])
def test_a_conversation_in_which_nobody_speaks_is_refused(messages: Any) -> None:
    with pytest.raises(UnreadableError, match="`user`"):
        read(messages=messages)


@pytest.mark.parametrize("calls", ["search", {"name": "search"}, ["search"], [None], 3])
def test_tool_calls_that_are_no_list_of_objects_are_refused(calls: Any) -> None:
    with pytest.raises(UnreadableError, match="tool_calls"):
        read(messages=[{"role": "user", "content": "Q"}, {"role": "assistant", "tool_calls": calls}])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"started_at": None}, "no time; one of started_at"),
        ({"started_at": "soon"}, "'soon' is not a time"),
        ({"latency_ms": "fast"}, "latency_ms must be a number"),
        ({"latency_ms": -1}, "latency_ms must be a number"),
        ({"input_tokens": True}, "input_tokens must be a number"),
        ({"output_tokens": 1e30}, "output_tokens is too large"),
        ({"cost_usd": "1 EUR"}, "cost_usd must be a number"),
        ({"feedback": ["up"]}, "feedback must be an object"),
        ({"retrieved": {"id": "d1"}}, "retrieved must be a list"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(changes: Any, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read(**changes)


def test_hostile_text_is_made_storable_wherever_it_lies() -> None:
    bad = "a\x00b\ud800c"
    trace = read(
        trace_id=bad, model=bad, error=bad, retrieved=[{"content": bad}, bad],
        messages=[{"role": "user", "content": bad}, {"role": "assistant", "content": bad}], **{bad: bad},
    )  # fmt: skip
    for value in vars(trace).values():
        if isinstance(value, str):
            assert "\x00" not in value
            assert value.encode("utf-8").decode("utf-8") == value
    assert trace.trace_id == trace.input == trace.output == "a�b?c"
    assert opinions(feedback={"comment": bad}) == [("feedback", None, None, None, "a�b?c")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"feedback": {"score": 0, "comment": "no"}}, [("feedback", 0.0, None, None, "no")]),
        ({"feedback": {"score": 4}}, [("feedback", 4.0, None, None, None)]),
        ({"feedback": "up"}, [("feedback", None, "up", 1.0, None)]),
        ({"feedback": False}, [("feedback", 0.0, "false", 0.0, None)]),
        ({"feedback": {"thumbs_down": True}}, [("thumbs_down", 1.0, "true", 0.0, None)]),
        ({"feedback": {"comment": "hm"}}, [("feedback", None, None, None, "hm")]),
        ({"rating": 1}, [("rating", 1.0, None, None, None)]),
        ({"dislike": True}, [("dislike", 1.0, "true", 0.0, None)]),
        ({"feedback": None}, []),
        ({"feedback": {}}, []),
    ],
)
def test_what_the_user_thought_is_kept_as_it_was_given(changes: Any, expected: Any) -> None:
    assert opinions(**changes) == expected


@pytest.mark.parametrize("messages", [None, "text", {"role": "user"}, 3])
def test_only_a_list_of_messages_is_recognised(messages: Any) -> None:
    assert not chat.recognises({"messages": messages})
    assert not chat.recognises({"input": "Q"})
    assert chat.recognises({"messages": []})
