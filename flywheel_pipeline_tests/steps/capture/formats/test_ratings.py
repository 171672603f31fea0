"""Users' opinions beside a conversation, under whatever name; and columns that only look like those of a tool."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.records import Feedback
from flywheel_pipeline_tests.steps.capture.formats.samples import AT, NANO, QUESTION, REPLY, SYSTEM, TRACE, pair
from flywheel_pipeline_tests.steps.capture.formats.test_exports import read, the_trace

SPOKEN = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": REPLY}]
ROW = {"id": "t1", "timestamp": AT, "question": QUESTION, "answer": REPLY}
PAIR = pair({"model": "m-7", "messages": SPOKEN[:1]}, {"choices": [{"message": SPOKEN[1]}]})


def opinions(record: dict[str, Any]) -> list[Feedback]:
    captured = read(record)
    assert (captured.rejects, len(captured.traces)) == ([], 1)
    return captured.feedback


@pytest.mark.parametrize(
    "given",
    [
        {"feedback": {"value": "negative"}}, {"feedback": {"label": "thumbs_down"}}, {"feedback": {"type": "dislike"}},
        {"feedback": {"helpful": False}}, {"feedback": {"sentiment": "negative"}}, {"helpful": False},
        {"feedback": {"name": "unhelpful", "score": True}}, {"vote": "down"}, {"user_satisfaction": "dissatisfied"},
        {"thumbs": "down"}, {"Was this helpful?": "No"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("record", [{"id": "t1", "created_at": AT, "messages": SPOKEN}, PAIR])
def test_a_bad_opinion_is_found_under_whatever_name_users_gave_it(
    record: dict[str, Any], given: dict[str, Any]
) -> None:
    (row,) = opinions({**record, **given})
    assert (row.given_by, row.score) == ("user", 0.0)


@pytest.mark.parametrize("column", ["Was this helpful?", "vote", "userSatisfaction", "customer_rating"])
def test_a_table_may_call_the_opinion_of_its_users_as_it_likes(column: str) -> None:
    (row,) = opinions({**ROW, column: "no"})
    assert (row.name, row.given_by, row.score) == (column, "user", 0.0)


@pytest.mark.parametrize(("column", "giver"), [("judge_rating", "model"), ("expert_feedback", "annotator")])
@pytest.mark.parametrize("record", [ROW, {"id": "t1", "created_at": AT, "messages": SPOKEN}])
def test_a_rating_that_names_another_giver_is_no_opinion_of_the_user(
    record: dict[str, Any], column: str, giver: str
) -> None:
    assert [f for f in opinions({**record, column: "no"}) if f.given_by == "user"] == []


def test_texts_under_such_names_are_not_taken_for_opinions() -> None:
    assert opinions({"id": "t1", "created_at": AT, "messages": SPOKEN, "feedback_form": "spring", "user": "7"}) == []


def test_a_feedback_line_may_call_its_score_a_rating() -> None:
    (row,) = read({"trace_id": "t1", "rating": 2, "comment": "wrong"}).feedback
    assert (row.name, row.value, row.comment, row.score) == ("rating", 2.0, "wrong", None)


def test_a_table_with_users_and_sessions_is_no_export_of_langfuse() -> None:
    trace = the_trace(read({**ROW, "user_id": "u", "session_id": "s", "environment": "live"}))
    assert (trace.source_format, trace.input, trace.output, trace.session_id) == ("table", QUESTION, REPLY, "s")


def test_names_of_columns_may_be_written_in_camel_case() -> None:
    trace = the_trace(read({**ROW, "sessionId": "s", "inputTokens": "21"}))
    assert (trace.session_id, trace.input_tokens) == ("s", 21)


def test_the_same_words_at_the_same_time_are_two_traces_in_two_sessions() -> None:
    row = {k: v for k, v in ROW.items() if k != "id"}
    ids = {the_trace(read({**row, "session_id": s})).trace_id for s in ("s1", "s2")}
    assert len(ids) == 2


def test_a_conversation_as_python_prints_it_is_read_and_one_of_numpy_is_refused() -> None:
    row = {"id": "t1", "timestamp": AT, "messages": str(SPOKEN)}
    trace = the_trace(read(row))
    assert (trace.input, trace.output) == (QUESTION, REPLY)
    torn = read({**row, "messages": str(SPOKEN).replace("}, {", "}\n {")})
    assert torn.traces == [] and "export it as JSON" in torn.rejects[0].reason


def test_scores_in_columns_of_langfuses_page_are_read_by_their_names() -> None:
    row = {"id": "t1", "timestamp": AT, "name": "chat", "userId": "u", "sessionId": None, "public": False,
           "bookmarked": False, "input": {"question": QUESTION}, "output": REPLY, "comments": [],
           "user_feedback": [0], "thumb": ["dislike"], "faithfulness": [1], "unset": None}  # fmt: skip
    found = {(f.name, f.given_by, f.score if f.score is not None else f.value) for f in opinions(row)}
    assert found == {("user_feedback", "user", 0.0), ("thumb", "user", 0.0), ("faithfulness", "script", 1.0)}
    step = {"id": "o1", "traceId": "t1", "type": "GENERATION", "startTime": AT, "level": "DEFAULT", "input": QUESTION,
            "output": REPLY, "user-feedback": "[0]", "traceTags": ["a"]}  # fmt: skip
    assert [(f.trace_id, f.name) for f in opinions(step)] == [("t1", "user-feedback")]


def a_span(span: int, attributes: dict[str, Any], parent: int = 0) -> dict[str, Any]:
    return {
        "traceId": TRACE, "spanId": f"{span:016x}", "parentSpanId": f"{parent:016x}" if parent else "", "name": "step",
        "startTimeUnixNano": str(NANO), "endTimeUnixNano": str(NANO + 10**9),
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()],
    }  # fmt: skip


def spans(*found: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(found)}]}]}


def parts(role: str, text: str, **more: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


def test_a_conversation_that_only_the_agent_recorded_is_the_traces() -> None:
    agent = {
        "gen_ai.operation.name": "invoke_agent", "gen_ai.input.messages": json.dumps([parts("user", QUESTION)]),
        "gen_ai.output.messages": json.dumps([parts("assistant", REPLY)]),
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
    }  # fmt: skip
    trace = the_trace(read(spans(a_span(1, agent), a_span(2, {"gen_ai.operation.name": "chat"}, 1))))
    assert (trace.input, trace.output) == (QUESTION, REPLY)
    assert json.loads(trace.messages)[0] == {"role": "system", "content": SYSTEM}


def test_of_several_choices_the_first_is_the_answer() -> None:
    choices = [parts("assistant", t, finish_reason="stop") for t in (REPLY, "No.")]
    call = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps([parts("user", QUESTION)]),
            "gen_ai.output.messages": json.dumps(choices)}  # fmt: skip
    assert the_trace(read(spans(a_span(1, call)))).output == REPLY


def test_a_text_that_a_library_wrote_as_json_is_the_text() -> None:
    workflow = {"traceloop.span.kind": "workflow", "traceloop.entity.input": json.dumps({"args": [QUESTION]}),
                "traceloop.entity.output": json.dumps(REPLY)}  # fmt: skip
    trace = the_trace(read(spans(a_span(1, workflow))))
    assert (trace.input, trace.output) == (QUESTION, REPLY)


def test_an_instrumented_client_that_logs_request_and_response_is_read() -> None:
    asked = {"messages": [{"role": "system", "content": SYSTEM}, *SPOKEN[:1]], "model": "m-7"}
    whole = a_span(1, {"request_data": json.dumps(asked), "response_data": json.dumps({"message": SPOKEN[1]})})
    streamed = a_span(2, {"request_data": json.dumps(asked),
                          "response_data": json.dumps({"combined_chunk_content": REPLY, "chunk_count": 3})})  # fmt: skip
    for span in (whole, streamed):
        trace = the_trace(read(spans(span)))
        assert (trace.input, trace.output) == (QUESTION, REPLY)
        assert json.loads(trace.messages)[0] == {"role": "system", "content": SYSTEM}


def test_arguments_that_ask_nothing_do_not_stand_for_the_question() -> None:
    for arguments in (
        {"args": [QUESTION], "kwargs": {"session": "x"}}, {"args": [], "kwargs": {"user_id": "u", "question": QUESTION}},
    ):  # fmt: skip
        workflow = {"traceloop.span.kind": "workflow", "traceloop.entity.input": json.dumps(arguments)}
        assert the_trace(read(spans(a_span(1, workflow)))).input == QUESTION


def test_keyword_arguments_beside_the_outputs_of_a_graph_are_not_the_answer() -> None:
    outputs = {"outputs": {"messages": SPOKEN}, "kwargs": {"tags": ["a"]}}
    workflow = {"traceloop.span.kind": "workflow", "traceloop.entity.output": json.dumps(outputs)}
    trace = the_trace(read(spans(a_span(1, workflow))))
    assert (trace.input, trace.output) == (QUESTION, REPLY)


@pytest.mark.parametrize("column", ["system_prompt", "System message", "instructions", "systemPrompt"])
def test_a_system_prompt_in_a_column_of_its_own_is_kept(column: str) -> None:
    assert json.loads(the_trace(read({**ROW, column: SYSTEM})).messages)[0] == {"role": "system", "content": SYSTEM}


@pytest.mark.parametrize("key", ["system_message", "systemPrompt", "instructions"])
def test_a_system_prompt_beside_a_chat_is_kept(key: str) -> None:
    trace = the_trace(read({"id": "t1", "created_at": AT, "messages": SPOKEN, key: SYSTEM}))
    assert json.loads(trace.messages)[0] == {"role": "system", "content": SYSTEM}
