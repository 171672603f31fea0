"""Judging the judges: trust needs proof on held-out labels, `unsure` proves nothing, and it is said what to label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import JudgeAlignment
from flywheel_pipeline.stats import JudgeError, Recall
from flywheel_pipeline.steps.evaluate.alignment import (
    COMPOSITE,
    MAX_P_GUESS,
    MIN_YOUDEN,
    align_judges,
    is_stale,
    judge_errors,
    labels_needed,
    mark_stale,
    what_to_label,
)
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, Verdict
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer
from flywheel_pipeline.steps.evaluate.run import run_evals
from flywheel_pipeline_tests.builders import a_case, a_prompt, an_alignment
from flywheel_pipeline_tests.fakes import FakeApp, FakeLLM

MODE = ModeToJudge("fm-1", "Made up", "d", ())
OTHER = ModeToJudge("fm-2", "Rude", "d", ())


def fails(n: int, mode_id: str = "fm-1", **changes: Any) -> list[LabelledAnswer]:
    made = {"mode_id": mode_id, "observed_output": f"bad {mode_id}", "criteria": "THE REMARK", **changes}
    weight = made.pop("weight", None)
    ids = [f"{mode_id}-{made['observed_output']}-{i}" for i in range(n)]
    return [LabelledAnswer(a_case(case_id=i, source_trace_id=i, input=f"{i}?", **made), weight) for i in ids]


def passes(n: int, output: str = "good", weight: float | None = None) -> list[LabelledAnswer]:
    made: dict[str, Any] = {"kind": "happy_path", "mode_id": None, "criteria": None, "reference": "THE REFERENCE"}
    ids = [f"{output}-{i}" for i in range(n)]
    cases = [a_case(case_id=i, source_trace_id=i, input=f"{i}?", observed_output=output, **made) for i in ids]
    return [LabelledAnswer(c, weight) for c in cases]


def perfect(data: Any) -> Verdict:
    return Verdict(label="fail" if "bad" in data["answer"] else "pass")


def align(answers: list[LabelledAnswer], answer: Callable[[Any], Verdict | str] = perfect) -> JudgeAlignment:
    return align_judges(answers, Plan([MODE], "demo", ""), FakeLLM(answer)).rows[0]


@pytest.mark.parametrize(
    ("n_fail", "n_pass", "status"),
    [
        (10, 20, "trusted"),
        (7, 7, "trusted"),
        (6, 40, "advisory"),
        (20, 6, "advisory"),
        (0, 20, "advisory"),
        (0, 0, "advisory"),
    ],
)
def test_a_judge_that_always_agrees_is_trusted_once_luck_is_excluded(n_fail: int, n_pass: int, status: str) -> None:
    found = align([*fails(n_fail), *passes(n_pass)])
    assert (found.n_fail, found.n_pass, found.status) == (n_fail, n_pass, status)


@pytest.mark.parametrize("always", ["pass", "fail"])
def test_a_judge_that_tells_nothing_apart_is_unusable_once_that_is_evidence(always: Any) -> None:
    many, few = (align([*fails(n), *passes(n)], lambda data: Verdict(label=always)) for n in (20, 4))
    assert (many.status, few.status) == ("unusable", "advisory")
    assert many.majority == 0.5 and many.kappa == pytest.approx(0)


def test_a_judge_that_misses_most_failures_is_unusable_however_well_it_passes() -> None:
    found = align([*fails(3), *fails(27, observed_output="sly"), *passes(40)])
    assert (found.fail_recall, found.pass_recall) == (0.1, 1.0)
    assert found.status == "unusable"


def test_unsure_recognises_nothing_and_is_counted() -> None:
    """A judge that abstains on half of the failures has not caught them."""

    def abstains(data: Any) -> Verdict:
        return Verdict(label="unsure" if "sly" in data["answer"] else perfect(data).label)

    found = align([*fails(8), *fails(8, observed_output="sly bad"), *passes(30)], abstains)
    assert (found.n_fail, found.fail_recall, found.n_unsure) == (16, 0.5, 8)
    assert found.status != "trusted"


def test_a_provider_error_is_no_verdict_and_is_counted_apart() -> None:
    found = align([*fails(10), *passes(10)], lambda data: "provider is down")
    assert (found.n_fail, found.n_pass, found.n_unsure, found.n_broken, found.status) == (0, 0, 0, 20, "advisory")
    assert (found.fail_recall, found.pass_recall) == (None, None)


def test_recalls_are_shares_of_the_verdicts_with_the_lower_end_of_their_interval() -> None:
    found = align([*fails(10), *passes(8), *passes(2, output="not bad")])
    assert (found.fail_recall, found.pass_recall) == (1.0, 0.8)
    assert found.fail_recall_low == pytest.approx(0.7225, abs=1e-3)
    assert found.pass_recall_low == pytest.approx(0.4902, abs=1e-3)
    assert found.kappa == pytest.approx(0.8)


def test_recalls_are_weighted_to_production_where_the_labels_are_of_our_sample() -> None:
    found = align([*fails(10, weight=1.0), *passes(8, weight=2.0), *passes(2, output="not bad", weight=12.0)])
    assert found.production_pass_recall == pytest.approx(16 / 40)
    assert found.production_n_pass == pytest.approx(40**2 / (8 * 4 + 2 * 144))
    unweighted = align([*fails(10), *passes(8, weight=2.0), *passes(2, output="not bad")])
    assert (unweighted.production_pass_recall, unweighted.production_n_pass) == (0.8, 10)


def test_picked_labels_count_for_the_judge_but_in_no_recall_of_production() -> None:
    drawn = [*fails(10, weight=1.0), *passes(8, weight=2.0), *passes(2, output="not bad", weight=12.0)]
    more = [*fails(5, mode_id="fm-1", observed_output="fine"), *passes(4)]
    picked = [replace(a, picked=True, case=replace(a.case, case_id=f"p-{n}")) for n, a in enumerate(more)]
    before, after = align(drawn), align([*drawn, *picked])
    names = ("production_fail_recall", "production_n_fail", "production_pass_recall", "production_n_pass")
    assert [getattr(after, n) for n in names] == [getattr(before, n) for n in names]
    assert (after.n_fail, after.n_pass) == (15, 14) and after.fail_recall == pytest.approx(10 / 15)
    alone = align(picked)
    assert alone.production_fail_recall is None and alone.production_pass_recall is None and alone.n_fail == 5


def test_a_judge_is_measured_on_the_failures_of_its_own_mode_and_every_pass() -> None:
    answers = [*fails(8), *fails(7, "fm-2"), *passes(9)]
    found = align_judges(answers, Plan([MODE, OTHER], "demo", ""), FakeLLM(perfect)).rows
    assert [(a.evaluator, a.n_fail, a.n_pass) for a in found] == [
        ("judge:fm-1", 8, 9), ("judge:fm-2", 7, 9), (COMPOSITE, 15, 9),
    ]  # fmt: skip


def test_all_trusted_judges_together_are_measured_as_one() -> None:
    """Each of two judges fails other passes, so that together they fail more of them than either."""

    def picky(data: Any) -> Verdict:
        name, answer = data["failure_mode"]["name"], data["answer"]
        return Verdict(label="fail" if "bad" in answer or answer.startswith(name) else "pass")

    answers = [*fails(10), *fails(10, "fm-2"), *passes(16), *passes(2, output="Made up"), *passes(2, output="Rude")]
    *judges, together = align_judges(answers, Plan([MODE, OTHER], "demo", ""), FakeLLM(picky)).rows
    assert [j.pass_recall for j in judges] == [0.9, 0.9]
    assert (together.evaluator, together.mode_id, together.pass_recall, together.fail_recall) == (
        COMPOSITE,
        None,
        0.8,
        1.0,
    )
    assert judge_errors([together])[COMPOSITE] == JudgeError(Recall(16.0, 20), Recall(20.0, 20))


def test_only_trusted_judges_are_asked_about_failures_of_other_modes() -> None:
    llm = FakeLLM(lambda data: perfect(data) if data["failure_mode"]["name"] == "Made up" else Verdict(label="unsure"))
    align_judges([*fails(8), *fails(7, "fm-2"), *passes(9)], Plan([MODE, OTHER], "demo", ""), llm)
    assert len(llm.asked) == (8 + 9) + (7 + 9) + 7


def test_without_a_trusted_judge_there_is_none_together() -> None:
    assert [
        a.evaluator for a in align_judges([*fails(3), *passes(3)], Plan([MODE], "demo", ""), FakeLLM(perfect)).rows
    ] == ["judge:fm-1"]


def test_a_judge_decides_by_the_very_question_that_it_is_measured_with() -> None:
    hints = {"criteria": "THE REMARK", "reference": "THE REFERENCE"}
    case = a_case(kind="failure", mode_id="fm-1", observed_output="bad", **hints)
    measuring, deciding_ = FakeLLM(perfect), FakeLLM(perfect)
    align_judges([LabelledAnswer(case)], Plan([MODE], "demo", ""), measuring)
    app = FakeApp(lambda prompt, c: Answer("bad"))
    run_evals(a_prompt(), [case], Plan([MODE], "demo", "m"), app, deciding_)
    assert [a.messages for a in measuring.asked] == [a.messages for a in deciding_.asked]
    assert "THE REMARK" not in str(measuring.asked) and "THE REFERENCE" not in str(measuring.asked)


def test_the_majority_of_repeated_asks_is_the_verdict_as_it_is_when_the_judge_decides() -> None:
    said: list[int] = []

    def wavering(data: Any) -> Verdict:
        said.append(1)
        return Verdict(label="pass" if len(said) % 3 == 0 else perfect(data).label)

    found = align_judges([*fails(8), *passes(8)], Plan([MODE], "demo", "", judge_repeats=3), FakeLLM(wavering)).rows[0]
    assert (len(said), found.fail_recall, found.pass_recall) == (48, 1.0, 1.0)


def test_people_see_how_many_passes_and_fails_to_label() -> None:
    found = align([*fails(5), *passes(20)])
    assert (found.need_fails, found.need_passes) == (2, 0)
    assert "Made up: label 2 more fails (catches 5/5 of its fails" in what_to_label(found, "Made up")
    useless = align([*fails(20), *passes(20)], lambda data: Verdict(label="pass"))
    assert "disagrees with the expert" in what_to_label(useless, "Made up")


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (3, 3, 20, 20), (6, 7, 26, 26), (12, 14, 9, 12)])
def test_the_labels_that_are_asked_for_are_enough_if_the_judge_goes_on_as_it_did(counts: tuple[int, ...]) -> None:
    caught, n_fail, recognised, n_pass = counts
    more_fails, more_passes = labels_needed(JudgeError(Recall(recognised, n_pass), Recall(caught, n_fail)))
    share = caught / n_fail if n_fail else 1.0, recognised / n_pass if n_pass else 1.0
    grown = JudgeError(
        Recall(int(recognised + share[1] * more_passes + 1e-9), n_pass + more_passes),
        Recall(int(caught + share[0] * more_fails + 1e-9), n_fail + more_fails),
    )
    assert grown.may_decide(MIN_YOUDEN, MAX_P_GUESS)


def _trusted_share(tpr: float, tnr: float, n: int) -> float:
    """How often a judge is trusted with `n` labels of each kind, exactly."""
    from scipy.stats import binom

    may = np.array([[JudgeError(Recall(a, n), Recall(b, n)).may_decide(MIN_YOUDEN, MAX_P_GUESS) for b in range(n + 1)]
                    for a in range(n + 1)])  # fmt: skip
    counts = np.arange(n + 1)
    return float(binom.pmf(counts, n, tpr) @ may @ binom.pmf(counts, n, tnr))


@pytest.mark.parametrize("n", [5, 7, 10, 20, 40])
@pytest.mark.parametrize("recalls", [(0.5, 0.5), (0.9, 0.1), (1.0, 0.0), (0.98, 0.5), (0.5, 1.0)])
def test_a_judge_that_misses_half_of_a_kind_is_hardly_ever_trusted(recalls: tuple[float, float], n: int) -> None:
    assert _trusted_share(*recalls, n) < 0.01


def test_a_weak_judge_is_hardly_trusted_at_twenty_labels_a_class_and_a_good_one_nearly_always() -> None:
    assert _trusted_share(0.7, 0.7, 20) < 0.03
    assert _trusted_share(0.9, 0.9, 20) > 0.85


def test_a_judge_that_changed_since_it_was_measured_is_advisory_and_so_is_nothing_together() -> None:
    rows = [an_alignment(), an_alignment(evaluator="judge:fm-2", mode_id="fm-2"),
            an_alignment(evaluator=COMPOSITE, mode_id=None, evaluator_version="")]  # fmt: skip
    same = {"judge:fm-1": "e1", "judge:fm-2": "e1"}
    assert mark_stale(rows, same) == rows
    changed = mark_stale(rows, {**same, "judge:fm-2": "e2"})
    assert [(a.evaluator, a.status) for a in changed] == [("judge:fm-1", "trusted"), ("judge:fm-2", "advisory")]
    assert is_stale(changed[1]) and not is_stale(changed[0])
    assert what_to_label(changed[1], "Rude").startswith("Rude: has changed since it was measured")
    gone = mark_stale(rows, {"judge:fm-1": "e1"})
    assert [a.status for a in gone] == ["trusted", "advisory"]


def test_what_all_judges_did_together_stands_while_only_a_judge_without_a_vote_changed() -> None:
    rows = [an_alignment(), an_alignment(evaluator="judge:fm-2", mode_id="fm-2", status="unusable"),
            an_alignment(evaluator=COMPOSITE, mode_id=None)]  # fmt: skip
    assert [a.status for a in mark_stale(rows, {"judge:fm-1": "e1"})] == ["trusted", "advisory", "trusted"]


def test_a_tuned_judge_is_measured_on_what_is_not_dev_alone_and_together() -> None:
    dev = [
        LabelledAnswer(a.case, a.weight, is_dev=True) for a in [*fails(5, observed_output="bad dev"), *passes(5, "dev")]
    ]
    tuned = ModeToJudge("fm-1", "Made up", "d", (), is_tuned=True)
    llm = FakeLLM(perfect)
    judge, together = align_judges([*fails(10), *passes(10), *dev], Plan([tuned], "demo", ""), llm).rows
    assert (judge.n_fail, judge.n_pass, together.n_fail, together.n_pass) == (10, 10, 10, 10)
    assert not any("dev" in a.messages[-1]["content"] for a in llm.asked)
