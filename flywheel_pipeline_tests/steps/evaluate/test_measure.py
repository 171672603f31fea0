"""An evaluator is measured on labelled answers as if they had just been given, never by what they themselves left."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase, Json
from flywheel_pipeline.steps.evaluate.alignment import (
    COMPOSITE,
    NOT_APPLICABLE,
    SEEN,
    Measured,
    agreement,
    align_check,
    align_judges,
    decides,
    judge_errors,
    what_to_label,
)
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.evaluators.catalogue import make_evaluator
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.learned import Learned, Lesson, learn
from flywheel_pipeline.steps.evaluate.evaluators.tone import Rating
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer
from flywheel_pipeline.steps.evaluate.measure import as_new, disagreements, try_check
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeLLM

NOBODY = FakeLLM(lambda data: "not asked")
FORBIDDEN = {"texts": ["done"]}
CHECK = Check("no-claims", "forbidden", make_evaluator("forbidden", FORBIDDEN), FORBIDDEN, "fm-1")


def answers(n: int, output: str, **changes: Any) -> list[LabelledAnswer]:
    return [
        LabelledAnswer(
            a_case(case_id=f"{output}-{i}", source_trace_id=f"{output}-{i}", observed_output=output, **changes)
        )
        for i in range(n)
    ]


FAILS, PASSES = answers(12, "Done!"), answers(30, "I can not do that.", kind="happy_path", mode_id=None)


def measured(check: Check, labelled: list[LabelledAnswer], llm: FakeLLM = NOBODY) -> Measured:
    return try_check(check, "v1", labelled, llm, "demo").measured


def test_a_check_that_agrees_with_the_expert_is_trusted_and_decides_for_its_mode() -> None:
    row = align_check(measured(CHECK, [*FAILS, *PASSES]), [*FAILS, *PASSES])
    assert row is not None
    assert (row.evaluator, row.mode_id, row.n_fail, row.n_pass, row.status) == (
        "check:no-claims", "fm-1", 12, 30, "trusted",
    )  # fmt: skip
    assert decides(row)


def test_with_too_few_labels_it_is_advisory_and_says_what_to_label() -> None:
    row = align_check(measured(CHECK, [*FAILS[:3], *PASSES]), [*FAILS[:3], *PASSES])
    assert row is not None and row.status == "advisory" and not decides(row)
    assert "more fails" in what_to_label(row, "claims")


def test_a_requirement_decides_without_labels_and_has_no_error() -> None:
    row = align_check(measured(replace(CHECK, requirement=True), PASSES[:1]), PASSES[:1])
    assert row is not None and row.status == "requirement" and decides(row)
    assert what_to_label(row, "x") == "x: may decide"
    assert judge_errors([row]) == {}


def test_one_of_all_answers_decides_nothing_unless_it_is_a_requirement() -> None:
    of_all = replace(CHECK, mode_id=None)
    assert align_check(measured(of_all, [*FAILS, *PASSES]), [*FAILS, *PASSES]) is None
    needed = replace(of_all, requirement=True)
    row = align_check(measured(needed, [*FAILS, *PASSES]), [*FAILS, *PASSES])
    assert row is not None and decides(row) and row.mode_id is None


def test_failures_of_other_modes_are_not_its_passes() -> None:
    others = answers(5, "Rude.", mode_id="fm-2")
    row = agreement(measured(CHECK, [*FAILS, *others]), [*FAILS, *others])
    assert (row.n_fail, row.n_pass) == (12, 0)


@dataclass(frozen=True)
class Says:
    """Judges by the answer's first word."""

    kind: ClassVar[str] = "says"
    code_version: ClassVar[str] = "1"

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        word = (answer.output or "").split()[0]
        return Judgement(None if word in ("skip", "broken") else word, "as scripted", broken=word == "broken")


def test_what_does_not_apply_is_not_counted_and_what_broke_is_counted_apart() -> None:
    check = Check("says", "says", Says(), {}, "fm-1")
    labelled = [*answers(2, "fail"), *answers(3, "skip"), *answers(1, "broken"), *answers(1, "unsure")]
    found = measured(check, labelled)
    assert list(found.labels) == ["fail"] * 2 + [NOT_APPLICABLE] * 3 + [None, "unsure"]
    row = agreement(found, labelled)
    assert (row.n_fail, row.n_broken, row.n_unsure) == (3, 1, 1)
    assert row.fail_recall == pytest.approx(2 / 3)


def test_all_that_decide_are_measured_together() -> None:
    """Of two checks of different modes each finds its own failures; together they find both."""
    rude = answers(12, "Rude.", mode_id="fm-2")
    other = Check("polite", "forbidden", make_evaluator("forbidden", {"texts": ["rude"]}), {}, "fm-2")
    labelled = [*FAILS, *rude, *PASSES]
    both = [measured(CHECK, labelled), measured(other, labelled)]
    rows = {r.evaluator: r for r in align_judges(labelled, Plan([], "demo", "m"), NOBODY, measured=both).rows}
    together = rows[COMPOSITE]
    assert (together.n_fail, together.fail_recall, together.pass_recall) == (24, 1.0, 1.0)


def test_an_answer_is_not_compared_with_itself() -> None:
    passed = a_case(
        kind="happy_path", reference="It is 79.", observed_output="It is 79.", expected_doc_ids=Json('["prices"]'),
        context=Json('[{"id": "prices"}, {"id": "refunds"}]'), reference_alternatives=Json('["79 euros", "It is 79."]'),
    )  # fmt: skip
    case, answer = as_new(LabelledAnswer(passed))
    assert (case.reference, case.expected_doc_ids) == (None, None)
    assert json.loads(case.reference_alternatives or "[]") == ["79 euros"]
    assert answer.retrieved_doc_ids == ("prices", "refunds")


def test_what_the_expert_wrote_beside_the_answer_is_compared_with_it() -> None:
    corrected = a_case(reference="It is 79.", observed_output="It is 97.", expected_doc_ids=Json('["prices"]'))
    case, _ = as_new(LabelledAnswer(corrected, calls=({"name": "look_up"},)))
    assert (case.reference, case.expected_doc_ids) == ("It is 79.", '["prices"]')
    assert as_new(LabelledAnswer(corrected, calls=({"name": "look_up"},)))[1].tool_calls == ({"name": "look_up"},)


def test_a_learned_judge_is_not_measured_on_what_it_learned() -> None:
    words = [chr(97 + i) * 5 for i in range(12)]
    lessons = [Lesson(f"Done!-{i}", w, f"Done {w}", True, i) for i, w in enumerate(words)]
    lessons += [Lesson(f"other-{i}", w, f"Sorry {w}", False, 50 + i) for i, w in enumerate(words)]
    check = Check("learned", "learned", learn(Learned(), lessons), {}, "fm-1")
    assert set(measured(check, [*FAILS, *PASSES]).labels[:12]) == {SEEN}
    row = agreement(measured(check, [*FAILS, *PASSES]), [*FAILS, *PASSES])
    assert row.n_fail == 0


TONE = {"scale": "warmth", "one": "cold", "five": "warm", "lowest": 3}
WARM = Check("warm", "tone", make_evaluator("tone", TONE), TONE, "fm-1")


def test_ratings_are_compared_with_the_experts_own() -> None:
    given = [replace(a, ratings={"warm": r}) for a, r in zip(FAILS, ["1", "2", "4", "5", "", "9"], strict=False)]
    llm = FakeLLM(lambda data: Rating(rating=1 if "cold" in data["answer"] else 4))
    trial = try_check(WARM, "v1", given, llm, "demo")
    found = trial.rating_agreement()
    assert found is not None and found[0] == 4
    assert try_check(CHECK, "v1", given, NOBODY, "demo").rating_agreement() is None


def test_a_model_is_asked_as_often_as_when_it_decides_and_the_majority_counts() -> None:
    ratings = iter([1, 5, 5])
    trial = try_check(WARM, "v1", FAILS[:1], FakeLLM(lambda data: Rating(rating=next(ratings))), "demo", repeats=3)
    assert list(trial.measured.labels) == ["pass"]


def test_disagreements_list_missed_failures_first_and_no_other_modes() -> None:
    labelled = [
        *answers(1, "Done!", kind="happy_path", mode_id=None), *answers(2, "Not a word of it."),
        *answers(1, "Done.", mode_id="fm-2"), *FAILS,
    ]  # fmt: skip
    found = disagreements(try_check(CHECK, "v1", labelled, NOBODY, "demo"))
    assert [(d.expert, d.evaluator, d.trace_id) for d in found] == [
        ("fail", "pass", "Not a word of it.-0"), ("fail", "pass", "Not a word of it.-1"), ("pass", "fail", "Done!-0"),
    ]  # fmt: skip
    assert "done" in found[-1].reason


def test_code_costs_nothing_and_an_unpriced_model_costs_an_unknown_sum() -> None:
    assert try_check(CHECK, "v1", FAILS, NOBODY, "demo").cost_per_thousand == 0
    assert try_check(CHECK, "v1", [], NOBODY, "demo").cost_per_thousand == 0
