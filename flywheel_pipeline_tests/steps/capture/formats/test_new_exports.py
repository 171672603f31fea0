"""Jaeger, Logfire, Opik and OTLP logs, and the forms of Phoenix and MLflow, column by column."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from flywheel_pipeline.ports import Block
from flywheel_pipeline.steps.capture import Rules, join_pieces, read_block
from flywheel_pipeline_tests.steps.capture.formats import samples
from flywheel_pipeline_tests.steps.capture.formats.samples import (
    AT,
    BARE_SPAN,
    JAEGER,
    LOGFIRE,
    NANO,
    OPIK,
    OPIK_SPAN,
    OPIK_TRACE,
    OTLP_LOGS,
    QUESTION,
    REPLY,
    ROOT,
    STEP,
    SYSTEM,
    TRACE,
    log_record,
    logs,
    said,
)
from flywheel_pipeline_tests.steps.capture.formats.test_exports import MATCH, NOON, RULES, read, the_trace

COVERS = (
    "steps/capture/formats/jaeger.py",
    "steps/capture/formats/logfire.py",
    "steps/capture/formats/opik.py",
    "steps/capture/formats/otlp_logs.py",
    "steps/capture/formats/mlflow.py",
)


def columns(trace: Any) -> tuple[Any, ...]:
    return (
        trace.input,
        trace.output,
        trace.model,
        trace.input_tokens,
        trace.output_tokens,
        trace.started_at,
        trace.latency_ms,
    )


EXPECTED = (QUESTION, REPLY, "m-7", 21, 6, NOON, 1500)
TAGS = samples.JAEGER_SPAN["tags"]
AS_OBJECT = {"tags": [], "tag": {t["key"].replace(".", "@"): t["value"] for t in TAGS}}
STORED = {**samples.JAEGER_SPAN, "process": {"serviceName": "ferry", "tags": []}, "startTimeMillis": NANO // 10**6}


@pytest.mark.parametrize(
    "record", [JAEGER, {"data": [JAEGER], "total": 0, "errors": None}, STORED, {**STORED, **AS_OBJECT}]
)
def test_jaeger_keeps_the_attributes_of_the_tracing_library(record: dict[str, Any]) -> None:
    trace = the_trace(read(record))
    assert columns(trace) == EXPECTED
    assert (trace.trace_id, trace.app, trace.source_format) == (TRACE, "ferry", "jaeger")
    assert json.loads(trace.messages)[0] == {"role": "system", "content": SYSTEM}


def test_jaeger_joins_children_by_reference_and_reports_errors() -> None:
    tool = {"traceID": TRACE, "spanID": STEP[1:], "operationName": "lookup", "startTime": NANO // 1000, "duration": 10, "processID": "p1",
            "references": [{"refType": "CHILD_OF", "traceID": TRACE, "spanID": ROOT}], "tags": [{"key": "error", "type": "bool", "value": True}],
            "logs": [{"timestamp": 1, "fields": [{"key": "event", "value": "exception"}, {"key": "exception.message", "value": "no boat"}]}]}  # fmt: skip
    trace = the_trace(read({**JAEGER, "spans": [*JAEGER["spans"], tool]}))
    spans = json.loads(trace.spans or "")
    assert [(s["span_id"], s.get("parent_id"), s.get("error")) for s in spans] == [
        ("0" + STEP[1:], ROOT, "no boat"),
        (ROOT, None, None),
    ]


@pytest.mark.parametrize("change", [{}, {"attributes": json.dumps(LOGFIRE["attributes"])}, {"level": 9}])
def test_logfire_records_are_spans(change: dict[str, Any]) -> None:
    trace = the_trace(read({**LOGFIRE, **change}))
    assert columns(trace) == EXPECTED
    assert (trace.trace_id, trace.app, trace.source_format, trace.error) == (TRACE, "ferry", "logfire", None)


def test_logfire_tells_errors_and_reports_pending_spans() -> None:
    failed = {
        **LOGFIRE,
        "is_exception": True,
        "exception_type": "Timeout",
        "exception_message": "no answer",
        "level": 17,
    }
    captured = read(failed, {**LOGFIRE, "kind": "pending_span", "span_id": ROOT})
    assert [t.error for t in captured.traces] == ["Timeout: no answer"]
    assert "pending span" in captured.rejects[0].reason


@pytest.mark.parametrize(
    "records",
    [[OPIK], [OPIK_TRACE, OPIK_SPAN], [{"page": 1, "size": 2, "total": 2, "content": [OPIK_SPAN, OPIK_TRACE]}]],
)
def test_opik_traces_have_their_spans_and_scores(records: list[dict[str, Any]]) -> None:
    captured = read(*records)
    trace = the_trace(captured)
    assert columns(trace) == EXPECTED
    assert (trace.session_id, trace.source_format, trace.n_rows) == ("th", "opik", 2)
    assert [(f.name, f.given_by, f.value, f.comment) for f in captured.feedback] == [
        ("User feedback", "user", 0.0, "too late"),
        ("Hallucination", "model", 1.0, None),
    ]


def test_opik_s_trace_alone_says_what_its_spans_would() -> None:
    trace = the_trace(read({**OPIK_TRACE, "total_estimated_cost": 0.25}))
    assert (trace.input, trace.output, trace.input_tokens, trace.cost_usd) == (QUESTION, REPLY, 21, 0.25)


def one_message_a_document() -> list[dict[str, Any]]:
    return [logs(r) for r in OTLP_LOGS["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]


DETAILS = logs(log_record("gen_ai.client.inference.operation.details", None,
    gen_ai__input__messages=json.dumps([{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]),
    gen_ai__output__messages=json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": REPLY}]}]),
    gen_ai__system_instructions=json.dumps([{"type": "text", "content": SYSTEM}])))  # fmt: skip


@pytest.mark.parametrize("exports", [[OTLP_LOGS], one_message_a_document(), one_message_a_document()[::-1], [DETAILS]])
@pytest.mark.parametrize("logs_first", [True, False])
def test_content_in_log_records_joins_its_span(exports: list[dict[str, Any]], logs_first: bool) -> None:
    captured = read(*exports, BARE_SPAN) if logs_first else read(BARE_SPAN, *exports)
    trace = the_trace(captured)
    assert columns(trace) == EXPECTED
    assert [m["role"] for m in json.loads(trace.messages)] == ["system", "user", "assistant"]
    assert trace.n_rows == captured.n_rows_in == 1 + (3 if exports != [DETAILS] else 1)


@pytest.mark.parametrize("logs_first", [True, False])
def test_content_in_another_file_joins_its_span_as_well(logs_first: bool) -> None:
    files = [[r] for r in one_message_a_document()]
    files.insert(0 if logs_first else 3, [BARE_SPAN])
    pieces = [the_trace(read(*records, file=f"{n}.json")) for n, records in enumerate(files)]
    trace = join_pieces([vars(p) for p in pieces])
    assert columns(trace) == EXPECTED and trace.n_rows == 4


def test_log_records_said_twice_are_repeated_not_doubled() -> None:
    captured = read(OTLP_LOGS, OTLP_LOGS, BARE_SPAN)
    assert captured.n_repeated == 3
    assert [m["role"] for m in json.loads(the_trace(captured).messages)] == ["system", "user", "assistant"]


OTHER = {
    "timeUnixNano": str(NANO),
    "body": {"stringValue": "agent.request"},
    "attributes": [samples.attribute("model", "m")],
}


@pytest.mark.parametrize("record", [logs(OTHER), {"resource_logs": [{"scope_logs": [{"log_records": [OTHER]}]}]}, {"resourceLogs": []},
                                    logs({**log_record("gen_ai.choice", said("x")), "spanId": ""})])  # fmt: skip
def test_logs_without_content_of_spans_are_refused_with_what_to_do(record: dict[str, Any]) -> None:
    (reject,) = read(record).rejects
    assert reject.reason.startswith("OTLP logs") and "export the traces" in reject.reason


def test_logs_that_are_not_content_are_counted_beside_those_that_are() -> None:
    captured = read(logs(OTHER, log_record("gen_ai.user.message", said(QUESTION)), OTHER))
    assert [t.input for t in captured.traces] == [QUESTION]
    assert captured.rejects[0].reason.startswith("2 OTLP log records")


PHOENIX = {
    "name": "ask", "span_kind": "LLM", "parent_id": None, "start_time": "2025-06-02T12:00:00+00:00", "end_time": "2025-06-02T12:00:01.5+00:00",
    "status_code": "OK", "context.trace_id": TRACE, "context.span_id": ROOT, "attributes.llm.model_name": "m-7",
    "attributes.llm.token_count.prompt": 21.0, "attributes.llm.token_count.completion": 6.0, "events": [],
    "attributes.llm.input_messages": [{"message.role": "system", "message.content": SYSTEM}, {"message.role": "user", "message.content": QUESTION}],
    "attributes.llm.output_messages": [{"message.role": "assistant", "message.content": REPLY}],
    "attributes.retrieval.documents": [{"document.id": "d1", "document.content": "Nine.", "document.score": 0.5}],
}  # fmt: skip


def test_a_row_of_phoenix_has_dots_in_the_keys_of_its_messages_and_documents() -> None:
    trace = the_trace(read(PHOENIX))
    assert columns(trace) == EXPECTED
    assert json.loads(trace.retrieved) == [{"content": "Nine.", "id": "d1", "score": 0.5}]
    assert json.loads(trace.messages)[0] == {"role": "system", "content": SYSTEM}


@pytest.mark.parametrize("write", [str, json.dumps])
def test_a_table_of_phoenix_may_hold_lists_as_python_text_or_json(write: Any) -> None:
    out = io.StringIO()
    row = {k: write(v) if isinstance(v, list) else v for k, v in PHOENIX.items()}
    writer = csv.DictWriter(out, list(row))
    writer.writeheader()
    writer.writerow(row)
    header, cells = csv.reader(io.StringIO(out.getvalue()))
    rows = ((2, dict(zip(header, cells, strict=True))),)
    trace = the_trace(read_block("a.csv", Block("rows", 2, rows=rows), RULES, MATCH))
    assert columns(trace) == EXPECTED


def test_python_text_that_cannot_be_read_is_reported_not_taken_for_the_question() -> None:
    text = "[{'message.role': 'user', 'message.content': array(['x'], dtype=object)}]"
    (reject,) = read({**PHOENIX, "attributes.llm.input_messages": text}).rejects
    assert "attributes.llm.input_messages" in reject.reason and "Parquet" in reject.reason


LONG = "Does it run? " * 100


def mlflow(**info: Any) -> dict[str, Any]:
    usage = json.dumps({"input_tokens": 21, "output_tokens": 6})
    return {"info": {"trace_id": "tr-9", "request_time": AT, "execution_duration_ms": 1500,
                     "trace_metadata": {"mlflow.trace.tokenUsage": usage}, **info}}  # fmt: skip


def mlflow_span(name: str, parent: str | None, asked: Any, answered: Any, kind: str = "CHAIN") -> dict[str, Any]:
    attributes = {"mlflow.spanType": kind, "mlflow.spanInputs": asked, "mlflow.spanOutputs": answered}
    return {"name": name, "span_id": ROOT if parent is None else STEP, "parent_span_id": parent, "start_time_unix_nano": NANO,
            "attributes": {k: json.dumps(v) for k, v in attributes.items()}}  # fmt: skip


@pytest.mark.parametrize("wrap", [lambda r: r, lambda r: {"trace": {"trace_info": r["info"], "spans": r["data"]["spans"]}},
                                  lambda r: {"traces": [r]}, lambda r: {"trace_info": r["info"], "trace_data": r["data"]}])  # fmt: skip
def test_mlflow_takes_the_whole_root_span_instead_of_the_cut_preview(wrap: Any) -> None:
    record = mlflow(request_preview=LONG[:1000], response_preview=LONG[:1000])
    record["data"] = {
        "spans": [mlflow_span("predict", None, {"question": LONG}, LONG), mlflow_span("step", ROOT, "x", "y")]
    }
    trace = the_trace(read(wrap(record)))
    assert (trace.input.strip(), (trace.output or "").strip()) == (LONG.strip(), LONG.strip())
    assert (trace.input_tokens, trace.output_tokens, trace.latency_ms, trace.source_format) == (21, 6, 1500, "mlflow")


def test_mlflow_s_own_counts_do_not_add_to_those_of_its_spans() -> None:
    model = mlflow_span(
        "llm",
        ROOT,
        {"messages": samples.TURNS},
        {"choices": [{"message": {"role": "assistant", "content": REPLY}}]},
        "CHAT_MODEL",
    )
    model["attributes"]["mlflow.chat.tokenUsage"] = json.dumps({"input_tokens": 20, "output_tokens": 5})
    trace = the_trace(read({**mlflow(), "data": {"spans": [mlflow_span("predict", None, QUESTION, REPLY), model]}}))
    assert (trace.input_tokens, trace.output_tokens) == (20, 5)


def test_a_preview_counts_where_nothing_else_is_there_and_is_reported_where_it_is_cut() -> None:
    whole = read({**mlflow(request_preview=QUESTION, response_preview=REPLY), "data": {"spans": []}})
    assert (the_trace(whole).input, the_trace(whole).output) == (QUESTION, REPLY)
    cut = read({**mlflow(request_preview=LONG[:1000], response_preview=REPLY), "data": {"spans": []}})
    assert len(cut.traces) == 1 and "preview of its input" in cut.rejects[0].reason


def test_what_log_records_say_is_redacted_also_in_the_stored_spans() -> None:
    rules = Rules("shop", RULES.first_day, RULES.now, redact=("email",))
    export = logs(log_record("gen_ai.user.message", said("Write to ana.lopez@example.org, please")))
    captured = read(export, BARE_SPAN, rules=rules)
    assert "ana.lopez" not in "".join(str(v) for t in captured.traces for v in vars(t).values())
