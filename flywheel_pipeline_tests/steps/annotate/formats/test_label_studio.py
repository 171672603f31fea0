"""Label Studio: tasks, and the flat exports in JSON and CSV."""

from __future__ import annotations

import json
from datetime import datetime

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline_tests.steps.annotate.formats.exports import (
    a_choice,
    a_text,
    an_ls_annotation,
    an_ls_task,
    facts,
    read,
    read_file,
)

COVERS = ("steps/annotate/answers.py", "steps/annotate/formats/label_studio.py")


def test_a_task_of_label_studio_is_one_row_an_annotation() -> None:
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


def test_a_skipped_task_is_deferred_and_one_without_annotation_is_not_labelled() -> None:
    found = read(an_ls_task(an_ls_annotation(was_cancelled=True)), an_ls_task(), an_ls_task(an_ls_annotation()))
    assert [v for _, _, v, _ in facts(found)] == ["defer"]
    assert (found.n_unlabelled, found.n_rows) == (2, 3)


def test_another_labelling_config_is_understood_by_what_was_chosen_and_written() -> None:
    found = read(an_ls_task(an_ls_annotation(a_choice("Bad", name="quality"), a_text("rude", name="notes"))))
    assert facts(found) == [("t1", "mira@example.com", "fail", "rude")]


def test_a_fail_without_a_reason_is_rejected_with_the_number_of_the_task() -> None:
    found = read(an_ls_task(an_ls_annotation(a_choice("pass"))), an_ls_task(an_ls_annotation(a_choice("fail"))))
    assert [(r.line, "needs a comment" in r.reason) for r in found.rejects] == [(2, True)]


def test_a_task_file_of_its_own_and_lines_of_tasks_are_read() -> None:
    task = an_ls_task(an_ls_annotation(a_choice("pass")))
    assert facts(read_labels("1.json", json.dumps(task).encode())) == facts(read(task))
    assert len(read_labels("1.jsonl", f"{json.dumps(task)}\n{json.dumps(task)}\n".encode()).annotations) == 2


MIN = {
    "id": 12, "trace_id": "t1", "conversation": "user: Hi", "verdict": "fail", "comment": "wrong", "annotator": 3,
    "annotation_id": 1001, "created_at": "2025-06-02T12:00:00Z", "updated_at": "2025-06-02T13:00:00Z",
    "lead_time": 4.3,
}  # fmt: skip


def test_the_json_min_and_csv_exports_of_label_studio_are_plain_rows() -> None:
    (from_json,) = read(MIN).annotations
    header, row = ",".join(f'"{k}"' for k in MIN), ",".join(json.dumps(v) for v in MIN.values())
    (from_csv,) = read_labels("export.csv", f"{header}\n{row}\n".encode()).annotations
    for found in (from_json, from_csv):
        assert (found.trace_id, found.annotator, found.verdict, found.comment) == ("t1", "3", "fail", "wrong")
        assert found.labelled_at == datetime(2025, 6, 2, 13)
        assert json.loads(found.extra).keys() == {"id", "conversation", "annotation_id", "created_at", "lead_time"}


def test_several_texts_and_choices_of_the_flat_exports_are_what_was_written() -> None:
    row = {**MIN, "verdict": {"choices": ["fail"]}, "comment": ["wrong delivery date", "no apology"]}
    assert facts(read(row)) == [("t1", "3", "fail", "wrong delivery date\nno apology")]
    header = "id,trace_id,verdict,comment,annotator,annotation_id,lead_time"
    cells = '7,t1,"{""choices"": [""fail""]}","[""wrong date"", ""no apology""]",3,11,4.2'
    found = read_file("export.csv", f"{header}\n{cells}\n".encode())
    assert facts(found) == [("t1", "3", "fail", "wrong date\nno apology")]
    assert facts(read({**MIN, "comment": "[1]"}))[0][3] == "[1]"


def test_choices_that_contradict_each_other_are_rejected() -> None:
    (reject,) = read({**MIN, "verdict": {"choices": ["pass", "fail"]}}).rejects
    assert "is not one of pass, fail, defer" in reject.reason


def test_where_turns_are_judged_the_first_that_fails_is_the_step_and_its_comment_the_comment() -> None:
    found = read(an_ls_task(an_ls_annotation(
        a_choice("pass", turn=1), a_choice("fail", turn=5), a_text("late", turn=5), a_choice("fail", turn=3),
        a_text("wrong fee", turn=3),
    )))  # fmt: skip
    assert facts(found) == [("t1", "mira@example.com", "fail", "wrong fee")]
    assert found.annotations[0].first_failure_step == 3
    assert "5: fail" in json.loads(found.annotations[0].extra)["verdict by turn"]
    passed = read(an_ls_task(an_ls_annotation(a_choice("pass", turn=1), a_choice("pass", turn=3))))
    assert [a.verdict for a in passed.annotations] == ["pass"]
    mixed = read(an_ls_task(an_ls_annotation(a_choice("pass", turn=1), a_choice("skip", turn=3))))
    assert [a.verdict for a in mixed.annotations] == ["defer"]
    (reject,) = read(an_ls_task(an_ls_annotation(a_choice("pass", turn=1), a_choice("meh", turn=3)))).rejects
    assert "'meh'" in reject.reason


def test_turns_of_the_flat_exports_are_read_as_well() -> None:
    turns = [
        {"start": str(n), "end": str(n), "startOffset": 0, "endOffset": 4, "choices": [v]}
        for n, v in ((1, "pass"), (3, "fail"))
    ]
    assert read({**MIN, "verdict": turns}).annotations[0].first_failure_step == 3
    assert (
        facts(
            read({**{k: v for k, v in MIN.items() if k != "verdict"}, "verdict_1": "pass", "turn 2 verdict": "fail"})
        )[0][2]
        == "fail"
    )
    offset = [{"start": 3, "end": 9, "text": "wrong", "choices": ["fail"]}]
    assert read({**MIN, "verdict": offset}).annotations[0].first_failure_step is None


def test_two_answers_that_are_verdicts_are_not_guessed_between_unless_one_is_configured() -> None:
    item = an_ls_task(an_ls_annotation(a_choice("bad", name="tone"), a_choice("good", name="truth"), a_text("rude")))
    (reject,) = read(item).rejects
    assert "labels.columns.verdict" in reject.reason
    assert facts(read(item, verdict="tone")) == [("t1", "mira@example.com", "fail", "rude")]


def test_the_question_that_was_read_as_the_verdict_is_reported() -> None:
    assert read(an_ls_task(an_ls_annotation(a_choice("pass", name="quality")))).columns == {"verdict": "quality"}


def test_predictions_of_a_model_are_no_verdicts() -> None:
    task = {**an_ls_task(), "predictions": [{"model_version": "m", "result": [a_choice("fail"), a_text("no")]}]}
    assert (read(task).annotations, read(task).n_unlabelled) == ((), 1)
