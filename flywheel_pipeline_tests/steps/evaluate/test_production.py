"""Production traces are judged like any answer, and their verdicts become rates whatever the judge's errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from flywheel_pipeline.stats import Recall
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    Check,
    DrawnTrace,
    ExpertLabel,
    JudgedTrace,
    LabelledAnswer,
    ModeToJudge,
    Plan,
    Population,
    error_of,
    judge_traces,
    read_judged,
    seen_failing,
    share_by_labels_and_verdicts,
    share_by_verdicts,
)
from flywheel_pipeline.steps.evaluate.evaluators.judge import Verdict
from flywheel_pipeline.steps.evaluate.evaluators.length import Length
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeLLM

COVERS = ("steps/evaluate/production.py", "steps/evaluate/production_rate.py")
MODE = ModeToJudge("fm-1", "Made up a feature", "It claims what no document says.", ())
PLAN = Plan([MODE], "app", "test/judge", checks=[Check("short", "length", Length(at_most=3), mode_id="fm-2")])
EVALUATORS = {"judge:fm-1": "fm-1", "check:short": "fm-2"}


def a_drawn_trace(name: str, output: str | None, probability: float | None = 0.5) -> DrawnTrace:
    case = a_case(
        case_id=f"g-{name}", kind="happy_path", mode_id=None, criteria=None, reference=output, observed_output=output,
        source_trace_id=name, session_id=f"s-{name}",
    )  # fmt: skip
    return DrawnTrace(LabelledAnswer(case), "2026-01-31", "p1", probability, 4 if probability else 0)


def strict(data: Any) -> BaseModel | str:
    answer = data["answer"]
    return "busy" if answer == "broken" else Verdict(label="fail" if "invented" in answer else "pass")


def test_every_trace_has_a_row_per_evaluator_with_the_probability_of_its_draw() -> None:
    traces = [a_drawn_trace("a", "an invented thing of mine"), a_drawn_trace("b", "right", None)]
    rows = {(r.trace_id, r.evaluator): r for r in judge_traces(traces, PLAN, FakeLLM(strict))}
    assert {key: r.label for key, r in rows.items()} == {
        ("a", "judge:fm-1"): "fail", ("a", "check:short"): "fail",
        ("b", "judge:fm-1"): "pass", ("b", "check:short"): "pass",
    }  # fmt: skip
    one, other = rows["a", "judge:fm-1"], rows["b", "judge:fm-1"]
    assert (one.inclusion_probability, one.n_day, one.mode_id, one.day) == (0.5, 4, "fm-1", "2026-01-31")
    assert (other.inclusion_probability, other.n_day, other.session_id) == (None, 0, "s-b")


def test_an_answer_that_is_missing_has_no_verdict_and_a_judge_that_breaks_leaves_its_error() -> None:
    llm = FakeLLM(strict)
    rows = judge_traces([a_drawn_trace("a", None), a_drawn_trace("b", "broken")], PLAN, llm)
    found = {(r.trace_id, r.evaluator): (r.label, r.error) for r in rows}
    assert found["a", "judge:fm-1"] == found["a", "check:short"] == ("unsure", None)
    assert found["b", "judge:fm-1"] == (None, "busy") and found["b", "check:short"] == ("pass", None)
    assert len(llm.asked) == 1
    judged = {t.trace_id: t for t in read_judged(rows, EVALUATORS)}
    assert judged["a"].cells == {"fm-1": "unsure", "fm-2": "unsure", COMPOSITE: "unsure"}
    assert judged["b"].cells == {"fm-2": "pass"}  # what broke is neither a pass nor a fail, alone or together


def test_a_trace_that_a_new_evaluator_has_not_judged_yet_says_nothing_for_all_together() -> None:
    rows = judge_traces([a_drawn_trace("a", "right")], PLAN, FakeLLM(strict))
    (judged,) = read_judged(rows, {**EVALUATORS, "judge:fm-3": "fm-3"})
    assert judged.cells == {"fm-1": "pass", "fm-2": "pass"} and judged.weight == 2.0


def test_a_drawn_trace_that_is_judged_again_because_it_is_labelled_stays_a_drawn_one() -> None:
    drawn, labelled = (judge_traces([a_drawn_trace("a", "right", p)], PLAN, FakeLLM(strict)) for p in (0.5, None))
    for rows in ([*drawn, *labelled], [*labelled, *drawn]):
        (judged,) = read_judged(rows, EVALUATORS)
        assert judged.weight == 2.0 and len(judged.cells) == 3


def test_what_an_evaluator_says_that_decides_only_since_the_draw_is_no_verdict_on_the_sample() -> None:
    drawn, labelled = (
        judge_traces([a_drawn_trace("a", "an invented thing of mine", p)], PLAN, FakeLLM(strict)) for p in (0.5, None)
    )
    before = [r for r in drawn if r.evaluator == "check:short"]  # the other one has seen the labelled traces only
    for rows in ([*before, *labelled], [*labelled, *before]):
        sampled, beside = read_judged(rows, EVALUATORS)
        assert (sampled.weight, sampled.cells) == (2.0, {"fm-2": "fail"})
        assert (beside.weight, beside.cells) == (None, {"fm-1": "fail", COMPOSITE: "fail"})
        assert seen_failing([sampled, beside], "fm-1").n == 0  # and in no rate by verdicts


def a_judged_trace(name: str, cell: str, weight: float | None = 1.0) -> JudgedTrace:
    return JudgedTrace(name, "2026-01-31", "p1", name, weight, {"fm-1": cell, COMPOSITE: cell})


def a_world(n: int, n_labels: int, rates: tuple[float, float, float]) -> tuple[Population, float]:
    """A population with failures of fm-1, judged with TPR and TNR; labels are drawn at unequal probabilities."""
    fail, tpr, tnr = rates
    rng = np.random.default_rng(n + n_labels)
    bad = rng.random(n) < fail
    says = np.where(bad, rng.random(n) < tnr, rng.random(n) > tpr)
    p = np.where(bad, 3.0, 1.0) * n_labels / (n + 2 * bad.sum())
    drawn = rng.random(n) < p
    labels = [
        ExpertLabel(f"t{i}", bool(bad[i]), "fm-1" if bad[i] else None, 1 / p[i], 1 / p[i])
        for i in np.flatnonzero(drawn)
    ]
    judged = [a_judged_trace(f"t{i}", "fail" if says[i] else "pass") for i in range(n)]
    return Population(n, judged, labels), float(bad.mean())


def test_labels_and_verdicts_together_give_the_share_whatever_the_judge_and_the_draw() -> None:
    population, truth = a_world(2000, 150, (0.2, 0.85, 0.8))
    share = share_by_labels_and_verdicts(population, "fm-1")
    assert share is not None and share.low <= truth <= share.high and share.high - share.low < 0.15
    unweighted = sum(x.failed for x in population.labels) / len(population.labels)
    assert unweighted > share.high  # failures were sought


def test_labels_that_a_judge_has_seen_count_for_their_own_trace_alone() -> None:
    labels = [ExpertLabel(f"t{i}", i < 10, "fm-1" if i < 10 else None, 2.0, seen=i < 10) for i in range(50)]
    judged = [a_judged_trace(f"t{i}", "pass") for i in range(100)]
    share = share_by_labels_and_verdicts(Population(100, judged, labels), "fm-1")
    assert share is not None and 0.1 <= share.low < share.value < 0.13 and share.n == 50


@pytest.mark.parametrize("change", [{"labels": []}, {"judged": []}])
def test_without_labels_of_a_draw_or_without_verdicts_there_is_no_share(change: Mapping[str, Any]) -> None:
    population, _ = a_world(200, 60, (0.2, 0.9, 0.9))
    assert share_by_labels_and_verdicts(replace(population, **change), "fm-1") is None


def test_many_new_labels_without_a_verdict_wait_for_the_next_night() -> None:
    population, _ = a_world(200, 60, (0.2, 0.9, 0.9))
    new = [ExpertLabel(f"new{i}", True, "fm-1", 2.0) for i in range(10)]
    assert share_by_labels_and_verdicts(replace(population, labels=[*population.labels, *new]), "fm-1") is None


def test_a_judges_errors_are_weighted_and_leave_out_what_it_has_seen() -> None:
    labels = [
        ExpertLabel("a", True, "fm-1", 1.0, 1.0), ExpertLabel("b", True, "fm-1", None, 3.0),
        ExpertLabel("c", True, "fm-2", 2.0, 2.0), ExpertLabel("d", False, None, 2.0, 2.0),
        ExpertLabel("e", True, "fm-1", 9.0, 9.0, seen=True), ExpertLabel("f", False),
    ]  # fmt: skip
    cells = {"a": "pass", "b": "fail", "c": "fail", "d": "pass", "e": "pass", "f": "fail"}
    error = error_of(labels, cells, "fm-1")
    assert error.fails.rate.value == pytest.approx(0.75) and error.fails.n == pytest.approx(16 / 10)
    assert error.passes == Recall(1.0, 2.0)  # another failure that it fails, and a pass that it passes
    assert error_of(labels[5:], cells, "fm-1").passes == Recall(0.0, 1.0)


def test_without_labels_of_their_own_traces_are_corrected_by_the_errors_of_others() -> None:
    population, truth = a_world(3000, 300, (0.15, 0.9, 0.85))
    error = error_of(population.labels, population.cells("fm-1"), "fm-1")
    share = share_by_verdicts(population.judged, error, "fm-1")
    seen = seen_failing(population.judged, "fm-1").rate
    assert share is not None and share.low <= truth <= share.high and share.n == 3000
    assert seen.value > truth + 0.04  # as judged
    assert share_by_verdicts([], error, "fm-1") is None


def test_a_labelled_trace_that_was_not_drawn_is_in_no_rate_by_verdicts() -> None:
    traces = [a_judged_trace("a", "fail", None), a_judged_trace("b", "pass", 4.0), a_judged_trace("c", "fail", 4.0)]
    assert seen_failing(traces, "fm-1").rate.value == 0.5
