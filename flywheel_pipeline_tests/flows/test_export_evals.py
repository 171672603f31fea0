"""Answers and verdicts as spans that OpenTelemetry tools, and our own capture, read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flywheel_pipeline.cli import main
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.export_evals import NAMES, export_evals
from flywheel_pipeline.records import Json
from flywheel_pipeline_tests.builders import an_answer
from flywheel_pipeline_tests.flows.evaluated import BASE, evaluated_home
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("steps/evaluate/spans.py",)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = evaluated_home(tmp_path / "home", "pp", "fp", "--")
    calls = Json(json.dumps([{"id": "c1", "function": {"name": "look_up", "arguments": '{"order": 7}'}}]))
    answers = [
        an_answer(case_id="g-0", prompt_version=BASE, answer_id=f"{BASE}-g-0", output="We refund.", tool_calls=calls),
        an_answer(case_id="g-1", prompt_version=BASE, answer_id=f"{BASE}-g-1", output="Never."),
        an_answer(case_id="g-2", prompt_version=BASE, answer_id=f"{BASE}-g-2", output=None, error="timed out"),
    ]
    made.lake.write("answers", answers, part=BASE)
    return made


def exported(place: Place) -> list[dict[str, Any]]:
    path = place.root / "out.jsonl"
    assert export_evals(place.bench, "production", path) == (BASE, 3)
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def spans(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parts = [part for r in requests for part in r["resourceSpans"]]
    return [span for part in parts for scope in part["scopeSpans"] for span in scope["spans"]]


def test_the_names_are_those_of_opentelemetry_genai() -> None:
    assert NAMES["messages"] == "gen_ai.input.messages"
    assert NAMES["reply"] == "gen_ai.output.messages"
    assert NAMES["input_tokens"] == "gen_ai.usage.input_tokens"


def test_the_file_is_otlp_as_its_schema_has_it(place: Place) -> None:
    for request in exported(place):
        ParseDict(as_protobuf_json(request), ExportTraceServiceRequest())


def as_protobuf_json(request: dict[str, Any]) -> dict[str, Any]:
    """OTLP JSON differs from protobuf's in one point: ids are hex, not base64; four hex digits are both."""
    for span in spans([request]):
        assert len(bytes.fromhex(span["traceId"])) == 16 and len(bytes.fromhex(span["spanId"])) == 8
        span["traceId"], span["spanId"] = "AAAA", "AAAA"
    return request


def test_the_same_rows_give_the_same_traces(place: Place) -> None:
    first, again = (sorted(s["traceId"] for s in spans(exported(place))) for _ in range(2))
    assert first == again and len(set(first)) == 3


def test_our_own_capture_reads_back_what_was_written(place: Place, tmp_path: Path) -> None:
    exported(place)
    other = a_home(tmp_path / "other")
    (place.root / "out.jsonl").rename(other.root / "traces" / "out.jsonl")
    capture_traces(other.bench)
    rows = other.lake.frame("select * from raw_traces order by input")
    assert list(rows["input"]) == [f"Question g-{n}? " for n in range(3)]
    assert list(rows["output"][:2]) == ["We refund.", "Never."]
    assert list(rows["prompt_version"]) == [BASE] * 3
    assert "timed out" in rows["error"][2]
    assert rows["n_tool_calls"][0] == 1
    assert list(rows["input_tokens"]) == [10] * 3
    given = other.lake.frame("select name, score, comment from feedback order by all")
    assert len(given) >= 2, given


def test_the_command_says_what_it_wrote(place: Place) -> None:
    path = place.root / "spans.jsonl"
    done = CliRunner().invoke(main, ["evals", "export", "--home", str(place.root), "--otlp", str(path)])
    assert done.output == f"Wrote 3 spans of {BASE} to {path}.\n"
