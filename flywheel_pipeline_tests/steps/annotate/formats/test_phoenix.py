"""Phoenix: annotations of traces by people, models and code, from the API and from a DataFrame."""

from __future__ import annotations

import json

from flywheel_pipeline_tests.steps.annotate.formats.exports import a_phoenix_annotation, facts, read, read_file, scores

HEADER = "trace_id,annotation_name,annotator_kind,label,score,explanation,created_at,identifier"


def test_an_annotation_of_a_person_is_a_verdict() -> None:
    assert facts(read(a_phoenix_annotation())) == [("t1", "u1", "fail", "made up")]
    page = json.dumps({"data": [a_phoenix_annotation()], "next_cursor": None}).encode()
    assert facts(read_file("page.json", page)) == [("t1", "u1", "fail", "made up")]
    text = f"{HEADER}\nt1,correctness,HUMAN,incorrect,0.0,made up,2025-06-02T12:00:00+00:00,\n"
    assert facts(read_file("frame.csv", text.encode())) == [("t1", "expert", "fail", "made up")]


def test_annotations_of_models_and_code_are_their_scores_whatever_they_are_named() -> None:
    text = f"{HEADER}\nt1,quality,LLM,fail,0.0,the judge objects,,\nt2,length,CODE,,12,,,\n"
    found = read_file("frame.csv", text.encode())
    assert found.annotations == ()
    assert scores(found) == [("t1", "quality", "LLM", "fail"), ("t2", "length", "CODE", 12.0)]
    assert found.scores[0].explanation == "the judge objects"


def test_a_kind_that_is_unknown_or_empty_is_reported() -> None:
    found = read(a_phoenix_annotation(annotator_kind=""), a_phoenix_annotation(annotator_kind="ORACLE"))
    assert found.annotations == () and len(found.rejects) == 2


def test_a_note_of_a_person_belongs_to_the_verdict() -> None:
    text = f"{HEADER}\nt1,quality,HUMAN,fail,0.0,,,\nt1,note,HUMAN,,,left out the fee,,\n"
    found = read_file("frame.csv", text.encode())
    assert (facts(found), found.n_joined) == ([("t1", "expert", "fail", "left out the fee")], 1)


def test_annotations_of_spans_are_rejected_with_what_to_do() -> None:
    (reject,) = read_file(
        "spans.csv", b"span_id,annotation_name,annotator_kind,label,score,explanation\ns1,quality,HUMAN,fail,0,no\n"
    ).rejects
    assert "add a column trace_id" in reject.reason
