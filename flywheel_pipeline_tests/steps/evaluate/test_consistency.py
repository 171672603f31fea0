"""Whether a judge agrees with itself: asked again, and asked with everything in reverse order."""

from __future__ import annotations

import json
from typing import Any

from flywheel_pipeline.ports import Ask
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.alignment import align_judges
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, Verdict, judge_ask
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeLLM

MODE = ModeToJudge("fm-1", "Made up", "d", ("first", "second"))


def answers(n_fail: int, n_pass: int) -> list[LabelledAnswer]:
    kinds = ["failure"] * n_fail + ["happy_path"] * n_pass
    return [
        LabelledAnswer(a_case(
            case_id=f"c{i}", source_trace_id=f"t{i}", kind=k, observed_output="bad" if k == "failure" else "good",
            context=Json(json.dumps([{"id": "a"}, {"id": "b"}])),
        ))
        for i, k in enumerate(kinds)
    ]  # fmt: skip


def plan(judge_repeats: int = 1) -> Plan:
    return Plan([MODE], "demo", "m", judge_repeats=judge_repeats)


def right(data: Any) -> Verdict:
    return Verdict(label="fail" if data["answer"] == "bad" else "pass")


def test_a_steady_judge_agrees_with_itself_on_the_answers_that_are_checked() -> None:
    found = align_judges(answers(10, 20), plan(), FakeLLM(right), 10).rows[0]
    assert (found.n_repeated, found.repeat_agreement, found.n_swapped, found.swap_agreement) == (10, 1.0, 10, 1.0)


def test_half_of_the_checked_answers_are_fails_and_every_judge_is_asked_once_more_in_either_way() -> None:
    llm = FakeLLM(right)
    verdicts = align_judges(answers(10, 20), plan(), llm, 10).verdicts
    assert len(llm.asked) == 30 + 10 + 10
    assert [sum(v.purpose == p for v in verdicts) for p in ("alignment", "repeated", "swapped")] == [30, 10, 10]
    assert sum(v.expert == "fail" for v in verdicts if v.purpose == "swapped") == 5
    assert {a.repeat for a in llm.asked} == {0, 1}  # a repeat is a call of its own, never the cached reply


def test_with_few_fails_more_passes_are_checked() -> None:
    found = align_judges(answers(2, 20), plan(), FakeLLM(right), 10)
    assert found.rows[0].n_repeated == 10
    assert sum(v.expert == "fail" for v in found.verdicts if v.purpose == "repeated") == 2


def test_a_judge_that_follows_the_order_of_the_options_is_found_out() -> None:
    def first_option(data: Any) -> Verdict:
        return Verdict(label="fail" if data["failure_mode"]["examples"][0] == "first" else "pass")

    found = align_judges(answers(10, 10), plan(), FakeLLM(first_option), 10).rows[0]
    assert (found.repeat_agreement, found.swap_agreement) == (1.0, 0.0)


def test_a_judge_that_wavers_is_seen_in_its_repeats_without_asking_twice() -> None:
    said: list[int] = []

    def wavering(data: Any) -> Verdict:
        said.append(1)
        return Verdict(label="pass" if len(said) % 2 else "fail")

    llm = FakeLLM(wavering)
    found = align_judges(answers(10, 10), plan(2), llm, 4).rows[0]
    assert (found.n_repeated, found.repeat_agreement, found.n_swapped) == (20, 0.0, 4)
    assert len(llm.asked) == 40 + 4


def test_errors_are_no_disagreement() -> None:
    def breaks(data: Any) -> Verdict | str:
        return right(data) if data["failure_mode"]["examples"][0] == "first" else "timeout"

    found = align_judges(answers(10, 10), plan(), FakeLLM(breaks), 10).rows[0]
    assert (found.n_swapped, found.swap_agreement, found.n_repeated) == (0, None, 10)


def test_checks_decide_nothing() -> None:
    checked, not_checked = (align_judges(answers(10, 20), plan(), FakeLLM(right), n).rows[0] for n in (10, 0))
    assert checked.status == not_checked.status == "trusted"
    assert (not_checked.n_repeated, not_checked.repeat_agreement) == (0, None)


def test_the_reversed_question_says_the_same_in_another_order() -> None:
    case = answers(1, 0)[0].case
    usual, swapped = (judge_ask(MODE, case, "bad", "demo", 0, order) for order in ("usual", "reversed"))

    def instructions(ask: Ask) -> str:
        return str(ask.messages[0]["content"])

    assert sorted(instructions(usual)) == sorted(instructions(swapped)) and instructions(usual) != instructions(swapped)
    assert '"unsure" | "fail" | "pass"' in instructions(swapped) and '"pass" | "fail" | "unsure"' in instructions(usual)
    assert instructions(swapped).index('- "unsure"') < instructions(swapped).index('- "fail"')
    documents = swapped.messages[1]["content"]
    assert documents.index('"id": "b"') < documents.index('"id": "a"')
    assert documents.index('"second"') < documents.index('"first"')
