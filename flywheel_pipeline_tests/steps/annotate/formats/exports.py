"""Items as labelling and tracing tools export them, for the tests, and the reader's account of them."""

from __future__ import annotations

import json
from typing import Any

from flywheel_pipeline.steps.annotate import LabelFile, LabelRules, read_labels
from flywheel_pipeline_tests.steps.annotate.counting import count_rows

Fact = tuple[str, str, str, str | None]
"""(trace, annotator, verdict, comment)"""


def read(*items: Any, **columns: str | None) -> LabelFile:
    """Read the items as a JSON file, and check that every row is accounted for."""
    return read_file("export.json", json.dumps(list(items)).encode(), **columns)


def read_file(name: str, data: bytes, **columns: str | None) -> LabelFile:
    """Read a file, and check that every row is accounted for."""
    found = read_labels(name, data, LabelRules(columns))
    parts = (found.annotations, found.scores, found.rejects)
    assert found.n_rows == sum(map(len, parts)) + found.n_unlabelled + found.n_joined == count_rows(name, data)
    return found


def facts(found: LabelFile) -> list[Fact]:
    """The verdicts of a file of which nothing was rejected."""
    assert found.rejects == ()
    return [(a.trace_id, a.annotator, a.verdict, a.comment) for a in found.annotations]


def scores(found: LabelFile) -> list[tuple[str, str, str, str | float | None]]:
    """The scores of evaluators: (trace, evaluator, kind, label or number)."""
    return [(s.trace_id, s.evaluator, s.annotator_kind, s.label or s.score) for s in found.scores]


def a_choice(value: str, name: str = "verdict", turn: int | None = None) -> dict[str, Any]:
    return _result(name, "choices", {"choices": [value]}, turn)


def a_text(*values: str, name: str = "comment", turn: int | None = None) -> dict[str, Any]:
    return _result(name, "textarea", {"text": list(values)}, turn)


def _result(name: str, kind: str, value: dict[str, Any], turn: int | None) -> dict[str, Any]:
    region = {} if turn is None else {"start": str(turn), "end": str(turn), "startOffset": 0, "endOffset": 9}
    return {
        "id": "zLSY", "from_name": name, "to_name": "conversation", "type": kind, "origin": "manual",
        "value": {**region, **value},
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


def a_langfuse_score(**changes: Any) -> dict[str, Any]:
    return {
        "id": "s1", "traceId": "t1", "name": "verdict", "source": "ANNOTATION", "observationId": None,
        "timestamp": "2025-06-02T12:00:00.000Z", "createdAt": "2025-06-02T12:00:00.000Z",
        "updatedAt": "2025-06-02T12:30:00.000Z", "authorUserId": "u1", "comment": "made up", "configId": "c1",
        "queueId": None, "value": 0, "stringValue": "False", "dataType": "BOOLEAN", **changes,
    }  # fmt: skip


def a_langsmith_feedback(**changes: Any) -> dict[str, Any]:
    return {
        "id": "f1", "created_at": "2025-06-02T12:00:00", "modified_at": "2025-06-02T12:30:00", "run_id": "r1",
        "trace_id": "t1", "session_id": "p1", "key": "correctness", "score": 0.0, "value": None,
        "comment": "made up", "correction": {"output": "no"}, "extra": None,
        "feedback_source": {"type": "app", "metadata": {}, "user_id": "u1", "user_name": "Mira"}, **changes,
    }  # fmt: skip


def a_phoenix_annotation(**changes: Any) -> dict[str, Any]:
    return {
        "id": "VHJhY2U6MQ==", "trace_id": "t1", "name": "quality", "annotator_kind": "HUMAN", "user_id": "u1",
        "result": {"label": "fail", "score": 0.0, "explanation": "made up"}, "metadata": {}, "identifier": "",
        "created_at": "2025-06-02T12:00:00+00:00", "updated_at": "2025-06-02T12:30:00+00:00", "source": "APP",
        **changes,
    }  # fmt: skip


def an_mlflow_assessment(**changes: Any) -> dict[str, Any]:
    return {
        "assessment_id": "a-1", "assessment_name": "correctness", "trace_id": "t1", "valid": True,
        "source": {"source_type": "HUMAN", "source_id": "mira@example.com"}, "feedback": {"value": False},
        "rationale": "made up", "create_time": "2025-06-02T12:00:00Z", "last_update_time": "2025-06-02T12:30:00Z",
        **changes,
    }  # fmt: skip


def an_mlflow_trace(*assessments: dict[str, Any]) -> dict[str, Any]:
    return {"info": {"trace_id": "t1", "state": "OK", "assessments": list(assessments)}, "data": {"spans": []}}


def an_opik_score(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Correctness", "category_name": None, "value": 0.0, "reason": "made up", "source": "ui",
        "created_by": "mira", "last_updated_by": "mira", "created_at": "2025-06-02T12:00:00Z",
        "last_updated_at": "2025-06-02T12:30:00Z", **changes,
    }  # fmt: skip


def an_opik_trace(*given: dict[str, Any]) -> dict[str, Any]:
    return {"id": "t1", "name": "chat", "input": {}, "output": {}, "feedback_scores": list(given)}
