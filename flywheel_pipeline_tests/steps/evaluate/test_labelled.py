"""Which labelled answers a judge is measured on: never its examples, and not dev once it was tuned there."""

from __future__ import annotations

import json

from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer, families_of, held_out, is_of, mark_dev
from flywheel_pipeline.steps.golden import near_pairs
from flywheel_pipeline_tests.builders import a_case, a_conversation

PAIR = "How do I pair the hub with the new lamp in the garden?"
PARCEL = "When does the parcel arrive at my neighbour?"
INVOICE = "Where is my invoice for the second order?"


def asks(question: str, trace: str, output: str | None = "x", split: str = "train") -> LabelledAnswer:
    made = {"messages": Json(json.dumps(a_conversation(question))), "observed_output": output, "split": split}
    return LabelledAnswer(a_case(source_trace_id=trace, **made))


def near(question: str, trace: str) -> LabelledAnswer:
    return asks(question.lower().rstrip("?"), trace)


def test_train_cases_and_what_resembles_them_are_held_back() -> None:
    train, far, silent = asks(PAIR, "t1"), asks(PARCEL, "t3"), asks(INVOICE, "t4", None)
    answers = [LabelledAnswer(train.case), near(PAIR, "t2"), far, silent]
    assert held_out(answers, [train.case], near_pairs) == [far]


def test_dev_answers_are_marked_unless_they_are_near_a_test_case_as_well() -> None:
    train, dev, test = asks(PAIR, "t1"), asks(PARCEL, "t2", split="dev"), asks(INVOICE, "t3", split="test")
    fresh = asks("Can the probe stay outside in winter?", "t5")
    answers = [train, dev, test, near(PAIR, "t1b"), near(PARCEL, "t2b"), near(INVOICE, "t3b"), fresh]
    found = mark_dev(answers, [train.case, dev.case, test.case], near_pairs)
    assert [(a.trace_id, a.is_dev) for a in found] == [
        ("t2", True), ("t3", False), ("t2b", True), ("t3b", False), ("t5", False),
    ]  # fmt: skip
    both = mark_dev([near(PARCEL, "t2b")], [dev.case, asks(PARCEL, "t9", split="test").case], near_pairs)
    assert [a.is_dev for a in both] == [False]


def test_a_judge_that_was_tuned_on_dev_is_not_measured_on_it() -> None:
    answer = LabelledAnswer(a_case(kind="happy_path", mode_id=None), is_dev=True)
    assert is_of(answer, ModeToJudge("fm-1", "n", "d", ()))
    assert not is_of(answer, ModeToJudge("fm-1", "n", "d", (), is_tuned=True))


def test_near_duplicates_are_a_family() -> None:
    found = families_of([asks(PAIR, "a"), asks(PARCEL, "b"), near(PAIR, "c")], near_pairs)
    assert found == ["a", "b", "a"]
