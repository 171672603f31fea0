"""Exports of Label Studio, Argilla, Langfuse and LangSmith, in the shapes that these tools write."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.defs.counting import count_rows
from flywheel_pipeline.steps.annotate import LabelFile, read_labels


def read(*items: Any) -> LabelFile:
    data = json.dumps(list(items)).encode()
    found = read_labels("export.json", data)
    assert found.n_rows == count_rows("export.json", data)
    return found


def facts(found: LabelFile) -> list[tuple[Any, ...]]:
    assert found.rejects == ()
    return [(a.trace_id, a.annotator, a.verdict, a.comment) for a in found.annotations]


def a_choice(value: str, name: str = "verdict") -> dict[str, Any]:
    return {
        "id": "zLSY", "from_name": name, "to_name": "conversation", "type": "choices", "origin": "manual",
        "value": {"choices": [value]},
    }  # fmt: skip


def a_text(*values: str, name: str = "comment") -> dict[str, Any]:
    return {
        "id": "Yd_B", "from_name": name, "to_name": "conversation", "type": "textarea", "origin": "manual",
        "value": {"text": list(values)},
    }  # fmt: skip


def an_ls_annotation(*result: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": 1001, "completed_by": {"id": 10, "email": "mira@example.com", "first_name": "", "last_name": ""},
        "result": list(result), "was_cancelled": False, "ground_truth": False, "lead_time": 4.3, "task": 1,
        "created_at": "2025-06-02T12:00:00.728353Z", "updated_at": "2025-06-02T13:00:00.728378Z", **changes,
    }  # fmt: skip


def an_ls_task(*annotations: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {
        "id": 1, "project": 83, "created_at": "2025-06-01T00:00:00Z", "updated_at": "2025-06-02T13:00:00Z",
        "inner_id": 1, "total_annotations": len(annotations), "drafts": [], "predictions": [],
        "data": {"trace_id": "t1", "conversation": "user: Hi", **data}, "annotations": list(annotations),
    }  # fmt: skip


def test_a_task_of_label_studio_is_one_row_an_annotation():
    first = an_ls_annotation(
        a_choice("fail"), a_text("made up", name="code"), a_text("It is not so.", "Really."),
        {"from_name": "first_failure_step", "to_name": "conversation", "type": "number", "value": {"number": 3}},
        a_choice("tone", name="aspect"),
    )  # fmt: skip
    second = an_ls_annotation(a_choice("pass"), completed_by=7, id=1002, ground_truth=True)
    found = read(an_ls_task(first, second, team="north"))
    assert facts(found) == [("t1", "mira@example.com", "fail", "It is not so.\nReally."), ("t1", "7", "pass", None)]
    one, two = found.annotations
    assert (one.code, one.first_failure_step, one.source_line) == ("made up", 3, 1)
    assert one.labelled_at == datetime(2025, 6, 2, 13, 0, 0, 728378)
    assert json.loads(one.extra) == {
        "team": "north", "aspect": "tone", "label_studio_id": 1001, "label_studio_lead_time": 4.3,
    }  # fmt: skip
    assert json.loads(two.extra)["label_studio_ground_truth"] is True


def test_a_skipped_task_is_deferred_and_one_without_annotation_is_not_labelled():
    found = read(an_ls_task(an_ls_annotation(was_cancelled=True)), an_ls_task(), an_ls_task(an_ls_annotation()))
    assert [v for _, _, v, _ in facts(found)] == ["defer"]
    assert (found.n_unlabelled, found.n_rows) == (2, 3)


def test_another_labelling_config_is_understood_by_what_was_chosen_and_written():
    found = read(an_ls_task(an_ls_annotation(a_choice("Bad", name="quality"), a_text("rude", name="notes"))))
    assert facts(found) == [("t1", "mira@example.com", "fail", "rude")]


def test_a_fail_without_a_reason_is_rejected_with_the_number_of_the_task():
    found = read(an_ls_task(an_ls_annotation(a_choice("pass"))), an_ls_task(an_ls_annotation(a_choice("fail"))))
    assert [(r.line, "needs a comment" in r.reason) for r in found.rejects] == [(2, True)]


def test_a_task_file_of_its_own_and_lines_of_tasks_are_read():
    task = an_ls_task(an_ls_annotation(a_choice("pass")))
    assert facts(read_labels("1.json", json.dumps(task).encode())) == facts(read(task))
    assert len(read_labels("1.jsonl", f"{json.dumps(task)}\n{json.dumps(task)}\n".encode()).annotations) == 2


MIN = {
    "id": 12, "trace_id": "t1", "conversation": "user: Hi", "verdict": "fail", "comment": "wrong", "annotator": 3,
    "annotation_id": 1001, "created_at": "2025-06-02T12:00:00Z", "updated_at": "2025-06-02T13:00:00Z",
    "lead_time": 4.3,
}  # fmt: skip


def test_the_json_min_and_csv_exports_of_label_studio_are_plain_rows():
    (from_json,) = read(MIN).annotations
    header, row = ",".join(f'"{k}"' for k in MIN), ",".join(json.dumps(v) for v in MIN.values())
    (from_csv,) = read_labels("export.csv", f"{header}\n{row}\n".encode()).annotations
    for found in (from_json, from_csv):
        assert (found.trace_id, found.annotator, found.verdict, found.comment) == ("t1", "3", "fail", "wrong")
        assert found.labelled_at == datetime(2025, 6, 2, 13)
        assert json.loads(found.extra).keys() == {"id", "conversation", "annotation_id", "created_at", "lead_time"}


def an_argilla_record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "r1", "_server_id": "5f1c", "fields": {"conversation": "user: Hi"}, "vectors": {},
        "metadata": {"trace_id": "t1", "team": "north"}, "status": "completed",
        "suggestions": {"verdict": {"value": "pass", "score": None, "agent": "m"}},
        "responses": {
            "verdict": [{"value": "fail", "user_id": "u1"}, {"value": "pass", "user_id": "u2"}],
            "comment": [{"value": "made up", "user_id": "u1"}],
            "tags": [{"value": ["a", "b"], "user_id": "u1"}],
        },
        **changes,
    }  # fmt: skip


def test_a_record_of_argilla_is_one_row_a_user():
    found = read(an_argilla_record())
    assert facts(found) == [("t1", "u1", "fail", "made up"), ("t1", "u2", "pass", None)]
    assert json.loads(found.annotations[0].extra) == {"team": "north", "tags": "a\nb"}
    assert read(an_argilla_record(responses={})).n_unlabelled == 1
    assert facts(read(an_argilla_record(metadata={})))[0][0] == "r1"


def test_responses_by_user_are_read_with_their_status():
    def by(user: str, status: str, **values: Any) -> dict[str, Any]:
        answers = {q: {"value": v} for q, v in values.items()}
        return {"user_id": user, "status": status, "values": answers, "updated_at": "2025-06-02T12:00:00"}

    responses = [by("u1", "submitted", verdict="pass"), by("u2", "discarded"), by("u3", "draft", verdict="fail")]
    found = read(an_argilla_record(responses=responses))
    assert [(a.annotator, a.verdict) for a in found.annotations] == [("u1", "pass"), ("u2", "defer")]
    assert found.annotations[0].labelled_at == datetime(2025, 6, 2, 12)
    assert found.n_unlabelled == 1


def test_the_rows_of_an_argilla_data_set_are_read():
    row = {
        "id": "t1", "conversation": "user: Hi", "verdict.responses": ["fail", "pass"],
        "verdict.responses.users": ["u1", "u2"], "verdict.responses.status": ["submitted", "submitted"],
        "comment.responses": ["made up"], "comment.responses.users": ["u1"], "comment.responses.status": ["submitted"],
    }  # fmt: skip
    assert facts(read(row)) == [("t1", "u1", "fail", "made up"), ("t1", "u2", "pass", None)]


def a_langfuse_score(**changes: Any) -> dict[str, Any]:
    return {
        "id": "s1", "traceId": "t1", "name": "verdict", "source": "ANNOTATION", "observationId": None,
        "timestamp": "2025-06-02T12:00:00.000Z", "createdAt": "2025-06-02T12:00:00.000Z",
        "updatedAt": "2025-06-02T12:30:00.000Z", "authorUserId": "u1", "comment": "made up", "configId": "c1",
        "queueId": None, "value": 0, "stringValue": "False", "dataType": "BOOLEAN", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "fail"),
        ({"value": 1, "stringValue": "True"}, "pass"),
        ({"dataType": "CATEGORICAL", "value": 0, "stringValue": "pass"}, "pass"),
        ({"dataType": "NUMERIC", "value": 1.0, "stringValue": None}, "pass"),
        ({"name": "Correctness"}, "fail"),
    ],
)
def test_a_score_of_langfuse_is_a_verdict_by_its_name(changes, verdict):
    found = read(a_langfuse_score(**changes))
    assert facts(found) == [("t1", "u1", verdict, "made up")]
    assert found.annotations[0].labelled_at == datetime(2025, 6, 2, 12, 30)
    assert json.loads(found.annotations[0].extra)["configid"] == "c1"


def test_scores_of_langfuse_come_as_pages_and_as_tables():
    page = {"data": [a_langfuse_score(), a_langfuse_score(traceId="t2")], "meta": {"page": 1, "totalItems": 2}}
    data = json.dumps(page).encode()
    assert len(read_labels("scores.json", data).annotations) == count_rows("scores.json", data) == 2
    text = "trace_id,name,string_value,data_type,comment,author_user_id\nt1,verdict,pass,CATEGORICAL,,u1\n"
    assert facts(read_labels("scores.csv", text.encode())) == [("t1", "u1", "pass", None)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": "EVAL"}, "was given by a model"),
        ({"name": "helpfulness"}, "the score 'helpfulness' is not named as a verdict"),
        ({"value": 0.4, "stringValue": None}, "verdict '0.4' is not one of"),
        ({"traceId": None}, "trace_id is empty"),
    ],
)
def test_a_score_that_is_no_verdict_is_told(changes, told):
    (reject,) = read(a_langfuse_score(**changes)).rejects
    assert told in reject.reason


def a_langsmith_feedback(**changes: Any) -> dict[str, Any]:
    return {
        "id": "f1", "created_at": "2025-06-02T12:00:00", "modified_at": "2025-06-02T12:30:00", "run_id": "r1",
        "trace_id": "t1", "session_id": "p1", "key": "correctness", "score": 0.0, "value": None,
        "comment": "made up", "correction": {"output": "no"}, "extra": None,
        "feedback_source": {"type": "app", "metadata": {}, "user_id": "u1", "user_name": "Mira"}, **changes,
    }  # fmt: skip


def test_a_feedback_of_langsmith_is_a_verdict_by_its_key():
    found = read(a_langsmith_feedback(), a_langsmith_feedback(score=None, value="pass", trace_id=None, comment=None))
    assert facts(found) == [("t1", "Mira", "fail", "made up"), ("r1", "Mira", "pass", None)]
    assert json.loads(found.annotations[0].extra)["correction"] == '{"output": "no"}'
    by_model = a_langsmith_feedback(feedback_source={"type": "model", "metadata": {}})
    first, second = read(by_model, a_langsmith_feedback(key="note", score=None)).rejects
    assert "given by a model" in first.reason and "'note' is not named as a verdict" in second.reason
    (packed,) = read(a_langsmith_feedback(feedback_source='{"type": "app", "user_id": "u2"}')).annotations
    assert packed.annotator == "u2"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
ITEMS = (
    an_ls_task(an_ls_annotation(a_choice("fail"), a_text("x"))), an_argilla_record(), a_langfuse_score(),
    a_langsmith_feedback(),
)  # fmt: skip


@settings(max_examples=400)
@given(st.sampled_from(ITEMS), st.data())
def test_no_export_with_a_part_exchanged_stops_the_reader_or_confuses_the_count(item, data):
    changed = json.loads(json.dumps(item))
    here = changed
    for _ in range(data.draw(st.integers(0, 4))):
        inner = [v for v in (here.values() if isinstance(here, dict) else here) if isinstance(v, dict | list) and v]
        here = data.draw(st.sampled_from(inner)) if inner else here
    key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
    here[key] = data.draw(anything)
    read(changed)
