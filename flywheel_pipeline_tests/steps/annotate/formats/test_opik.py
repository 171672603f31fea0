"""Opik: traces with feedback scores, and tables of scores."""

from __future__ import annotations

import json

from flywheel_pipeline_tests.steps.annotate.formats.exports import (
    an_opik_score,
    an_opik_trace,
    facts,
    read,
    read_file,
    scores,
)


def test_a_score_from_the_user_interface_is_a_verdict_and_others_are_scores() -> None:
    judged = an_opik_score(source="online_scoring", value=0.7, name="Hallucination")
    logged = an_opik_score(source="sdk", name="length", value=12, category_name="long")
    found = read(an_opik_trace(an_opik_score(), judged, logged))
    assert facts(found) == [("t1", "mira", "fail", "made up")]
    assert scores(found) == [("t1", "Hallucination", "LLM", 0.7), ("t1", "length", "API", "long")]


def test_pages_of_traces_and_traces_without_scores_are_read() -> None:
    page = {"page": 1, "content": [an_opik_trace(an_opik_score(category_name="Pass", value=1)), an_opik_trace()]}
    found = read_file("traces.json", json.dumps(page).encode())
    assert [a.verdict for a in found.annotations] == ["pass"] and found.n_unlabelled == 1


def test_a_table_of_scores_is_read() -> None:
    text = "trace_id,name,value,category_name,reason,source\nt1,Correctness,0,,made up,ui\n"
    text += "t2,Correctness,0,,no,online_scoring\n"
    found = read_file("scores.csv", text.encode())
    assert facts(found)[0] == ("t1", "expert", "fail", "made up") and len(found.scores) == 1
