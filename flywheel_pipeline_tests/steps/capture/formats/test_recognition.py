"""Each record is recognised by what its format must have: by that format alone, in any order of its keys."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from flywheel_pipeline.ports import Block
from flywheel_pipeline.steps.capture import read_block
from flywheel_pipeline.steps.capture.formats import FORMATS, ORDER, recognise
from flywheel_pipeline.steps.capture.formats.unsupported import recognises as is_unsupported
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.conftest import REPO
from flywheel_pipeline_tests.steps.capture.formats import samples, test_exports, test_otel_sdk, test_otlp
from flywheel_pipeline_tests.steps.capture.formats.test_exports import MATCH, RULES, read

COVERS = (
    "steps/capture/formats/__init__.py",
    "steps/capture/formats/unsupported.py",
    "steps/capture/pages.py",
)

MONOCLE_SPAN = {
    "span_name": "llm.call", "trace_id": samples.TRACE, "span_id": samples.ROOT, "start_time": samples.AT, "attributes": {"span.type": "inference"},
    "events": [{"name": "data.input", "attributes": {"input": [json.dumps({"user": samples.QUESTION})]}},
               {"name": "data.output", "attributes": {"response": json.dumps({"assistant": samples.REPLY})}}],
}  # fmt: skip
AGENTA_SPAN = test_exports.ALL["agenta"]
MORE: list[tuple[str, dict[str, Any]]] = [
    ("otel_sdk", MONOCLE_SPAN),
    ("otel_sdk", {"trace_id": samples.TRACE, "start_time": samples.AT, "spans": [MONOCLE_SPAN]}),
    ("otel_sdk", {"context.trace_id": "a", "context.span_id": "b", "name": "x", "attributes.input.value": "Q", "start_time": samples.AT}),
    ("otel_sdk", test_otel_sdk.python_span()),
    ("agenta", {"spans": [AGENTA_SPAN]}),
    ("agenta", {"traces": {"t": {"spans": {"x": AGENTA_SPAN}}}}),
    ("otlp", test_otlp.document()),
    ("otlp", {"trace": test_otlp.document()}),
    ("mlflow", {"trace_id": "t", "request_time": samples.AT, "state": "OK", "trace_metadata": {}, "request_preview": "Q"}),
    ("jaeger", samples.JAEGER_SPAN),
    ("opik", samples.OPIK_TRACE),
    ("opik", samples.OPIK_SPAN),
    ("chat", a_chat_record(messages=test_exports.ASKED)),
    ("langfuse", {"trace": {"id": "t"}, "observations": [], "scores": []}),
    ("langfuse", {"id": "o", "traceId": "t", "type": "SPAN", "startTime": samples.AT, "level": "DEFAULT"}),
    ("mlflow", {"trace": {"trace_info": {"trace_id": "t"}, "spans": []}}),
    ("table", {"input": samples.QUESTION, "output": samples.REPLY, "timestamp": samples.AT, "rating": 3}),
    ("table", {"id": 1, "question": "Q", "answer": "A", "created_at": samples.AT, "model": "m"}),
    ("feedback", {"trace_id": "t", "comment": "fine", "at": samples.AT}),
    *((name, record) for name, _, record in samples.all_calls()),
]  # fmt: skip
OVERLAPS = {
    ("anthropic", "openai"), ("ollama", "openai"), ("cohere", "openai"), ("bedrock", "openai"), ("gemini", "openai"),
    ("opik", "openai"), ("bedrock", "cohere"), ("bedrock", "anthropic"), ("agenta", "otel_sdk"), ("logfire", "otel_sdk"),
    *((f.NAME, "table") for f in FORMATS if f.NAME != "table"),
}  # fmt: skip
"""(who reads it, who would take it as well): what has marks of its own on top of the shape of another, and whatever looks
like a table."""


def everything() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from test_exports.ALL.items()
    yield from MORE


@pytest.mark.parametrize(("name", "record"), list(everything()))
def test_a_record_is_recognised_as_its_own_format_in_any_order_of_its_keys(name: str, record: dict[str, Any]) -> None:
    chance = random.Random(5)
    for _ in range(5):
        keys = chance.sample(list(record), len(record))
        found = recognise({k: record[k] for k in keys})
        assert found is not None and name == found.NAME
    claimed = {f.NAME for f in ORDER if f.recognises(record)} - {name}
    assert {(name, other) for other in claimed} <= OVERLAPS


def test_the_first_of_the_order_reads_what_several_would_take() -> None:
    places = {f.NAME: i for i, f in enumerate(ORDER)}
    assert all(places[reader] < places[other] for reader, other in OVERLAPS)


def pages(records: list[Any]) -> dict[str, Any]:
    """One list of records, as APIs answer with it."""
    return {
        "data": {"data": records, "next_cursor": None},
        "traces": {"traces": records},
        "items with a total": {"items": records, "total": len(records), "page": 1},
        "two levels": {"data": {"results": records}, "meta": {"page": 1}},
        "GraphQL": {"data": {"project": None, "traces": {"edges": [{"cursor": "c", "node": r} for r in records]}}},
        "Elasticsearch": {"took": 3, "hits": {"total": 2, "hits": [{"_id": "1", "_source": r} for r in records]}},
        "content": {"content": records, "size": 2, "total": 2},
    }


@pytest.mark.parametrize("page", pages([]))
@pytest.mark.parametrize("name", [n for n in test_exports.ALL if n not in ("chat", "feedback")])
def test_an_answer_of_an_api_is_opened_and_each_record_in_it_is_read(name: str, page: str) -> None:
    record = test_exports.ALL[name]
    alone, together = read(record), read(pages([record, record])[page])
    assert together.formats == {n: 2 * k for n, k in alone.formats.items()}
    assert together.n_rows_in == 2 * alone.n_rows_in


def test_records_of_a_page_have_their_number_in_a_document_and_their_line_in_jsonl() -> None:
    records = [a_chat_record(trace_id=f"t{i}", messages=test_exports.ASKED) for i in range(3)]
    page = json.dumps({"data": records}).encode()
    document = read_block("a.json", Block("document", 1, page), RULES, MATCH)
    lines = read_block("a.jsonl", Block("lines", 7, page), RULES, MATCH)
    assert [t.source_line for t in document.traces] == [1, 2, 3]
    assert [t.source_line for t in lines.traces] == [7, 7, 7]


@pytest.mark.parametrize("page", [{"data": []}, {"traces": [], "next_cursor": None}, {"data": {"items": []}}])
def test_a_page_without_records_is_reported(page: dict[str, Any]) -> None:
    (reject,) = read(page).rejects
    assert "holds no records" in reject.reason


ROWS = [
    {"id": "a", "question": "Q1", "answer": "A1", "time": samples.AT},
    {"id": "b", "question": "Q2", "answer": "A2", "time": samples.AT},
]
COLUMNS = list(ROWS[0])


@pytest.mark.parametrize(
    "table",
    [
        {c: {str(i): row[c] for i, row in enumerate(ROWS)} for c in COLUMNS},
        {str(i): row for i, row in enumerate(ROWS)},
        {"columns": COLUMNS, "index": [0, 1], "data": [list(row.values()) for row in ROWS]},
        {"columns": [{"name": c, "datatype": "x", "values": [row[c] for row in ROWS]} for c in COLUMNS]},
        {"schema": {"fields": []}, "data": ROWS},
    ],
)
def test_a_table_that_is_stored_by_column_is_read_by_row(table: dict[str, Any]) -> None:
    assert [(t.trace_id, t.input, t.output) for t in read(table).traces] == [("a", "Q1", "A1"), ("b", "Q2", "A2")]


WEAVE = {"id": "w", "op_name": "weave:///team/app/op/answer:v3", "trace_id": "t", "started_at": samples.AT,
         "inputs": {"question": "Q"}, "output": "A", "summary": {}}  # fmt: skip
DATADOG = {
    "id": "1",
    "type": "span",
    "attributes": {"trace_id": "1", "span_id": "2", "span_kind": "agent", "input": {"value": "Q"}},
}
INSPECT = {"version": 2, "status": "success", "eval": {"task": "x"}, "plan": {}, "results": {}, "samples": [{"id": 1}]}
REFUSED: dict[str, list[dict[str, Any]]] = {
    "W&B Weave": [WEAVE, {**WEAVE, "op_name": "weave:///x", "inputs": {"messages": test_exports.ASKED}}],
    "Datadog LLM Observability": [DATADOG, {"ml_app": "shop", "spans": []}, {"trace_id": "1", "span_id": "2", "meta": {"span.kind": "llm"}, "ml_app": "x"}],
    "Inspect": [INSPECT, {"id": 1, "epoch": 1, "target": "A", "messages": test_exports.ASKED, "scores": {}, "input": "Q"}],
    "OTLP metrics": [{"resourceMetrics": []}, {"resource_metrics": [{}]}],
    "Zipkin": [{"traceId": "a", "id": "b", "name": "x", "timestamp": 1, "localEndpoint": {"serviceName": "s"}, "tags": {}}],
    "OTLP profiles": [{"resourceProfiles": []}],
}  # fmt: skip


@pytest.mark.parametrize(("name", "record"), [(n, r) for n, records in REFUSED.items() for r in records])
def test_exports_of_other_systems_are_refused_by_name_with_what_to_do(name: str, record: dict[str, Any]) -> None:
    for whole in (record, {"data": [record]}):
        (reject,) = read(whole).rejects
        assert name in reject.reason and ("write each" in reject.reason or "export" in reject.reason)
    assert all(is_unsupported(r) is False for _, r in everything())
    assert "unsupported" not in {f.NAME for f in FORMATS}


def test_the_chapter_has_one_line_for_every_format_in_the_order_in_which_they_are_tried() -> None:
    chapter = (REPO / "flywheel_pipeline/steps/capture/README.md").read_text(encoding="utf-8")
    table = chapter.partition("## Formats")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^\| `(\w+)` \|", table) == [f.NAME for f in FORMATS]


CHAT = a_chat_record(messages=test_exports.ASKED)


@pytest.mark.parametrize(
    "line",
    [
        {"timestamp": 1, "message": json.dumps(CHAT)}, {"log": json.dumps(CHAT) + "\n", "stream": "stdout", "time": samples.AT},
        {"jsonPayload": CHAT, "insertId": "x", "severity": "INFO"}, {"log": CHAT}, {"events": [{"timestamp": 1, "message": json.dumps(CHAT)}]},
        {"result": CHAT}, {"data": CHAT, "next_cursor": None},
    ],
)  # fmt: skip
def test_a_record_in_a_line_of_a_log_collector_or_alone_in_an_answer_is_read(line: dict[str, Any]) -> None:
    assert [t.trace_id for t in read(line).traces] == [CHAT["trace_id"]]
