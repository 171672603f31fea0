"""LangSmith: feedback as JSON and as the CSV of a DataFrame, whose source is the repr of an object."""

from __future__ import annotations

import json

import pytest

from flywheel_pipeline_tests.steps.annotate.formats.exports import a_langsmith_feedback, facts, read, read_file, scores

HEADER = "run_id,trace_id,key,score,value,comment,feedback_source"


def a_frame(source: str, score: float = 0.0) -> bytes:
    """One line of `DataFrame(client.list_feedback()).to_csv()`."""
    quoted = source.replace('"', '""')
    return f'{HEADER}\nr1,t1,correctness,{score},,made up,"{quoted}"\n'.encode()


def test_feedback_of_a_person_is_a_verdict_by_its_key() -> None:
    found = read(a_langsmith_feedback(), a_langsmith_feedback(score=None, value="pass", trace_id=None, comment=None))
    assert facts(found) == [("t1", "Mira", "fail", "made up"), ("r1", "Mira", "pass", None)]
    assert json.loads(found.annotations[0].extra)["correction"] == '{"output": "no"}'
    (packed,) = read(a_langsmith_feedback(feedback_source='{"type": "app", "user_id": "u2"}')).annotations
    assert packed.annotator == "u2"


@pytest.mark.parametrize(("kind", "expected"), [("model", "LLM"), ("auto_eval", "LLM"), ("api", "API")])
def test_feedback_of_a_model_or_a_program_is_its_score(kind: str, expected: str) -> None:
    found = read(a_langsmith_feedback(feedback_source={"type": kind, "metadata": {}}))
    assert (found.annotations, scores(found)) == ((), [("t1", "correctness", expected, 0.0)])
    assert found.scores[0].score == 0.0


@pytest.mark.parametrize(
    ("source", "annotator"),
    [
        ("{'type': 'app', 'metadata': None, 'user_id': 'u1', 'user_name': 'Mira'}", "Mira"),
        ("{'type': 'app', 'user_id': UUID('11111111-1111-4111-8111-111111111111'), 'user_name': None}",
         "11111111-1111-4111-8111-111111111111"),
        ("{'type': 'app', 'metadata': {'at': datetime.datetime(2025, 6, 2, 12, 0)}, 'user_name': 'Mira'}", "Mira"),
    ],
)  # fmt: skip
def test_the_repr_of_a_person_s_source_is_read(source: str, annotator: str) -> None:
    assert facts(read_file("f.csv", a_frame(source))) == [("t1", annotator, "fail", "made up")]


def test_the_repr_of_a_model_s_source_is_read() -> None:
    for source in (
        "{'type': 'model', 'metadata': {'__run': {'run_id': 'r9'}}}",
        "FeedbackSourceBase(type='model', metadata={})",
    ):
        assert scores(read_file("f.csv", a_frame(source, 1.0))) == [("t1", "correctness", "LLM", 1.0)]


@pytest.mark.parametrize(
    "source", ["", "{'type': 'mod", "{'typ': 'app'}", "[" * 100, "__import__('os').getcwd()", "None"]
)
def test_a_source_that_cannot_be_read_is_reported_and_not_taken_for_a_person(source: str) -> None:
    found = read_file("f.csv", a_frame(source))
    assert (found.annotations, found.scores) == ((), ())
    assert "only people's verdicts are labels" in found.rejects[0].reason


def test_a_note_of_the_same_person_is_the_comment() -> None:
    found = read(
        a_langsmith_feedback(comment=None), a_langsmith_feedback(key="note", score=None, comment="left out the fee")
    )
    assert facts(found) == [("t1", "Mira", "fail", "left out the fee")]
    (alone,) = read(a_langsmith_feedback(key="note", score=None)).rejects
    assert "without a verdict of the same person" in alone.reason
