"""Langfuse: scores of people and of evaluators, and several scores that are one judgement."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline_tests.steps.annotate.formats.exports import a_langfuse_score, facts, read, scores

COVERS = ("steps/annotate/formats/langfuse.py", "steps/annotate/scores.py")


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
def test_a_score_of_langfuse_is_a_verdict_by_its_name(changes: Any, verdict: str) -> None:
    found = read(a_langfuse_score(**changes))
    assert facts(found) == [("t1", "u1", verdict, "made up")]
    assert found.annotations[0].labelled_at == datetime(2025, 6, 2, 12, 30)
    assert json.loads(found.annotations[0].extra)["configid"] == "c1"


def test_scores_of_langfuse_come_as_pages_and_as_tables() -> None:
    page = {"data": [a_langfuse_score(), a_langfuse_score(traceId="t2")], "meta": {"page": 1, "totalItems": 2}}
    data = json.dumps(page).encode()
    assert len(read_labels("scores.json", data).annotations) == 2
    text = "trace_id,name,string_value,data_type,comment,author_user_id\nt1,verdict,pass,CATEGORICAL,,u1\n"
    assert facts(read_labels("scores.csv", text.encode())) == [("t1", "u1", "pass", None)]


def a_text_score(text: str, name: str = "open_coding", **changes: Any) -> dict[str, Any]:
    return a_langfuse_score(name=name, dataType="TEXT", value=0, stringValue=text, comment=None, **changes)


def a_category(value: str, **changes: Any) -> dict[str, Any]:
    return a_langfuse_score(dataType="CATEGORICAL", value=0, stringValue=value, comment=None, **changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "helpfulness"}, "the score 'helpfulness' is not named as a verdict or a comment"),
        ({"value": 0.4, "stringValue": None}, "verdict '0.4' is not one of"),
        ({"traceId": None}, "trace_id is empty"),
        ({"source": "FEEDBACK?"}, "cannot be read from 'FEEDBACK?'"),
        ({"source": None, "authorUserId": None}, "does not say who gave it"),
    ],
)
def test_a_score_that_is_no_verdict_is_reported(changes: dict[str, Any], reason: str) -> None:
    (reject,) = read(a_langfuse_score(**changes)).rejects
    assert reason in reject.reason


@pytest.mark.parametrize(("source", "kind"), [("EVAL", "LLM"), ("API", "API")])
def test_a_score_of_a_model_or_a_program_is_kept_beside_the_verdicts(source: str, kind: str) -> None:
    found = read(a_langfuse_score(source=source, dataType="NUMERIC", value=0.3, stringValue=None, authorUserId=None))
    assert (found.annotations, found.rejects) == ((), ())
    assert scores(found) == [("t1", "verdict", kind, 0.3)]
    assert found.scores[0].explanation == "made up"


@pytest.mark.parametrize("name", ["pass_fail_assessment", "Pass/Fail", "human_verdict", "Overall quality"])
def test_a_verdict_and_a_text_of_one_person_on_one_trace_are_one_judgement(name: str) -> None:
    found = read(a_text_score("made up a discount"), a_category("Fail", name=name))
    assert facts(found) == [("t1", "u1", "fail", "made up a discount")]
    assert (found.n_joined, found.annotations[0].source_line, found.columns["comment"]) == (1, 2, "open_coding")


def test_texts_belong_to_the_person_who_wrote_them() -> None:
    found = read(
        a_category("Fail"), a_category("Fail", authorUserId="u2"), a_text_score("rude"),
        a_text_score("wrong fee", authorUserId="u2"), a_text_score("unsigned", authorUserId=None),
    )  # fmt: skip
    assert [(a.annotator, a.comment) for a in found.annotations] == [("u1", "rude"), ("u2", "wrong fee")]
    assert ["without a verdict" in r.reason for r in found.rejects] == [True]


def test_a_text_belongs_to_the_latest_verdict_and_several_are_joined() -> None:
    later = a_category("Fail", updatedAt="2025-06-03T12:00:00Z")
    found = read(a_category("Pass"), later, a_text_score("rude"), a_text_score("late", name="notes"))
    assert [(a.verdict, a.comment) for a in found.annotations] == [("pass", None), ("fail", "rude\nlate")]


def test_names_that_say_nothing_are_mapped_by_the_settings() -> None:
    found = read(
        a_category("Fail", name="go_live"), a_text_score("rude", name="befund"), verdict="go_live", comment="befund"
    )
    assert facts(found) == [("t1", "u1", "fail", "rude")]


def test_the_scores_that_a_trace_holds_are_read() -> None:
    held = {k: v for k, v in a_category("Fail").items() if k != "traceId"}
    data = json.dumps(
        [{"id": "t7", "name": "chat", "scores": [held, {**held, **a_text_score("rude", traceId="t7")}]}]
    ).encode()
    found = read_labels("traces.json", data)
    assert (facts(found), found.n_rows) == ([("t7", "u1", "fail", "rude")], 2)


def test_of_two_scores_that_may_be_the_verdict_the_more_telling_name_counts() -> None:
    found = read(a_category("Fail", name="quality"), a_category("Pass", name="verdict"))
    assert [a.verdict for a in found.annotations] == ["pass"]
    assert "'verdict', too, which is used" in found.rejects[0].reason and found.notes


def test_a_score_on_a_scale_is_no_verdict_even_where_it_is_one() -> None:
    one, five = (
        a_langfuse_score(traceId=f"t{n}", name="quality", dataType="NUMERIC", value=n, stringValue=None) for n in (1, 5)
    )
    assert ["on a scale (1, 5)" in r.reason for r in read(one, five).rejects] == [True, False]
    assert read(one, five).annotations == ()
