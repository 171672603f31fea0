"""Critical cases in the search: evaluated whatever their split, and a hard rule of the gate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from flywheel_pipeline.records import EvalResult, GoldenCase
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.steps.improve.test_search import (
    ALONE,
    DEV,
    JUDGE,
    JUDGEMENT,
    TEST,
    TEST_IDS,
    TRAIN,
    label,
    of_mode,
    search,
    verdicts,
)


def test_a_critical_case_of_any_split_must_pass() -> None:
    must = a_case(case_id="train-99", split="train", critical=True)

    def fails(text: str, case: GoldenCase) -> str:
        return "fail" if case is must else label(text, case)

    cases = [*TRAIN, *DEV, *TEST, must]
    (passed,), evaluate = search("A good prompt.", cases=cases)
    assert passed.decision == "ship"
    assert evaluate.evaluated[-1][1] == [*TEST_IDS, "train-99"]
    (failed,), _ = search("A good prompt.", by=fails, cases=cases)
    assert (failed.decision, "critical cases fail: train-99" in failed.reason) == ("reject", True)
    assert json.loads(failed.evidence)["overall"]["n"] == len(TEST)


def test_a_critical_case_that_only_an_untrusted_judge_fails_is_held() -> None:
    must = a_case(case_id="test-100", split="test", critical=True)

    def second(rows: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
        return {"test-100": 0.0} if evaluator == "judge:fm-2" else of_mode(rows, evaluator)

    judgement = replace(JUDGEMENT, mode=second, modes={"fm-1": "Made up", "fm-2": "Rude"})
    (held,), _ = search("A good prompt.", cases=[*DEV, *TEST, must], judgement=judgement,
                        gate=replace(ALONE, consent=("Rude",)))  # fmt: skip
    assert (held.decision, "test-100 (by Rude)" in held.reason) == ("hold", True)


def test_an_approved_failure_of_a_critical_case_may_stay_and_another_failure_of_it_may_not() -> None:
    must = a_case(case_id="test-100", split="test", critical=True)

    def fails(text: str, case: GoldenCase) -> str:
        return "fail" if case is must else label(text, case)

    for approved, decision in (((must.case_id, JUDGE), "ship"), ((must.case_id, "answered"), "reject")):
        (found,), _ = search("A good prompt.", by=fails, cases=[*DEV, *TEST, must], approved=[approved])
        assert found.decision == decision, found.reason


def test_a_critical_attack_is_judged_by_its_own_check() -> None:
    attack = a_case(case_id="test-100", split="test", kind="adversarial", critical=True)

    def plain(rows: Sequence[EvalResult]) -> dict[str, float]:
        return {c: p for c, p in verdicts(rows).items() if c != "test-100"}

    def decided(passes: float) -> str | None:
        def checked(rows: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
            return {"test-100": passes} if evaluator == "resisted" else of_mode(rows, evaluator)

        judgement = replace(JUDGEMENT, cases=plain, mode=checked, checks=("resisted",))
        (found,), _ = search("A good prompt.", cases=[*DEV, *TEST, attack], judgement=judgement)
        return found.decision

    assert [decided(1.0), decided(0.0)] == ["ship", "reject"]


def test_a_critical_case_that_another_evaluator_without_a_vote_fails_is_held() -> None:
    must = a_case(case_id="test-100", split="test", critical=True)

    def second(rows: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
        return {"test-100": 0.0} if evaluator == "too-long" else of_mode(rows, evaluator)

    judgement = replace(JUDGEMENT, mode=second, mode_of={"too-long": "fm-1"})
    (held,), _ = search("A good prompt.", cases=[*DEV, *TEST, must], judgement=judgement)
    assert (held.decision, "test-100 (by Made up)" in held.reason) == ("hold", True)
