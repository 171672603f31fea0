"""One export of every format, of the shape in which its system writes it -> the trace that a person sees in it."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest

from flywheel_pipeline.adapters.re2 import Re2Match
from flywheel_pipeline.ports import Block
from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture import Captured, Rules, read_block
from flywheel_pipeline.steps.capture.formats import FORMATS
from flywheel_pipeline_tests.steps.capture.formats import samples

COVERS = (
    "steps/capture/formats/agenta.py",
    "steps/capture/formats/braintrust.py",
    "steps/capture/formats/feedback.py",
    "steps/capture/formats/langfuse.py",
    "steps/capture/formats/langsmith.py",
    "steps/capture/formats/lenient.py",
    "steps/capture/formats/litellm.py",
    "steps/capture/formats/row.py",
    "steps/capture/formats/table.py",
)

MATCH = Re2Match()
RULES = Rules("shop", date(2024, 1, 1), datetime(2026, 1, 1))
NOON = datetime(2025, 6, 2, 12)
USAGE = {"prompt_tokens": 11, "completion_tokens": 7}
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is my parcel?"}]
ANSWER = {"role": "assistant", "content": "In Kiel."}
COMPLETION = {"object": "chat.completion", "model": "m-1", "choices": [{"index": 0, "message": ANSWER}], "usage": USAGE}
CALL = {"id": "c1", "type": "function", "function": {"name": "track", "arguments": '{"parcel": 5}'}}


def read(*records: dict[str, Any], rules: Rules = RULES, file: str = "export.json") -> Captured:
    return read_block(file, Block("document", 1, json.dumps(list(records)).encode()), rules, MATCH)


def the_trace(captured: Captured) -> CapturedTrace:
    assert captured.rejects == []
    (trace,) = captured.traces
    return trace


def roles(trace: CapturedTrace) -> list[str]:
    return [m["role"] for m in json.loads(trace.messages)]


LANGFUSE = {
    "trace": {
        "id": "t1", "timestamp": "2025-06-02T12:00:00.000Z", "name": "qa", "input": None, "output": None,
        "sessionId": "s1", "userId": "u1", "tags": ["beta"], "metadata": json.dumps({"plan": "pro"}),
        "scores": [
            {"id": "x1", "name": "user-feedback", "value": 0, "dataType": "NUMERIC", "source": "API", "comment": "wrong"},
            {"id": "x2", "name": "faithfulness", "value": 0.4, "dataType": "NUMERIC", "source": "EVAL"},
        ],
    },
    "observations": [
        {"id": "o1", "traceId": "t1", "type": "SPAN", "name": "chain", "startTime": "2025-06-02T12:00:00Z",
         "endTime": "2025-06-02T12:00:02Z", "parentObservationId": None, "input": None, "output": None, "level": "DEFAULT"},
        {"id": "o2", "traceId": "t1", "type": "RETRIEVER", "name": "search", "startTime": "2025-06-02T12:00:00.1Z",
         "parentObservationId": "o1", "level": "DEFAULT",
         "output": json.dumps([{"page_content": "Parcels rest in Kiel.", "metadata": {"source": "d7"}, "score": 0.8}])},
        {"id": "o3", "traceId": "t1", "type": "GENERATION", "name": "llm", "startTime": "2025-06-02T12:00:01Z",
         "endTime": "2025-06-02T12:00:02Z", "parentObservationId": "o1", "level": "DEFAULT", "model": "m-1",
         "input": json.dumps(json.dumps(ASKED)), "output": json.dumps(ANSWER), "promptName": "support",
         "promptVersion": 4, "usageDetails": {"input": 11, "output": 7, "total": 18}, "costDetails": {"total": 0.002}},
    ],
}  # fmt: skip


def test_langfuse_takes_the_conversation_from_the_generation_where_the_trace_says_nothing() -> None:
    captured = read(LANGFUSE)
    trace = the_trace(captured)
    assert (trace.trace_id, trace.session_id, trace.source_format) == ("t1", "s1", "langfuse")
    assert (trace.input, trace.output, roles(trace)) == (
        "Where is my parcel?",
        "In Kiel.",
        ["system", "user", "assistant"],
    )
    assert (trace.model, trace.prompt_name, trace.prompt_version) == ("m-1", "support", "4")
    assert (trace.input_tokens, trace.output_tokens, trace.cost_usd, trace.latency_ms) == (11, 7, 0.002, 2000)
    assert json.loads(trace.retrieved) == [{"content": "Parcels rest in Kiel.", "id": "d7", "score": 0.8}]
    assert json.loads(trace.tags) == {"user_id": "u1", "tags": ["beta"], "plan": "pro"}
    assert [(f.name, f.given_by, f.value, f.score, f.comment) for f in captured.feedback] == [
        ("user-feedback", "user", 0.0, None, "wrong"), ("faithfulness", "model", 0.4, None, None),
    ]  # fmt: skip
    assert captured.n_rows_in == 6  # the trace, three observations, two scores


def test_langfuse_rows_of_blob_storage_make_the_same_trace() -> None:
    snake: list[dict[str, Any]] = [
        {"id": "t1", "timestamp": "2025-06-02T12:00:00Z", "session_id": "s1", "user_id": "u1", "environment": "default",
         "public": False, "release": None},
        {"id": "o3", "trace_id": "t1", "type": "GENERATION", "start_time": "2025-06-02T12:00:01Z", "level": "ERROR",
         "status_message": "quota", "parent_observation_id": None, "provided_model_name": "m-1",
         "input": json.dumps(ASKED), "output": None, "usage_details": json.dumps({"input": 11})},
        {"id": "x", "trace_id": "t1", "name": "thumbs", "string_value": "down", "data_type": "CATEGORICAL", "source": "API"},
    ]  # fmt: skip
    captured = read(*snake)
    trace = the_trace(captured)
    assert (trace.input, trace.output, trace.model, trace.error) == ("Where is my parcel?", None, "m-1", "quota")
    assert [f.score for f in captured.feedback] == [0.0]


RUN = "11111111-1111-4111-8111-111111111111"
POST = {"id": RUN, "trace_id": RUN, "name": "ChatOpenAI", "run_type": "llm", "start_time": 1_748_865_600_000,
        "inputs": {"messages": ASKED, "model": "m-1"}, "dotted_order": f"20250602T120000000000Z{RUN}",
        "extra": {"metadata": {"thread_id": "s1", "ls_model_name": "m-1"}}}  # fmt: skip
PATCH = {"id": RUN, "trace_id": RUN, "dotted_order": f"20250602T120000000000Z{RUN}", "end_time": "2025-06-02T12:00:01Z",
         "outputs": {**COMPLETION, "usage_metadata": {"input_tokens": 11, "output_tokens": 7}}}  # fmt: skip


@pytest.mark.parametrize("records", [[{"post": [POST], "patch": [PATCH]}], [POST, PATCH], [{**POST, **PATCH}]])
def test_langsmith_joins_a_run_with_its_patch(records: list[dict[str, Any]]) -> None:
    trace = the_trace(read(*records))
    assert (trace.input, trace.output, trace.started_at) == ("Where is my parcel?", "In Kiel.", NOON)
    assert (trace.model, trace.session_id, trace.latency_ms) == ("m-1", "s1", 1000)
    assert (trace.input_tokens, trace.output_tokens) == (11, 7)


def test_langsmith_reads_serialized_messages_children_and_feedback() -> None:
    human = {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "HumanMessage"],
        "kwargs": {"content": "Hi?"},
    }
    ai = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "AIMessage"], "kwargs": {"content": "Hello."}}
    child = {"id": "r2", "trace_id": "r1", "parent_run_id": "r1", "run_type": "llm", "name": "model",
             "start_time": "2025-06-02T12:00:00", "inputs": {"messages": [[human]]},
             "outputs": {"generations": [[{"text": "Hello.", "message": ai}]]}}  # fmt: skip
    root = {"id": "r1", "trace_id": "r1", "run_type": "chain", "name": "app", "start_time": "2025-06-02T12:00:00",
            "inputs": {"question": "Hi?"}, "outputs": {"answer": "Hello."}, "error": None}  # fmt: skip
    mark = {"id": "f", "run_id": "r1", "trace_id": "r1", "key": "user_score", "score": 1, "comment": "good"}
    captured = read(root, child, mark)
    trace = the_trace(captured)
    assert (trace.input, trace.output, roles(trace)) == ("Hi?", "Hello.", ["user", "assistant"])
    assert [(f.trace_id, f.given_by, f.value, f.comment) for f in captured.feedback] == [("r1", "user", 1.0, "good")]


@pytest.mark.parametrize("version", [2, 3])
def test_mlflow_reads_spans_of_both_versions_and_what_people_assessed(version: int) -> None:
    attributes = {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanInputs": json.dumps({"messages": ASKED, "model": "m-1"}),
                  "mlflow.spanOutputs": json.dumps(COMPLETION),
                  "mlflow.chat.tokenUsage": json.dumps({"input_tokens": 11, "output_tokens": 7})}  # fmt: skip
    nanos = 1_748_865_600_000_000_000
    if version == 2:
        info = {"request_id": "tr-1", "timestamp_ms": nanos // 10**6, "execution_time_ms": 900, "status": "OK",
                "request_metadata": {"mlflow.trace.session": "s1"}, "tags": {}}  # fmt: skip
        span = {"name": "model", "context": {"trace_id": "0x1", "span_id": "0x00000000000000aa"}, "parent_id": None,
                "start_time": nanos, "end_time": nanos + 9 * 10**8, "status_code": "OK", "attributes": attributes}  # fmt: skip
    else:
        info = {"trace_id": "tr-1", "request_time": "2025-06-02T12:00:00Z", "execution_duration": "0.9s", "state": "OK",
                "trace_metadata": {"mlflow.trace.session": "s1"}, "tags": {},
                "assessments": [{"assessment_name": "correct", "feedback": {"value": False}, "rationale": "wrong town",
                                 "source": {"source_type": "HUMAN", "source_id": "ada"}}]}  # fmt: skip
        span = {"name": "model", "span_id": "AAAAAAAAAKo=", "parent_span_id": "", "start_time_unix_nano": nanos,
                "end_time_unix_nano": nanos + 9 * 10**8, "status": {"code": "STATUS_CODE_OK"}, "attributes": attributes}  # fmt: skip
    captured = read({"info": info, "data": {"spans": [span]}})
    trace = the_trace(captured)
    assert (trace.trace_id, trace.session_id, trace.started_at, trace.latency_ms) == ("tr-1", "s1", NOON, 900)
    assert (trace.input, trace.output, trace.input_tokens) == ("Where is my parcel?", "In Kiel.", 11)
    assert [(f.score, f.comment) for f in captured.feedback] == ([(0.0, "wrong town")] if version == 3 else [])


@pytest.mark.parametrize("flat", [True, False])
def test_agenta_reads_nested_and_dotted_attributes(flat: bool) -> None:
    ag = {"type": {"node": "chat"}, "data": {"inputs": {"prompt": ASKED}, "outputs": ANSWER}, "session": {"id": "s1"},
          "metrics": {"tokens": {"incremental": {"prompt": 11, "completion": 7}}, "costs": {"incremental": {"total": 0.002}}}}  # fmt: skip
    dotted = {"ag.type.node": "chat", "ag.data.inputs.prompt": ASKED, "ag.data.outputs": ANSWER, "ag.session.id": "s1",
              "ag.metrics.tokens.incremental.prompt": 11, "ag.metrics.tokens.incremental.completion": 7,
              "ag.metrics.costs.incremental.total": 0.002}  # fmt: skip
    span = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "parent_id": None,
            "span_name": "chat", "start_time": "2025-06-02T12:00:00Z", "end_time": "2025-06-02T12:00:01Z",
            "attributes": dotted if flat else {"ag": ag},
            "references": [{"id": "1", "slug": "support", "version": "3", "attributes": {"key": "application_revision"}}]}  # fmt: skip
    trace = the_trace(read({"spans": [span]}))
    assert (trace.source_format, trace.session_id, trace.prompt_version) == ("agenta", "s1", "3")
    assert (trace.input, trace.output, trace.cost_usd, trace.output_tokens) == (
        "Where is my parcel?",
        "In Kiel.",
        0.002,
        7,
    )


PAYLOAD = {"id": "chatcmpl-1", "trace_id": "t1", "call_type": "acompletion", "status": "success", "startTime": 1748865600.0,
           "endTime": 1748865601.5, "model": "m-1", "messages": ASKED, "response": COMPLETION, "response_cost": 0.002,
           "prompt_tokens": 11, "completion_tokens": 7, "metadata": {"user_api_key_alias": "web"}, "end_user": "u1"}  # fmt: skip


@pytest.mark.parametrize("record", [PAYLOAD, {"kwargs": {"standard_logging_object": PAYLOAD}}])
def test_litellm_reads_the_payload_and_joins_calls_of_one_trace(record: dict[str, Any]) -> None:
    more = {**PAYLOAD, "id": "chatcmpl-2", "startTime": 1748865602.0, "endTime": 1748865603.0,
            "messages": [*ASKED, ANSWER, {"role": "user", "content": "Really?"}]}  # fmt: skip
    trace = the_trace(read(record, more))
    assert (trace.trace_id, trace.n_turns, trace.input, trace.latency_ms) == ("t1", 2, "Really?", 3000)
    assert (trace.cost_usd, trace.input_tokens, trace.n_rows) == (0.004, 22, 2)
    assert json.loads(trace.tags)["key_alias"] == "web"


def test_litellm_tells_failures_and_reads_spend_logs_without_prompts() -> None:
    failed = {**PAYLOAD, "status": "failure", "response": None, "error_str": "RateLimitError: 429"}
    assert the_trace(read(failed)).error == "RateLimitError: 429"
    log = {"request_id": "r1", "call_type": "acompletion", "startTime": "2025-06-02 12:00:00.5", "endTime": "2025-06-02 12:00:01",
           "spend": 0.002, "messages": "{}", "response": "{}", "model": "m-1", "prompt_tokens": 11, "session_id": "s1"}  # fmt: skip
    trace = the_trace(read(log))
    assert (trace.input, trace.output, trace.cost_usd, trace.session_id, trace.messages) == (
        "",
        None,
        0.002,
        "s1",
        "[]",
    )


REQUEST = {"model": "m-1", "messages": ASKED}


@pytest.mark.parametrize(
    "record",
    [
        {"request": REQUEST, "response": COMPLETION, "timestamp": 1_748_865_600, "workload_id": "w"},
        {"request": {"body": REQUEST}, "response": {"status_code": 200, "body": COMPLETION}, "created_at": "2025-06-02T12:00:00Z"},
        {"request_body": json.dumps(REQUEST), "response_body": json.dumps(COMPLETION), "timestamp": "2025-06-02T12:00:00Z"},
        {"request": {"messages": ASKED}, "response": {"messages": [*ASKED, ANSWER]}, "timestamp": "2025-06-02T12:00:00Z"},
        {"request": {"instructions": "Be brief.", "input": "Where is my parcel?"}, "timestamp": "2025-06-02T12:00:00Z",
         "response": {"object": "response", "output": [{"type": "reasoning"}, {"type": "message", "role": "assistant",
          "content": [{"type": "output_text", "text": "In Kiel."}]}]}},
        {**COMPLETION, "id": "chatcmpl-9", "created": 1_748_865_600, "messages": ASKED},
    ],
)  # fmt: skip
def test_openai_pairs_are_one_conversation_in_every_wrapping(record: dict[str, Any]) -> None:
    trace = the_trace(read(record))
    assert (trace.source_format, trace.started_at, roles(trace)) == ("openai", NOON, ["system", "user", "assistant"])
    assert (trace.input, trace.output) == ("Where is my parcel?", "In Kiel.")


def test_a_pair_without_time_takes_it_from_the_name_of_its_file_or_is_rejected() -> None:
    record = {"id": "S1", "request": REQUEST, "response": COMPLETION}
    assert the_trace(read(record, file="trace_2025-06-02_120000.json")).started_at == NOON
    assert the_trace(read(record, file="trace_2025-06-02_120083.json")).started_at == datetime(2025, 6, 2)
    (reject,) = read(record).rejects
    assert "no time" in reject.reason


def test_braintrust_cells_hold_json_and_rows_of_one_root_are_one_trace() -> None:
    root = {"id": "1", "span_id": "r", "root_span_id": "r", "is_root": "true", "created": "2025-06-02T12:00:00Z",
            "input": json.dumps([*ASKED, {"role": "assistant", "content": "", "tool_calls": [CALL]}]), "output": "",
            "metrics": json.dumps({"start": 1748865600.0, "end": 1748865602.0, "prompt_tokens": 11}), "scores": '{"user_thumb": 1}',
            "metadata": '{"model": "m-1", "channel": "web"}', "span_attributes": '{"name": "chat", "type": "llm"}'}  # fmt: skip
    tool = {**root, "id": "2", "span_id": "k", "is_root": "false", "span_parents": '["r"]', "scores": "", "metadata": "",
            "input": '{"parcel": 5}', "output": '"Kiel"', "span_attributes": '{"name": "track", "type": "tool"}', "metrics": ""}  # fmt: skip
    captured = read(root, tool)
    trace = the_trace(captured)
    assert (trace.input, trace.n_tool_calls, trace.n_rows) == ("Where is my parcel?", 1, 2)
    assert [(f.name, f.given_by, f.score, f.n_rows) for f in captured.feedback] == [("user_thumb", "user", 1.0, 0)]
    assert (trace.model, trace.input_tokens, json.loads(trace.tags)["channel"]) == ("m-1", 11, "web")


def test_feedback_lines_are_feedback_whatever_their_spelling() -> None:
    captured = read(
        {"trace_id": "t1", "score": 0, "comment": "wrong", "at": "2025-06-02T12:00:00Z"},
        {"trace_id": "t2", "score": True}, {"trace_id": "t3", "score": "thumbs_up"}, {"trace_id": "t4", "comment": "hm"},
        {"trace_id": "t5", "score": 7}, {"trace_id": "t6", "score": 4, "scale": [1, 5]},
        {"trace_id": "t7", "score": 1, "name": "dislike", "scale": [0, 1]},
        {"trace_id": "t8", "score": None}, {"trace_id": "t9", "score": [1]}, {"trace_id": "t9", "score": 1, "scale": [1]},
    )  # fmt: skip
    assert [(f.trace_id, f.score, f.value, f.comment) for f in captured.feedback] == [
        ("t1", None, 0.0, "wrong"), ("t2", 1.0, 1.0, None), ("t3", 1.0, None, None), ("t4", None, None, "hm"),
        ("t5", None, 7.0, None), ("t6", 0.75, 4.0, None), ("t7", 0.0, 1.0, None),
    ]  # fmt: skip
    assert captured.feedback[0].given_at == NOON
    assert [r.line for r in captured.rejects] == [8, 9, 10]


def test_a_table_with_obvious_names_needs_no_map() -> None:
    trace = the_trace(
        read({"ID": 7, "Question": "Where?", "Answer": "Kiel.", "Timestamp": "2025-06-02 12:00:00", "Shop": "A"})
    )
    assert (trace.trace_id, trace.input, trace.output, trace.started_at) == ("7", "Where?", "Kiel.", NOON)
    assert json.loads(trace.tags) == {"Shop": "A"}


def test_a_field_map_reads_any_table_and_says_which_column_is_missing() -> None:
    fields = {
        "input": "q",
        "output": "payload.reply",
        "started_at": "when",
        "feedback_score": "thumb",
        "retrieved": "docs",
    }
    rules = Rules("shop", RULES.first_day, RULES.now, "table", fields)
    row = {
        "q": "Where?",
        "payload": {"reply": "Kiel."},
        "when": "2025-06-02T12:00:00Z",
        "thumb": "down",
        "docs": ["a", "b"],
    }
    captured = read(row, {**row, "when": ""}, {"payload": {}, "when": "2025-06-02"}, rules=rules)
    (trace,) = captured.traces
    assert (trace.output, json.loads(trace.retrieved)) == ("Kiel.", [{"content": "a"}, {"content": "b"}])
    assert [(f.name, f.score) for f in captured.feedback] == [("thumb", 0.0)]
    assert [
        "column 'when' is missing" in captured.rejects[0].reason,
        "column 'q' is missing" in captured.rejects[1].reason,
    ] == [True] * 2


ALL: dict[str, dict[str, Any]] = {
    "langfuse": LANGFUSE, "langsmith": {**POST, **PATCH}, "litellm": PAYLOAD, "feedback": {"trace_id": "t", "score": 1},
    "openai": {"request": REQUEST, "response": COMPLETION, "timestamp": 1_748_865_600},
    "chat": {"messages": ASKED, "created_at": "2025-06-02T12:00:00Z"},
    "table": {"question": "Q", "answer": "A", "time": "2025-06-02T12:00:00Z"},
    "braintrust": {"span_id": "r", "root_span_id": "r", "created": "2025-06-02T12:00:00Z", "input": "Q", "output": "A"},
    "mlflow": {"info": {"trace_id": "t", "request_time": "2025-06-02T12:00:00Z"}, "data": {"spans": []}},
    "agenta": {"trace_id": "t", "span_id": "s", "span_name": "x", "start_time": "2025-06-02T12:00:00Z", "attributes": {"ag": {}}},
    "otlp": {"resourceSpans": []},
    "otel_sdk": {"name": "x", "context": {"trace_id": "0x" + "1" * 32, "span_id": "0x" + "2" * 16}, "parent_id": None,
                 "start_time": "2025-06-02T12:00:00Z", "attributes": {}},
    **samples.NEW,
}  # fmt: skip


def test_every_format_has_an_export_here() -> None:
    assert set(ALL) == {f.NAME for f in FORMATS}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"rating": 3}, [("rating", 3.0, None, None)]),
        ({"Thumbs Up": 0, "Thumbs Down": 1}, [("Thumbs Down", 1.0, None, None)]),
        ({"Feedback": "Great, but slow"}, [("feedback", None, None, "Great, but slow")]),
        ({"thumbs": "👍", "comment": "nice"}, [("thumbs", None, 1.0, "nice")]),
        ({"dislike": True}, [("dislike", 1.0, 0.0, None)]),
        ({"rating": ""}, []),
    ],
)
def test_columns_of_opinions_in_a_table(columns: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    captured = read({"question": "Where?", "answer": "Kiel.", "timestamp": "2025-06-02 12:00:00", **columns})
    assert [(f.name, f.value, f.score, f.comment) for f in captured.feedback] == expected
    assert captured.n_rows_in == 1
