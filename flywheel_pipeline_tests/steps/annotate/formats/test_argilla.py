"""Argilla: records of the 2.x and 1.x versions, as JSON, as tables and as pushed to the hub."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline_tests.steps.annotate.formats.exports import an_argilla_record, facts, read, read_file


def test_a_record_of_argilla_is_one_row_a_user() -> None:
    found = read(an_argilla_record())
    assert facts(found) == [("t1", "u1", "fail", "made up"), ("t1", "u2", "pass", None)]
    assert json.loads(found.annotations[0].extra) == {"team": "north", "tags": "a\nb"}
    assert read(an_argilla_record(responses={})).n_unlabelled == 1
    assert facts(read(an_argilla_record(metadata={})))[0][0] == "r1"


def test_responses_by_user_are_read_with_their_status() -> None:
    def by(user: str, status: str, **values: Any) -> dict[str, Any]:
        answers = {q: {"value": v} for q, v in values.items()}
        return {"user_id": user, "status": status, "values": answers, "updated_at": "2025-06-02T12:00:00"}

    responses = [by("u1", "submitted", verdict="pass"), by("u2", "discarded"), by("u3", "draft", verdict="fail")]
    found = read(an_argilla_record(responses=responses))
    assert [(a.annotator, a.verdict) for a in found.annotations] == [("u1", "pass"), ("u2", "defer")]
    assert found.annotations[0].labelled_at == datetime(2025, 6, 2, 12)
    assert found.n_unlabelled == 1


def test_the_rows_of_an_argilla_data_set_are_read() -> None:
    row = {
        "id": "t1", "conversation": "user: Hi", "verdict.responses": ["fail", "pass"],
        "verdict.responses.users": ["u1", "u2"], "verdict.responses.status": ["submitted", "submitted"],
        "comment.responses": ["made up"], "comment.responses.users": ["u1"], "comment.responses.status": ["submitted"],
    }  # fmt: skip
    assert facts(read(row)) == [("t1", "u1", "fail", "made up"), ("t1", "u2", "pass", None)]


def an_answer(value: Any, user: str = "u1", status: str = "submitted") -> dict[str, Any]:
    return {"user_id": user, "value": value, "status": status}


def a_hub_row(**changes: Any) -> dict[str, Any]:
    return {
        "conversation": "user: Hi", "verdict": [an_answer("fail"), an_answer("pass", "u2")],
        "verdict-suggestion": "pass", "verdict-suggestion-metadata": {"type": "model", "agent": "m"},
        "why": [an_answer("made up")], "why-suggestion": None, "external_id": "t1", "metadata": "{}", **changes,
    }  # fmt: skip


def test_rows_of_a_1x_data_set_on_the_hub_are_one_row_per_user() -> None:
    assert facts(read_labels("a.json", json.dumps([a_hub_row()]).encode())) == [
        ("t1", "u1", "fail", "made up"), ("t1", "u2", "pass", None),
    ]  # fmt: skip
    in_metadata = a_hub_row(external_id=None, metadata='{"trace_id": "t7", "team": "north"}')
    assert {a.trace_id for a in read_labels("a.json", json.dumps([in_metadata]).encode()).annotations} == {"t7"}


def test_a_hub_row_that_nobody_answered_is_unlabelled_and_a_suggestion_is_no_answer() -> None:
    found = read_labels("a.jsonl", json.dumps(a_hub_row(verdict=[], why=[])).encode())
    assert (found.annotations, found.rejects, found.n_unlabelled) == ((), (), 1)
    discarded = a_hub_row(verdict=[an_answer(None, status="discarded")], why=[])
    assert [a.verdict for a in read_labels("a.jsonl", json.dumps(discarded).encode()).annotations] == ["defer"]


def test_hub_rows_are_read_as_columns_of_lists_and_from_csv() -> None:
    columns = {"user_id": ["u1"], "value": ["fail"], "status": ["submitted"]}
    row = a_hub_row(verdict=columns, why={**columns, "value": ["made up"]})
    assert facts(read_labels("a.jsonl", json.dumps(row).encode())) == [("t1", "u1", "fail", "made up")]
    verdict, why = str([an_answer("fail")]), str([an_answer("made up")])
    text = f'conversation,verdict,why,external_id,metadata\n..,"{verdict}","{why}",t1,{{}}\n'
    assert facts(read_labels("a.csv", text.encode())) == [("t1", "u1", "fail", "made up")]


def test_a_text_classification_record_has_one_annotation_by_its_agent() -> None:
    record = {
        "text": "user: Hi", "prediction": [{"label": "pass", "score": 0.9}], "prediction_agent": "m",
        "annotation": "fail", "annotation_agent": "mira", "id": "t1", "metadata": {"comment": "made up"},
        "status": "Validated",
    }  # fmt: skip
    assert facts(read(record)) == [("t1", "mira", "fail", "made up")]
    assert read({**record, "annotation": None, "status": "Default"}).n_unlabelled == 1
    assert read({**record, "annotation_agent": "gpt-4o"}).scores[0].annotator_kind == "LLM"


def test_a_table_of_a_2x_data_set_is_read_from_csv() -> None:
    text = "id,verdict.responses,verdict.responses.users,verdict.responses.status\nt1,['pass'],['u1'],['submitted']\n"
    assert facts(read_file("a.csv", text.encode())) == [("t1", "u1", "pass", None)]
