"""MLflow: assessments in traces, alone and in tables."""

from __future__ import annotations

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline_tests.steps.annotate.formats.exports import (
    an_mlflow_assessment,
    an_mlflow_trace,
    facts,
    read,
    read_file,
    scores,
)

JUDGE = {"source_type": "LLM_JUDGE", "source_id": "openai:/gpt-4o"}
MIRA = ("t1", "mira@example.com", "fail", "made up")


def test_an_assessment_of_a_person_is_a_verdict_and_that_of_a_judge_its_score() -> None:
    judged = an_mlflow_assessment(source=JUDGE, feedback={"value": "yes"})
    for found in (read(an_mlflow_trace(an_mlflow_assessment(), judged)), read(an_mlflow_assessment(), judged)):
        assert facts(found) == [MIRA]
        assert scores(found) == [("t1", "correctness", "LLM", "yes")]
        assert found.scores[0].source_id == "openai:/gpt-4o"


def test_a_trace_without_assessments_is_unlabelled() -> None:
    assert read(an_mlflow_trace()).n_unlabelled == 1


def test_an_expectation_and_an_overridden_assessment_are_reported() -> None:
    expectation = {k: v for k, v in an_mlflow_assessment(expectation={"value": "Five."}).items() if k != "feedback"}
    found = read(an_mlflow_trace(expectation, an_mlflow_assessment(valid=False)))
    assert found.annotations == ()
    assert sorted(r.reason.split(" ")[1] for r in found.rejects) == ["assessment", "expectation"]


def test_tables_of_assessments_are_read() -> None:
    text = (
        "trace_id,name,value,source_type,source_id,rationale\nt1,correctness,False,HUMAN,mira@example.com,made up\n"
        "t2,correctness,True,CODE,length,\nt3,correctness,True,SOURCE_TYPE_UNSPECIFIED,,\n"
    )
    found = read_file("assessments.csv", text.encode())
    assert [(a.trace_id, a.verdict) for a in found.annotations] == [("t1", "fail")]
    assert scores(found) == [("t2", "correctness", "CODE", "True")] and found.scores[0].source_id == "length"
    assert "'SOURCE_TYPE_UNSPECIFIED'" in found.rejects[0].reason


def test_the_column_of_assessments_in_a_table_of_traces_is_read() -> None:
    listed = str([an_mlflow_assessment()]).replace('"', '""')
    data = f'trace_id,state,assessments\nt1,OK,"{listed}"\n'.encode()
    assert facts(read_labels("traces.csv", data)) == [MIRA]
