"""The gate: a clear win ships, a regression never does, and luck is not a win."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.improve.gate import Gate, Outcomes, decide

GATE = Gate()


def changed(n: int, fixed: int, broken: int) -> tuple[Outcomes, Outcomes]:
    """Return outcomes before and after on `n` cases, half of the unchanged ones passing."""
    before, after = {}, {}
    for i in range(n):
        is_fixed, is_broken = i < fixed, fixed <= i < fixed + broken
        before[f"g-{i}"] = is_broken or (not is_fixed and i % 2 == 0)
        after[f"g-{i}"] = is_fixed or (not is_broken and i % 2 == 0)
    return before, after


def test_gate_ships_a_clear_win() -> None:
    report = decide(GATE, *changed(60, 20, 2), {"judge:a": changed(20, 10, 0)})
    assert report.decision == "ship"
    assert "20 fixed and 2 broken of 60" in report.reason


def test_gate_refuses_when_one_mode_regresses_although_the_total_improves() -> None:
    modes = {"judge:better": changed(40, 25, 0), "judge:worse": changed(20, 0, 5)}
    assert decide(GATE, *changed(60, 25, 5), {}).decision == "ship"
    report = decide(GATE, *changed(60, 25, 5), modes)
    assert report.decision == "reject"
    assert "judge:worse gets worse: 5 broken, 0 fixed" in report.reason


def test_gate_does_not_refuse_for_a_mode_with_too_few_cases() -> None:
    few = {"judge:few": changed(GATE.min_cases_per_mode - 1, 0, 5)}
    assert decide(GATE, *changed(60, 25, 5), few).decision == "ship"
    enough = {"judge:few": changed(GATE.min_cases_per_mode, 0, 5)}
    assert decide(GATE, *changed(60, 25, 5), enough).decision == "reject"


def test_gate_refuses_a_worse_candidate() -> None:
    assert decide(GATE, *changed(60, 2, 15), {}).decision == "reject"


def test_gate_refuses_a_candidate_that_may_well_be_worse_though_nothing_is_lost_on_balance() -> None:
    assert decide(GATE, *changed(40, 12, 12), {}).decision != "ship"


@pytest.mark.parametrize("n", [0, 1, 3, 40])
def test_gate_holds_a_candidate_that_changes_nothing(n: int) -> None:
    assert decide(GATE, *changed(n, 0, 0), {}).decision == "hold"


def test_gate_holds_when_the_cases_are_too_few_to_tell() -> None:
    report = decide(GATE, *changed(6, 1, 0), {})
    assert report.decision == "hold"
    assert "too few cases" in report.reason


def test_without_any_known_case_the_advice_is_to_label_more() -> None:
    assert "label more traces" in decide(GATE, {"g-1": True}, {"g-2": True}, {}).reason


@pytest.mark.parametrize("n", [30, 60, 100])
def test_gate_ships_few_of_many_candidates_that_are_no_better(n: int) -> None:
    shipped = 0
    for seed in range(300):
        chance = random.Random(seed)
        before = {str(i): chance.random() < 0.7 for i in range(n)}
        after = {c: chance.random() < 0.7 if chance.random() < 0.2 else passes for c, passes in before.items()}
        shipped += decide(GATE, before, after, {}).decision == "ship"
    assert shipped / 300 <= 0.10


def test_gate_ships_most_of_many_candidates_that_are_much_better() -> None:
    shipped = 0
    for seed in range(60):
        chance = random.Random(seed)
        before = {str(i): chance.random() < 0.6 for i in range(60)}
        after = {c: chance.random() < (0.95 if passes else 0.6) for c, passes in before.items()}
        shipped += decide(GATE, before, after, {}).decision == "ship"
    assert shipped / 60 >= 0.8


def test_unknown_outcomes_are_counted_and_do_not_decide() -> None:
    before, after = changed(60, 20, 2)
    known = decide(GATE, before, after, {})
    report = decide(GATE, {**before, "lost": True}, {**after, **{f"new{i}": False for i in range(30)}}, {})
    assert report.n_unknown == 31
    assert (report.decision, report.overall) == (known.decision, known.overall)
    assert report.evidence()["n_unknown"] == 31


def test_the_evidence_holds_the_numbers_of_the_total_and_of_every_evaluator() -> None:
    evidence = decide(GATE, *changed(60, 20, 2), {"judge:a": changed(20, 9, 1)}).evidence()
    assert {k: evidence["overall"][k] for k in ("n", "fixed", "broken", "difference")} == {
        "n": 60, "fixed": 20, "broken": 2, "difference": 0.3,
    }  # fmt: skip
    assert (evidence["evaluators"]["judge:a"]["fixed"], evidence["evaluators"]["judge:a"]["broken"]) == (9, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_gate_never_ships_what_breaks_more_than_it_fixes(a: int, b: int, unchanged: int, per_mode: bool) -> None:
    fixed, broken = min(a, b), max(a, b) + 1
    outcomes = changed(fixed + broken + unchanged, fixed, broken)
    assert decide(GATE, *outcomes, {"judge:a": outcomes} if per_mode else {}).decision == "reject"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 30))
def test_the_same_outcomes_are_always_decided_the_same_way(fixed: int, broken: int, unchanged: int) -> None:
    before, after = changed(fixed + broken + unchanged, fixed, broken)
    backwards = dict(reversed(before.items())), dict(reversed(after.items()))
    assert decide(GATE, before, after, {}) == decide(GATE, *backwards, {})
