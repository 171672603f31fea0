"""Judging the judges: trust needs agreement on enough fails and passes, found without help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flywheel_pipeline.records import GoldenCase, JudgeAlignment
from flywheel_pipeline.steps.evaluate.alignment import align_judges
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, Verdict
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeLLM

MODE = ModeToJudge("fm-1", "Made up", "d", ())
OTHER = ModeToJudge("fm-2", "Rude", "d", ())


def fails(n: int, mode_id: str = "fm-1", **changes: Any) -> list[GoldenCase]:
    made = {"mode_id": mode_id, "observed_output": f"bad {mode_id}", "criteria": "THE REMARK", **changes}
    return [a_case(case_id=f"{mode_id}-{i}", input=f"{mode_id} {i}?", **made) for i in range(n)]


def passes(n: int, output: str = "good") -> list[GoldenCase]:
    made = {"kind": "happy_path", "mode_id": None, "criteria": None, "reference": "THE REFERENCE"}
    return [a_case(case_id=f"{output}-{i}", input=f"{output} {i}?", observed_output=output, **made) for i in range(n)]


def perfect(data: Any) -> Verdict:
    return Verdict(label="fail" if "bad" in data["answer"] else "pass")


def align(cases: list[GoldenCase], answer: Callable[[Any], Verdict | str] = perfect) -> JudgeAlignment:
    (found,) = align_judges(cases, [MODE], FakeLLM(answer), "demo")
    return found


@pytest.mark.parametrize(
    ("n_fail", "n_pass", "status"),
    [
        (10, 20, "trusted"),
        (5, 5, "trusted"),
        (0, 20, "unproven"),
        (20, 0, "unproven"),
        (0, 0, "unproven"),
        (1, 40, "unproven"),
        (2, 2, "unproven"),
    ],
)
def test_a_judge_that_always_agrees_is_trusted_once_the_labels_are_enough(
    n_fail: int, n_pass: int, status: str
) -> None:
    found = align([*fails(n_fail), *passes(n_pass)])
    assert (found.n_fail, found.n_pass, found.status) == (n_fail, n_pass, status)


@pytest.mark.parametrize(
    ("n_fail", "n_pass", "status"), [(20, 20, "unusable"), (5, 5, "unusable"), (4, 50, "unproven")]
)
@pytest.mark.parametrize("always", ["pass", "fail"])
def test_a_judge_that_tells_nothing_apart_is_unusable_once_that_is_evidence(
    n_fail: int, n_pass: int, status: str, always: Any
) -> None:
    found = align([*fails(n_fail), *passes(n_pass)], lambda data: Verdict(label=always))
    assert found.status == status


def test_a_judge_that_misses_most_failures_is_unusable_however_well_it_passes() -> None:
    found = align([*fails(3), *fails(9, observed_output="sly"), *passes(40)])
    assert (found.fail_recall, found.pass_recall) == (0.25, 1.0)
    assert found.status == "unusable"


def test_recalls_are_shares_of_the_verdicts_with_the_lower_end_of_their_interval() -> None:
    found = align([*fails(10), *passes(8), *passes(2, output="not bad")])
    assert (found.fail_recall, found.pass_recall) == (1.0, 0.8)
    assert found.fail_recall_low == pytest.approx(0.7225, abs=1e-3)
    assert found.pass_recall_low == pytest.approx(0.4902, abs=1e-3)


def test_without_labels_of_a_kind_there_is_no_recall_of_it() -> None:
    found = align(passes(3))
    assert (found.fail_recall, found.fail_recall_low) == (None, None)
    assert found.pass_recall == 1.0


@pytest.mark.parametrize("answer", [lambda data: Verdict(label="unsure"), lambda data: "provider is down"])
def test_a_judge_without_a_verdict_proves_nothing_and_is_counted(answer: Callable[[Any], Verdict | str]) -> None:
    found = align([*fails(10), *passes(10)], answer)
    assert (found.n_fail, found.n_pass, found.n_unsure, found.status) == (0, 0, 20, "unproven")


def test_a_judge_sees_the_failures_of_its_own_mode_and_every_pass() -> None:
    cases = [*fails(6), *fails(3, "fm-2"), *passes(5)]
    found = align_judges(cases, [MODE, OTHER], FakeLLM(perfect), "demo")
    assert [(a.evaluator, a.n_fail, a.n_pass) for a in found] == [("judge:fm-1", 6, 5), ("judge:fm-2", 3, 5)]


def test_what_production_did_not_answer_can_not_be_judged() -> None:
    synthetic = fails(3, kind="synthetic")
    unanswered = fails(3, observed_output=None)
    assert align([*synthetic, *unanswered, *passes(5)]).n_fail == 0


def test_neither_the_remark_of_the_expert_nor_the_reference_is_shown_to_the_judge() -> None:
    llm = FakeLLM(perfect)
    align_judges([*fails(3), *passes(3)], [MODE], llm, "demo")
    shown = str([a.messages for a in llm.asked])
    assert len(llm.asked) == 6
    assert "bad fm-1" in shown
    assert "THE REMARK" not in shown
    assert "THE REFERENCE" not in shown
