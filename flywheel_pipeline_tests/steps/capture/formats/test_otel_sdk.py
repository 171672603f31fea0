from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats import otlp
from flywheel_pipeline.steps.capture.formats.common import Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.otel_sdk import read, recognises
from flywheel_pipeline.steps.capture.spans import Span, Unreadable
from flywheel_pipeline_tests.conftest import REPO

SOURCE = Source("spans.json", 1, "default")
TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
REAL = REPO.parent / "shared" / "data" / "formats" / "otel-sdk-json-monocle"
real = pytest.mark.skipif(not REAL.exists(), reason="the real files are not part of the project")


def python_span() -> dict[str, Any]:
    return {
        "name": "chat",
        "context": {"trace_id": "0x" + TRACE, "span_id": "0x" + SPAN, "trace_state": "[]"},
        "kind": "SpanKind.CLIENT",
        "parent_id": "0x" + PARENT,
        "start_time": "2026-01-01T00:00:00.250000Z",
        "end_time": "2026-01-01T00:00:01.500000Z",
        "status": {"status_code": "ERROR", "description": "too long"},
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
        "events": [
            {"name": "gen_ai.user.message", "timestamp": "2026-01-01T00:00:00Z", "attributes": {"content": "Hi"}}
        ],
        "links": [],
        "resource": {"attributes": {"service.name": "shop"}, "schema_url": ""},
    }


EXPECTED = Span(
    trace_id=TRACE,
    span_id=SPAN,
    parent_id=PARENT,
    name="chat",
    kind="llm",
    started_at=datetime(2026, 1, 1, 0, 0, 0, 250_000),
    ended_at=datetime(2026, 1, 1, 0, 0, 1, 500_000),
    error="too long",
    messages=[{"role": "user", "content": "Hi"}],
    model="m",
    app="shop",
)


def spans(record: dict[str, Any]) -> list[Span]:
    assert recognises(record) and not otlp.recognises(record)
    return [i for i in read(record, SOURCE) if isinstance(i, Span)]


def test_a_span_printed_by_the_python_sdk() -> None:
    assert spans(python_span()) == [EXPECTED]


def without_0x(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "context": {"trace_id": TRACE, "span_id": SPAN}, "parent_id": PARENT}


def other_spellings() -> list[Any]:
    base = python_span()
    rest = {k: base[k] for k in ("name", "attributes", "events", "resource")}
    failed = {"code": 2, "message": "too long"}
    start, end = [1767225600, 250_000_000], [1767225601, 500_000_000]
    columns = {f"attributes.{k}": v for k, v in base["attributes"].items()}
    return [
        pytest.param(without_0x(base), id="without 0x"),
        pytest.param(
            {**rest, "traceId": TRACE, "id": SPAN, "parentId": PARENT, "timestamp": 1767225600250000,
             "duration": 1250000, "status": failed}, id="javascript console"),
        pytest.param(
            {**rest, "_spanContext": {"traceId": TRACE, "spanId": SPAN}, "parentSpanContext": {"spanId": PARENT},
             "startTime": start, "endTime": end, "status": failed}, id="javascript object"),
        pytest.param(
            {"trace_id": TRACE, "spans": [{**rest, "span_name": "chat", "span_id": SPAN, "parent_id": PARENT,
             "start_time": 1767225600250, "end_time": 1767225601500, "status": "ERROR",
             "status_message": "too long"}]}, id="a trace of spans"),
        pytest.param(
            {"name": "chat", "context.trace_id": TRACE, "context.span_id": SPAN, "parent_id": PARENT, **columns,
             "start_time": base["start_time"], "end_time": base["end_time"], "status_code": "ERROR",
             "status_message": "too long", "events": json.dumps(base["events"]), "resource": base["resource"],
             "attributes.llm.model_name": None}, id="a table"),
    ]  # fmt: skip


@pytest.mark.parametrize("record", other_spellings())
def test_every_spelling_of_a_span_says_the_same(record: dict[str, Any]) -> None:
    assert spans(record) == [EXPECTED]


def test_numeric_ids_are_written_in_hex() -> None:
    record = {**python_span(), "context": {"trace_id": 255, "span_id": 16}, "parent_id": None}
    (span,) = spans(record)
    assert (span.trace_id, span.span_id, span.parent_id) == ("0" * 30 + "ff", "0" * 14 + "10", None)


def test_ids_that_are_no_hex_stay_as_they_are() -> None:
    (span,) = spans({**python_span(), "context": {"trace_id": "tr-abc", "span_id": "span-1"}})
    assert (span.trace_id, span.span_id) == ("tr-abc", "span-1")


@pytest.mark.parametrize(
    "record",
    [
        {"id": "1", "name": "run", "run_type": "llm", "trace_id": "t", "inputs": {}},
        {"id": "1", "observations": [], "scores": []},
        {"name": "x", "attributes": {"a": 1}},
        {"attributes": {"a": 1}, "trace_id": "t"},
        {"spans": []},
        {"spans": [{"id": 1}]},
        {"resourceSpans": []},
    ],
)
def test_what_is_no_sdk_span_is_left_to_others(record: dict[str, Any]) -> None:
    assert not recognises(record)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"context": {}}, "no trace id"),
        ({"context": {"trace_id": TRACE}}, "no span id"),
        ({"start_time": "soon"}, "time"),
    ],
)
def test_a_span_that_cannot_be_used_is_refused_with_the_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        list(read({**python_span(), **change}, SOURCE))


def test_a_bad_span_of_a_trace_does_not_spoil_the_others() -> None:
    items = list(read({"trace_id": TRACE, "spans": [python_span(), 5]}, SOURCE))
    assert items[0] == EXPECTED
    assert isinstance(items[1], Unreadable) and items[1].reason == "a span must be an object"


def monocle(kind: str, asked: Any, answered: Any, **attributes: Any) -> Span:
    record = python_span()
    record["attributes"] = {"span.type": kind, "workflow.name": "travel", "monocle_apptrace.version": "1", **attributes}
    record["events"] = [
        {"name": "data.input", "attributes": {"input": asked}},
        {"name": "data.output", "attributes": {"response": answered}},
        {"name": "metadata", "attributes": {"prompt_tokens": 10, "completion_tokens": 2, "finish_reason": "stop"}},
    ]
    record["status"] = {"status_code": "OK"}
    return spans(record)[0]


def test_monocle_tells_conversations_in_events() -> None:
    span = monocle(
        "inference",
        [
            '{"system": [{"type": "text", "text": "Be brief."}]}',
            '{"human": "Book it"}',
            '{"ai": "[{\\"name\\": \\"book\\", \\"args\\": {\\"n\\": 1}, \\"id\\": \\"c\\"}]"}',
            '{"call_id": "c", "output": "booked"}',
            '{"user": null}',
        ],
        '{"assistant": "Done."}',
        **{"entity.1.type": "inference.openai", "entity.2.type": "model.llm.m1", "entity.2.name": "m1"},
    )
    call = {"id": "c", "type": "function", "function": {"name": "book", "arguments": '{"n": 1}'}}
    assert span.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Book it"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "booked", "tool_call_id": "c"},
    ]
    assert span.reply == [{"role": "assistant", "content": "Done."}]
    assert (span.kind, span.model, span.input_tokens, span.output_tokens) == ("llm", "m1", 10, 2)
    assert (span.input, span.output, span.tags) == ("Book it", "Done.", {"finish_reason": "stop"})


def test_monocle_tells_tool_calls_as_the_answer() -> None:
    answered = '{"tools": [{"tool_id": "c", "tool_name": "book", "tool_arguments": "{}"}]}'
    call = {"id": "c", "type": "function", "function": {"name": "book", "arguments": "{}"}}
    span = monocle("inference", ['{"user": "Book it"}'], answered)
    assert span.reply == [{"role": "assistant", "content": "", "tool_calls": [call]}]
    assert monocle("inference", ['{"user": "Book it"}'], '{"assistant": null}').reply == []


def test_monocle_tells_the_tool_by_its_entity() -> None:
    entities = {"entity.1.type": "tool.langgraph", "entity.1.name": "book", "entity.2.type": "agent.langgraph"}
    span = monocle("agentic.tool.invocation", "{'n': 1}", "booked", **entities)
    assert (span.kind, span.name, span.input, span.output) == ("tool", "book", "{'n': 1}", "booked")
    assert (span.messages, span.input_tokens) == ([], None)


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from([*python_span(), "spans", "trace_id", "duration", "timestamp", "context.trace_id"])


@settings(max_examples=200)
@given(st.dictionaries(keys, hostile, max_size=4))
def test_hostile_values_are_refused_and_nothing_else(change: dict[str, Any]) -> None:
    record = {**python_span(), **change}
    recognises(record)
    try:
        assert all(isinstance(i, Span | Feedback | Unreadable) for i in read(record, SOURCE))
    except UnreadableError as error:
        assert str(error)


def records(path: Path) -> list[dict[str, Any]]:
    value = json.loads(path.read_text())
    return value if isinstance(value, list) else [value]


@real
@pytest.mark.parametrize(
    ("name", "n_spans", "n_traces"),
    [
        ("642dbd9d0dfcfdbdc8849f67f34c8a19.json", 32, 1),
        ("test_adk_single_agent.json", 11, 2),
        ("test_crewai_single_agent.json", 8, 1),
        ("test_openai_agents_sdk.json", 12, 1),
        ("trace_test.json", 1, 1),
    ],
)
def test_real_files_give_all_their_spans(name: str, n_spans: int, n_traces: int) -> None:
    found = [s for r in records(REAL / name) for s in spans(r)]
    assert (len(found), len({s.trace_id for s in found})) == (n_spans, n_traces)
    assert any(s.kind == "llm" and s.messages and s.model for s in found)
    assert all(s.name in ("get_weather", "book_hotel") or s.name.startswith("okahu") for s in found if s.kind == "tool")


@real
def test_a_real_conversation_of_the_openai_agents_sdk() -> None:
    found = [s for r in records(REAL / "test_openai_agents_sdk.json") for s in spans(r)]
    last = max((s for s in found if s.kind == "llm"), key=lambda s: len(s.messages))
    assert [m["role"] for m in last.messages] == ["system", "user", *["assistant"] * 3, *["tool"] * 3]
    assert "50°F" in last.reply[0]["content"]


@real
def test_a_real_refusal_of_a_model_is_an_error_and_no_answer() -> None:
    path = REAL / "test_azure_openai_finish_reason_integratio.json"
    (failed,) = {s.span_id: s for r in records(path) for s in spans(r) if s.error and s.kind == "llm"}.values()
    assert failed.error is not None and "content management policy" in failed.error
    assert failed.messages[0]["role"] == "user" and failed.reply == []
