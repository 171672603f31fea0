"""Scores of annotators inside trace exports: which are verdicts, whose, and what stays a named score."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.annotate import Exported, LabelFile, LabelRules, read_exports
from flywheel_pipeline.steps.annotate.exports import UNNAMED, judges_trace
from flywheel_pipeline_tests.builders import a_feedback

NO_RULES = LabelRules({})


def read(*scores: Feedback, rules: LabelRules = NO_RULES, **known: Any) -> list[LabelFile]:
    return read_exports(Exported(scores, {"export.json": "v1"}, **known), rules)


def verdicts(*scores: Feedback, **known: Any) -> dict[str, str]:
    return {a.trace_id: a.verdict for file in read(*scores, **known) for a in file.annotations}


def a_number(value: float, **changes: Any) -> Feedback:
    return a_feedback(value=value, label=None, **{"name": "correctness", "comment": "too slow", **changes})


def a_truth(value: bool, **changes: Any) -> Feedback:
    return a_feedback(value=float(value), label=str(value).lower(), **{"comment": "too slow", **changes})


def test_a_verdict_keeps_who_gave_it_when_why_and_where_it_stands() -> None:
    at = datetime(2026, 9, 2, 8)
    (file,) = read(a_feedback(label="fail", comment="No such shop.", given_at=at, source_line=7))
    (found,) = file.annotations
    assert (found.verdict, found.annotator, found.comment, found.labelled_at) == ("fail", "mira", "No such shop.", at)
    assert (found.source_file, found.source_line, found.source_version) == ("../traces/export.json", 7, "v1")
    assert found.extra == '{"score": "verdict", "value": "fail"}'
    assert (file.n_rows, file.rejects, file.n_joined) == (1, (), 0)


@pytest.mark.parametrize("word", ["fail", "incorrect", "wrong", "no"])
def test_words_for_a_failure_are_a_fail(word: str) -> None:
    assert verdicts(a_feedback(label=word, comment="It is closed.")) == {"t1": "fail"}


def test_of_the_name_of_a_verdict_zero_and_one_are_verdicts() -> None:
    assert verdicts(a_number(1), a_number(0, trace_id="t2")) == {"t1": "pass", "t2": "fail"}


def test_of_a_score_on_a_scale_nothing_is_a_verdict() -> None:
    assert verdicts(a_number(1), a_number(0.4, trace_id="t2")) == {}


@pytest.mark.parametrize("name", ["rating", "quality", "answer_quality", "score", "grade"])
def test_numbers_under_the_name_of_a_grade_are_no_verdicts(name: str) -> None:
    assert verdicts(a_number(1, name=name), a_number(0, name=name, trace_id="t2")) == {}


def test_topics_under_the_name_label_are_no_verdicts() -> None:
    assert verdicts(a_feedback(name="label", label="good"), a_feedback(name="label", label="billing")) == {}


def test_a_word_that_is_no_verdict_leaves_the_others_what_they_are() -> None:
    (file,) = read(a_feedback(), a_feedback(trace_id="t2", label="partially"))
    assert [a.trace_id for a in file.annotations] == ["t1"]
    assert (file.n_rows, file.rejects) == (2, ())


def test_a_truth_value_under_another_name_is_a_verdict_where_nothing_else_could_be() -> None:
    assert verdicts(a_truth(False, name="resolved")) == {"t1": "fail"}


def test_of_two_truth_values_under_other_names_none_is_guessed_to_be_the_verdict() -> None:
    (file,) = read(a_truth(True, name="polite"), a_truth(False, name="resolved"))
    assert file.annotations == ()
    assert "which of the scores 'polite', 'resolved' is the verdict?" in file.notes[0]


def test_the_settings_say_which_score_is_the_verdict() -> None:
    rules = LabelRules({"verdict": "resolved"})
    scores = (a_truth(True, name="polite"), a_truth(False, name="resolved"))
    assert verdicts(*scores, rules=rules) == {"t1": "fail"}
    assert verdicts(a_truth(True, name="polite"), rules=LabelRules({"verdict": None})) == {}


def test_beside_a_score_named_verdict_other_truth_values_are_none() -> None:
    (file,) = read(a_feedback(), a_truth(False, name="polite"))
    assert [(a.verdict, a.extra) for a in file.annotations] == [("pass", '{"score": "verdict", "value": "pass"}')]


def test_the_absence_of_one_failing_is_not_a_pass() -> None:
    assert verdicts(a_truth(False, name="hallucination", is_adverse=True)) == {}


def test_of_a_name_that_states_a_failure_true_is_a_fail() -> None:
    assert verdicts(a_truth(True, name="is_wrong", is_adverse=True)) == {"t1": "fail"}
    assert verdicts(a_truth(False, name="is_wrong", is_adverse=True)) == {"t1": "pass"}


def test_a_text_by_the_same_person_is_the_comment_of_the_verdict() -> None:
    (file,) = read(a_feedback(label="fail"), a_feedback(name="notes", label="It opens at nine."))
    assert [(a.verdict, a.comment) for a in file.annotations] == [("fail", "It opens at nine.")]
    assert file.n_joined == 1


def test_a_text_without_a_verdict_stays_a_named_score() -> None:
    (file,) = read(a_feedback(), a_feedback(author="ben", name="notes", label="It opens at nine."))
    assert (len(file.annotations), file.rejects) == (1, ())


def test_a_fail_without_a_reason_is_rejected_as_in_a_label_file() -> None:
    (file,) = read(a_feedback(label="fail", source_line=3))
    assert [(r.source, r.file, r.line) for r in file.rejects] == [("labels", "../traces/export.json", 3)]
    assert "a fail needs a comment or a code" in file.rejects[0].reason


def test_whoever_the_export_does_not_name_is_nobody_in_particular() -> None:
    (file,) = read(a_feedback(author=None))
    assert file.annotations[0].annotator == UNNAMED != "expert"


def test_only_annotators_that_the_settings_name_are_taken_where_they_name_any() -> None:
    scores = (a_feedback(), a_feedback(trace_id="t2", author="stranger"))
    (file,) = read(*scores, allowed={"mira"})
    assert [a.trace_id for a in file.annotations] == ["t1"]
    assert file.notes == ("1 by 'stranger', who is not in annotate.annotators",)


def test_a_score_of_a_step_is_no_verdict_on_the_trace() -> None:
    spans = {"t1": [{"span_id": "root"}, {"span_id": "search", "parent_id": "root"}]}
    assert verdicts(a_feedback(step_id="root"), spans=spans) == {"t1": "pass"}
    (file,) = read(a_feedback(step_id="search"), spans=spans)
    assert (file.annotations, file.notes) == ((), ("1 about a step, not about the trace",))


def test_the_only_step_below_the_record_of_a_trace_stands_for_the_trace() -> None:
    record = {"span_id": "t1", "kind": "trace"}
    only = {"span_id": "a", "parent_id": "t1"}
    assert judges_trace("a", [record, only])
    assert not judges_trace("a", [record, only, {"span_id": "b", "parent_id": "t1"}])
    assert not judges_trace("unknown", [record, only])


def test_the_same_verdict_in_two_exports_counts_once() -> None:
    files = read(a_feedback(), a_feedback(source_file="later.json", source_line=9))
    assert [(f.file, len(f.annotations)) for f in files] == [("../traces/export.json", 1), ("../traces/later.json", 0)]
    assert files[1].notes == ("1 verdicts stand in an earlier export, too",)


def test_the_name_of_an_evaluator_may_stand_before_that_of_the_score() -> None:
    assert verdicts(a_feedback(name="quality-check.verdict")) == {"t1": "pass"}


@pytest.mark.parametrize("name", ["expected_is_correct", "expectation", "reference.verdict"])
def test_what_the_right_answer_is_is_no_verdict(name: str) -> None:
    (file,) = read(a_truth(True, name=name))
    assert (file.annotations, len(file.notes)) == ((), 1)
