from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats import otlp_logs
from flywheel_pipeline.steps.capture.formats.common import Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.otlp import read, recognises, records_of_protobuf
from flywheel_pipeline.steps.capture.spans import Span, Unreadable
from flywheel_pipeline_tests.conftest import REPO
from flywheel_pipeline_tests.steps.capture.formats import samples

COVERS = ("steps/capture/formats/otel/protobuf.py",)

SOURCE = Source("traces.json", 1, "default")
TRACE, ROOT, STEP = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
REAL = REPO.parent / "shared" / "data" / "formats" / "otlp-json-openinference" / "quo_tav_agent.json"


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def message(role: str, content: str) -> dict[str, Any]:
    part = {"kvlistValue": {"values": [text("type", "text"), text("content", content)]}}
    parts = {"key": "parts", "value": {"arrayValue": {"values": [part]}}}
    return {"kvlistValue": {"values": [text("role", role), parts]}}


def document() -> dict[str, Any]:
    root = {
        "traceId": TRACE,
        "spanId": ROOT,
        "name": "answer",
        "startTimeUnixNano": "1767225600000000000",
        "endTimeUnixNano": 1767225602500000000,
        "attributes": [text("openinference.span.kind", "CHAIN"), text("input.value", "Is it open?")],
        "status": {"code": "STATUS_CODE_OK"},
    }
    step = {
        "traceId": TRACE,
        "spanId": STEP,
        "parentSpanId": ROOT,
        "name": "chat m",
        "startTimeUnixNano": "1767225601000000000",
        "endTimeUnixNano": "1767225602000000000",
        "attributes": [
            text("gen_ai.operation.name", "chat"),
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "11"}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 5}},
            {"key": "gen_ai.input.messages", "value": {"arrayValue": {"values": [message("user", "Is it open?")]}}},
            {"key": "llm.cost.total", "value": {"doubleValue": 0.5}},
        ],
        "events": [{"name": "exception", "attributes": [text("exception.message", "rate limit")]}],
        "status": {"code": 2, "message": "failed"},
    }
    resource = {"attributes": [text("service.name", "shop"), text("deployment.environment", "prod")]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": [root, step]}]}]}


def spans(record: dict[str, Any]) -> list[Span]:
    assert recognises(record)
    items = list(read(record, SOURCE))
    assert all(isinstance(i, Span) for i in items)
    return [i for i in items if isinstance(i, Span)]


def snake(value: Any) -> Any:
    names = {
        "resourceSpans": "resource_spans", "scopeSpans": "scope_spans", "traceId": "trace_id", "spanId": "span_id",
        "parentSpanId": "parent_span_id", "startTimeUnixNano": "start_time_unix_nano", "intValue": "int_value",
        "endTimeUnixNano": "end_time_unix_nano", "stringValue": "string_value", "arrayValue": "array_value",
        "kvlistValue": "kvlist_value", "doubleValue": "double_value",
    }  # fmt: skip
    if isinstance(value, dict):
        return {names.get(k, k): snake(v) for k, v in value.items()}
    return [snake(v) for v in value] if isinstance(value, list) else value


def with_base64_ids(value: Any) -> Any:
    if isinstance(value, dict):
        ids = ("traceId", "spanId", "parentSpanId")
        return {
            k: base64.b64encode(bytes.fromhex(v)).decode() if k in ids else with_base64_ids(v) for k, v in value.items()
        }
    return [with_base64_ids(v) for v in value] if isinstance(value, list) else value


def test_an_export_becomes_its_spans() -> None:
    root, step = spans(document())
    assert root == Span(
        trace_id=TRACE,
        span_id=ROOT,
        name="answer",
        kind="chain",
        started_at=datetime(2026, 1, 1),
        ended_at=datetime(2026, 1, 1, 0, 0, 2, 500_000),
        input="Is it open?",
        app="shop",
        tags={"environment": "prod"},
    )
    assert step == Span(
        trace_id=TRACE,
        span_id=STEP,
        parent_id=ROOT,
        name="chat m",
        kind="llm",
        started_at=datetime(2026, 1, 1, 0, 0, 1),
        ended_at=datetime(2026, 1, 1, 0, 0, 2),
        error="rate limit",
        messages=[{"role": "user", "content": "Is it open?"}],
        input_tokens=11,
        output_tokens=5,
        cost_usd=0.5,
        app="shop",
        tags={"environment": "prod"},
    )


def in_other_words() -> list[Any]:
    part = document()["resourceSpans"][0]
    old = {"instrumentationLibrarySpans": part["scopeSpans"], "resource": part["resource"]}
    return [
        pytest.param(snake(document()), id="snake case"),
        pytest.param(with_base64_ids(document()), id="base64 ids"),
        pytest.param(part, id="bare scopeSpans"),
        pytest.param({"resourceSpans": [old]}, id="old name of scopes"),
        pytest.param({"batches": [part]}, id="tempo"),
        pytest.param({"trace": document()}, id="tempo v2"),
        pytest.param(json.loads(json.dumps(document()).replace(TRACE, TRACE.upper())), id="upper case"),
    ]


@pytest.mark.parametrize("record", in_other_words())
def test_every_spelling_of_an_export_says_the_same(record: dict[str, Any]) -> None:
    assert spans(record) == spans(document())


def test_a_single_span_can_stand_alone() -> None:
    span = document()["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    (read_,) = spans(span)
    assert (read_.trace_id, read_.span_id, read_.app) == (TRACE, ROOT, None)


@pytest.mark.parametrize(
    "record",
    [{}, {"messages": []}, {"batches": [{"id": 1}]}, {"trace": {"id": "t"}}, {"traceId": TRACE, "observations": []}],
)
def test_what_is_no_export_is_left_to_others(record: dict[str, Any]) -> None:
    assert not recognises(record)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("traceId", "", "no trace id"),
        ("traceId", "0" * 32, "no trace id"),
        ("spanId", None, "no span id"),
        ("startTimeUnixNano", "yesterday", "is not a time"),
    ],
)
def test_one_bad_span_does_not_spoil_the_others(field: str, value: Any, reason: str) -> None:
    record = document()
    record["resourceSpans"][0]["scopeSpans"][0]["spans"][0][field] = value
    bad, good = read(record, SOURCE)
    assert isinstance(bad, Unreadable) and reason in bad.reason
    assert isinstance(good, Span) and good.span_id == STEP


@pytest.mark.parametrize("record", [{"resourceSpans": 5}, {"resourceSpans": [5]}, {"scopeSpans": [{"spans": {}}]}])
def test_what_only_looks_like_an_export_is_refused_with_the_reason(record: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError, match="must be a list"):
        list(read(record, SOURCE))


def test_a_linked_carrier_is_feedback_on_the_other_trace() -> None:
    carrier = {
        "traceId": "c" * 32,
        "spanId": "d" * 16,
        "name": "feedback",
        "startTimeUnixNano": "1767225600000000000",
        "links": [{"traceId": TRACE, "spanId": ROOT}],
        "attributes": [
            text("openinference.span.kind", "EVALUATOR"),
            text("evaluations.0.evaluation.name", "user_feedback"),
            text("evaluations.0.evaluation.label", "thumbs_up"),
            text("evaluations.0.evaluation.annotator_kind", "HUMAN"),
        ],
    }
    items = list(read({"resourceSpans": [{"scopeSpans": [{"spans": [carrier]}]}]}, SOURCE))
    (row,) = items
    assert isinstance(row, Feedback)
    assert (row.trace_id, row.score, row.given_by, row.given_at) == (TRACE, 1.0, "user", datetime(2026, 1, 1))


def wire(record: dict[str, Any] | None = None) -> bytes:
    message_ = json_format.ParseDict(with_base64_ids(record or document()), ExportTraceServiceRequest())
    return bytes(message_.SerializeToString())


def decoded(data: bytes) -> list[dict[str, Any]]:
    records = []
    for record in records_of_protobuf(data):
        assert isinstance(record, dict)
        records.append(record)
    return records


def varint(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80, number >> 7]) if number > 127 else bytes([number])


def test_protobuf_says_the_same_as_json() -> None:
    (record,) = decoded(wire())
    assert spans(record) == spans(document())


@pytest.mark.parametrize("prefix", [lambda n: n.to_bytes(4, "big"), varint])
def test_protobuf_may_come_with_the_length_before_each_message(prefix: Any) -> None:
    assert 127 < len(wire()) < 1 << 14
    records = decoded((prefix(len(wire())) + wire()) * 3)
    assert [spans(r) for r in records] == [spans(document())] * 3


@pytest.mark.parametrize("data", [b"", b"\x00", b"not protobuf at all", b"\x0a\x02\x08\x01", wire()[:-7], b"\xff" * 50])
def test_bytes_that_are_no_export_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="not an OTLP protobuf export"):
        records_of_protobuf(data)


def test_a_damaged_message_costs_itself_and_one_that_breaks_off_too() -> None:
    whole = len(wire()).to_bytes(4, "big") + wire()
    bad = (5).to_bytes(4, "big") + b"\xff\xff\xff\xff\xff"
    first, damaged, last, cut = records_of_protobuf(whole + bad + whole + whole[:-9])
    assert [spans(r) for r in (first, last)] == [spans(document())] * 2  # type: ignore[arg-type]
    assert [isinstance(r, UnreadableError) for r in (damaged, cut)] == [True, True]
    assert "message 2" in str(damaged) and "message 4" in str(cut)


def test_a_span_without_ids_costs_itself_not_the_message() -> None:
    record = document()
    del record["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["spanId"]
    (found,) = records_of_protobuf(wire(record))
    assert [type(i) for i in read(found, SOURCE)] == [Span, Unreadable]  # type: ignore[arg-type]


def test_protobuf_of_logs_is_read_as_logs_and_metrics_are_named() -> None:
    logs = json_format.ParseDict(with_base64_ids(samples.OTLP_LOGS), ExportLogsServiceRequest()).SerializeToString()
    (found,) = records_of_protobuf(logs)
    items = list(otlp_logs.read(found, SOURCE))  # type: ignore[arg-type]
    assert [(i.trace_id, i.span_id) for i in items if isinstance(i, Span)] == [(samples.TRACE, samples.STEP)] * 3
    point = {"name": "tokens", "gauge": {"dataPoints": [{"asInt": "1", "timeUnixNano": "5"}]}}
    metrics = json_format.ParseDict(
        {"resourceMetrics": [{"scopeMetrics": [{"metrics": [point]}]}]}, ExportMetricsServiceRequest()
    )
    with pytest.raises(UnreadableError, match="OTLP metrics hold no traces"):
        records_of_protobuf(metrics.SerializeToString())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_make_the_protobuf_reader_raise_anything_else(noise: bytes, at: int) -> None:
    whole = len(wire()).to_bytes(4, "big") + wire()
    for data in (noise, whole[:at] + noise + whole[at:], whole + noise):
        try:
            assert records_of_protobuf(data)
        except UnreadableError as error:
            assert str(error)


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(TRACE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spans", "traceId", "spanId", "attributes", "key", "value", "stringValue", "arrayValue", "values"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "trace", "batches", "traceId", "resource"]), hostile
    )
)
def test_hostile_documents_are_refused_and_nothing_else(record: dict[str, Any]) -> None:
    try:
        for item in read(record, SOURCE):
            assert isinstance(item, Span | Feedback | Unreadable)
    except UnreadableError as error:
        assert str(error)


@settings(max_examples=200)
@given(
    st.sampled_from(
        ["traceId", "spanId", "parentSpanId", "name", "startTimeUnixNano", "attributes", "events", "links", "status"]
    ),
    hostile,
)
def test_hostile_fields_of_a_span_harm_no_other_span(field: str, value: Any) -> None:
    record = document()
    record["resourceSpans"][0]["scopeSpans"][0]["spans"][0][field] = value
    assert [i.span_id for i in read(record, SOURCE) if isinstance(i, Span)][-1] == STEP


def test_deep_nesting_is_no_crash() -> None:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(5000):
        value = {"arrayValue": {"values": [value]}}
    record = document()
    record["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["attributes"].append({"key": "input.value", "value": value})
    assert len(list(read(record, SOURCE))) == 2


@pytest.mark.skipif(not REAL.exists(), reason="the real files are not part of the project")
def test_a_real_export_of_an_agent() -> None:
    found = [s for record in json.loads(REAL.read_text()) for s in spans(record)]
    assert len(found) == 29
    assert len({s.trace_id for s in found}) == 1 and all(len(s.trace_id) == 32 for s in found)
    ids = {s.span_id for s in found}
    assert len(ids) == 29 and sum(s.parent_id is None or s.parent_id not in ids for s in found) <= 2
    generations = [s for s in found if s.kind == "llm"]
    assert len(generations) == 6 and {s.model for s in generations} == {"gpt-4o", "gpt-4o-2024-08-06"}
    longest = max(generations, key=lambda s: len(s.messages))
    assert [m["role"] for m in longest.messages] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert longest.messages[1]["content"] == "What are the latest AI trends in 2024?"
    assert longest.reply[0]["content"].startswith("In 2024")
    assert {s.name for s in found if s.kind == "tool"} and not any(s.error for s in found)
