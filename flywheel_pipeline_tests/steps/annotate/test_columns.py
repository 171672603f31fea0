"""The columns of a label file go by their names and values, decided for the whole file."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from flywheel_pipeline.settings import LabelsSettings
from flywheel_pipeline.steps.annotate.columns import SYNONYMS, ColumnMap, is_header, map_columns


def columns(*rows: Mapping[str, object], **configured: str | None) -> ColumnMap:
    return map_columns(rows, configured)


def a_row(**cells: object) -> dict[str, object]:
    return {"trace_id": "t1", "verdict": "fail", "comment": "made up", **cells}


def test_the_most_telling_name_wins_and_the_others_are_kept_and_named() -> None:
    row = {"label": "bad", "Verdict?": "pass", "id": 1, "team": 2}
    found = columns(row)
    assert found.split(row) == ({"trace_id": 1, "verdict": "pass"}, {"label": "bad", "team": 2})
    assert found.unused == ("label", "team")
    assert found.notes == ("columns 'Verdict?' and 'label' may hold the verdict: 'Verdict?' is used",)


@pytest.mark.parametrize(
    "name",
    ["Reasoning", "customer_feedback_by_expert", "Failure reason", "Why did it fail?", "What went wrong first?",
     "Remarks", "expert note", "BEGRÜNDUNG", "commentaire", "Justification", "rationale"],
)  # fmt: skip
def test_a_comment_has_many_usual_names(name: str) -> None:
    row = {"trace_id": "t1", "verdict": "fail", name: "made up"}
    expected = None if "customer" in name else "made up"
    assert columns(row).split(row)[0].get("comment") == expected


def test_a_verdict_of_a_model_is_not_the_expert_s() -> None:
    for name in ("judge_verdict", "llm_label", "model verdict", "gpt_result"):
        assert "verdict" not in columns({"trace_id": "t1", name: "fail"}).names
    for name in ("Expert verdict", "human_label", "Verdict (pass/fail)", "final judgement", "Pass / Fail"):
        assert "verdict" in columns({"trace_id": "t1", name: "fail"}).names


def test_columns_that_show_the_conversation_are_no_annotator_no_mode_and_no_code() -> None:
    row = a_row(user="Where is my parcel?", assistant="On its way.", mode="phone", code="de-CH", category="parcels")
    found = columns(row)
    assert found.split(row)[0] == {"trace_id": "t1", "verdict": "fail", "comment": "made up"}
    assert any(
        "column 'code' is not read as the open code" in note and "labels.columns.code" in note for note in found.notes
    )
    assert {"user", "assistant", "mode", "code", "category"} <= set(found.unused)


@pytest.mark.parametrize(
    ("name", "on_fail", "on_pass"),
    [("code", "parcels", "refunds"), ("category", "business", "private"), ("severity", "low", "low")],
)
def test_a_column_that_is_filled_in_where_nothing_failed_does_not_describe_failures(
    name: str, on_fail: str, on_pass: str
) -> None:
    rows = (a_row(**{name: on_fail}), a_row(verdict="pass", **{name: on_pass}))
    found = columns(*rows)
    assert name not in found.names and "filled in where nothing failed" in found.notes[0]
    assert name in columns(rows[0], a_row(verdict="pass", **{name: ""})).names
    assert name in columns(*({**r, "annotator": "mira", "labelled_at": "2026-01-02"} for r in rows)).names


def test_beside_the_conversation_a_doubtful_column_needs_passes_that_leave_it_empty() -> None:
    shown = {"question": "Where?", "answer": "There."}
    one = a_row(category="made it up", **shown)
    assert "category" not in columns(one).names
    assert "category" in columns(one, a_row(verdict="pass", category="", **shown)).names


def test_a_code_of_several_words_is_a_code_wherever_it_stands() -> None:
    row = a_row(code="invented a fee", question="Where?")
    assert "code" in columns(row, a_row(verdict="pass", code="good and short")).names


def test_a_code_is_made_of_words_and_a_step_is_a_number() -> None:
    assert "code" not in columns(a_row(code="E-17")).names
    assert "code" in columns(a_row(code="invented a fee")).names
    assert "first_failure_step" not in columns(a_row(step="checkout")).names
    assert "first_failure_step" in columns(a_row(step=3)).names


def test_what_people_named_decides_and_null_means_that_there_is_none() -> None:
    row = a_row(user="mira", mode="invents fees", label="pass", code="made it up")
    found = columns(row, annotator="user", category="mode", verdict="Label", code=None)
    named, _ = found.split(row)
    assert (named["annotator"], named["category"], named["verdict"]) == ("mira", "invents fees", "pass")
    assert "code" not in named
    assert columns(a_row(), verdict="not there").split(a_row())[0]["verdict"] == "fail"


def test_a_label_may_be_a_topic_where_another_column_holds_verdicts() -> None:
    row = {"trace_id": "t1", "label": "billing", "result": "fail", "comment": "made up"}
    assert columns(row).split(row)[0]["verdict"] == "fail"


def test_two_columns_that_hold_the_same_verdicts_are_no_doubt() -> None:
    row = {"trace_id": "t1", "label": "fail", "score": 0, "explanation": "made up"}
    assert columns(row).notes == ()
    assert "'label' is used" in columns(row, {**row, "score": 1}).notes[0]


def test_thumbs_of_users_are_no_comment() -> None:
    rows = {"trace_id": "t1", "verdict": "fail", "feedback": "thumbs down"}, {"trace_id": "t2", "feedback": "👍"}
    assert "comment" not in columns(*rows).names
    assert "comment" in columns({**rows[0], "feedback": "made it up"}).names


def test_a_rating_is_a_verdict_only_where_every_value_is_one() -> None:
    one, five = ({"trace_id": "t", "rating": n} for n in (1, 5))
    assert "verdict" not in columns(one, five).names
    found = columns(one)
    assert "verdict" in found.names and "1 is a pass" in found.notes[0]


def test_a_channel_does_not_say_who_judged() -> None:
    assert "annotator_kind" not in columns(a_row(source="web"), a_row(source="Phone")).names
    assert "annotator_kind" in columns(a_row(source="web"), a_row(source="zendesk")).names
    assert "annotator_kind" in columns(a_row(source_type="web")).names


def test_a_header_has_a_trace_and_a_verdict() -> None:
    assert is_header(["Trace ID", "", "Label"], {})
    assert not is_header(["Batch 7", "please label by Friday"], {})
    assert not is_header(["conversation", "verdict"], {}) and is_header(
        ["conversation", "verdict"], {"trace_id": "Conversation"}
    )


def test_the_settings_know_every_column() -> None:
    assert LabelsSettings.model_validate({"columns": dict.fromkeys(SYNONYMS, "x")}).columns.keys() == SYNONYMS.keys()
    hint = LabelsSettings.model_json_schema()["properties"]["columns"]["propertyNames"]["enum"]
    assert set(hint) == set(SYNONYMS)
