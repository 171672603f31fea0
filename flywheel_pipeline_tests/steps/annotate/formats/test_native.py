"""Rows of columns: a verdict of a model, of a rule or of an unknown source is never the expert's."""

from __future__ import annotations

import pytest

from flywheel_pipeline.steps.annotate import LabelFile, LabelRules, read_labels
from flywheel_pipeline_tests.steps.annotate.formats.exports import facts, read, read_file, scores

COVERS = ("steps/annotate/entries.py", "steps/annotate/formats/native.py")


def a_row(**cells: object) -> dict[str, object]:
    return {"trace_id": "t1", "verdict": "fail", "comment": "made up", **cells}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("annotator_kind", "LLM", "LLM"), ("source_type", "CODE", "CODE"),
        ("feedback_source", "{'type': 'model'}", "LLM"), ("Label source", "gpt-4o-mini", "LLM"),
        ("source", "rule: too long", "CODE"), ("source", "API", "API"),
        ("origin", "auto", "CODE"), ("annotator", "llm-judge-v2", "LLM"), ("annotator", "claude-3-5-sonnet", "LLM"),
        ("rater", "bot", "LLM"), ("judge", "gpt-4o", "LLM"), ("evaluator", "llm-judge", "LLM"),
        ("scored by", "rule", "CODE"), ("created_by", "gpt-4o", "LLM"), ("author", "gpt-4o-mini", "LLM"),
    ],
)  # fmt: skip
def test_a_row_of_an_evaluator_is_its_score(name: str, value: str, kind: str) -> None:
    found = read(a_row(**{name: value}))
    assert (found.annotations, found.rejects) == ((), ())
    (score,) = found.scores
    assert (score.annotator_kind, score.label, score.explanation) == (kind, "fail", "made up")


@pytest.mark.parametrize(
    ("name", "value"),
    [("annotator_kind", "HUMAN"), ("source", "expert review"), ("source_type", "manual"),
     ("source", "mira@example.com"), ("annotator", "Mira"), ("annotator", "reviewer-2"), ("annotator", "7"),
     ("annotator", "")],
)  # fmt: skip
def test_a_row_of_a_person_is_a_verdict(name: str, value: str) -> None:
    assert len(read(a_row(**{name: value})).annotations) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("annotator_kind", "?"), ("annotator_kind", ""), ("source", "zendesk"), ("source", "human and gpt-4"),
     ("annotator", "Claude"), ("annotator", "Ai Weiwei"), ("annotator", "correctness judge")],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_reported(name: str, value: str) -> None:
    found = read(a_row(**{name: value}))
    assert (found.annotations, found.scores) == ((), ())
    assert name in found.rejects[0].reason


def test_people_are_known_by_name_and_a_column_can_be_declared_not_to_be_a_source() -> None:
    data = b"trace_id,verdict,comment,annotator,source\nt1,fail,made up,Claude,zendesk\n"
    assert read_labels("a.csv", data, LabelRules({}, frozenset({"claude"}))).annotations == ()
    found = read_labels("a.csv", data, LabelRules({"annotator_kind": None}, frozenset({"claude"})))
    assert facts(found) == [("t1", "Claude", "fail", "made up")]


def test_a_judge_with_a_verdict_of_its_own_did_not_give_the_expert_s() -> None:
    row = a_row(judge="gpt-4o", judge_verdict="pass")
    assert facts(read(row)) == [("t1", "expert", "fail", "made up")]
    assert facts(read(a_row(annotator="Mira", author="gpt-4o", model="gpt-4o")))[0][1] == "Mira"
    assert facts(read(a_row(author="customer-17")))[0][1] == "expert"


def test_one_of_several_sources_that_names_a_model_decides() -> None:
    found = read(a_row(annotator_kind="HUMAN", label_source="gpt-4o"))
    assert found.annotations == () and len(found.scores) == 1


def test_a_row_that_nobody_filled_in_needs_no_source() -> None:
    assert read(a_row(verdict="", comment="", annotator_kind="")).n_unlabelled == 1
    assert read(a_row(verdict="", comment="", annotator="gpt-4o")).n_unlabelled == 1


def test_the_columns_that_were_read_and_those_that_were_not_are_reported() -> None:
    found = read_file("a.csv", b"Trace,Result,Why?,mood\nt1,FAIL,made up,calm\n")
    assert found.columns == {"trace_id": "Trace", "verdict": "Result", "comment": "Why?"}
    assert found.unused == ("mood",)


def test_a_fail_without_a_comment_names_the_columns_that_may_hold_it() -> None:
    (reject,) = read_file("a.csv", b"trace_id,verdict,grievance\nt1,fail,made up\n").rejects
    assert "not read: grievance (labels.columns.comment names the column)" in reject.reason


@pytest.mark.parametrize("blank", ["null", "None", "n/a", "N.A.", "-", "\u2014", "nan", "\u200b", "...", "NIL"])
def test_a_cell_that_says_nothing_is_no_comment(blank: str) -> None:
    found: LabelFile = read(a_row(comment=blank), a_row(verdict="pass", comment=blank))
    assert [(a.verdict, a.comment) for a in found.annotations] == [("pass", None)]
    assert "needs a comment" in found.rejects[0].reason


def test_a_number_of_an_evaluator_is_its_score() -> None:
    assert scores(read(a_row(verdict="0.0", annotator_kind="LLM")))[0][3] == 0.0
    assert read(a_row(score="0.4", annotator_kind="LLM")).scores[0].score == 0.4
