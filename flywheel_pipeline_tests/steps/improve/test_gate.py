"""The gate: ship is shown better, reject is shown worse, and everything else says what would decide it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.stats import Youden
from flywheel_pipeline.steps.improve.advice import Unjudged
from flywheel_pipeline.steps.improve.critical import CriticalCases
from flywheel_pipeline.steps.improve.flips import drawn
from flywheel_pipeline.steps.improve.gate import Comparison, Evidence, Size, decide
from flywheel_pipeline.steps.improve.rule import ALL, GROUP, MODE
from flywheel_pipeline_tests.steps.improve.evidence import compared, evidence
from flywheel_pipeline_tests.steps.improve.gates import a_gate

COVERS = ("steps/improve/gate.py", "steps/improve/advice.py")
ALONE = a_gate(judges_alone=True)


def test_a_clear_win_ships() -> None:
    report = decide(ALONE, evidence(60, 20, 2))
    assert report.decision == "ship"
    assert "20 fixed and 2 broken of 60" in report.reason
    assert report.needs == report.to_label == ()


def test_what_is_shown_worse_is_rejected() -> None:
    assert decide(ALONE, evidence(60, 2, 15)).decision == "reject"


@pytest.mark.parametrize(("n", "fixed", "broken"), [(80, 12, 8), (40, 12, 12), (80, 8, 12), (40, 0, 0), (6, 1, 0)])
def test_what_cannot_be_decided_is_held_and_never_rejected(n: int, fixed: int, broken: int) -> None:
    report = decide(ALONE, evidence(n, fixed, broken))
    assert report.decision == "hold"
    assert report.needs


def test_a_hold_says_how_many_cases_would_decide_it_and_what_these_can_show() -> None:
    report = decide(ALONE, evidence(80, 12, 5))
    (need,) = report.needs
    assert "add about" in need
    assert 0 < report.detectable < 0.3


def test_without_cases_the_advice_is_to_label_more() -> None:
    report = decide(ALONE, evidence(0, 0, 0))
    assert (report.decision, report.coverage) == ("hold", 0.0)
    assert any("label more traces" in need for need in report.needs)


def test_a_handful_of_cases_ships_nothing() -> None:
    assert decide(ALONE, evidence(8, 8, 0)).decision == "hold"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_what_breaks_as_much_as_it_fixes_never_ships(a: int, b: int, unchanged: int) -> None:
    fixed, broken = min(a, b), max(a, b)
    assert decide(ALONE, evidence(fixed + broken + unchanged, fixed, broken)).decision != "ship"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_ship_and_reject_mirror_each_other_over_all_cases(fixed: int, broken: int, unchanged: int) -> None:
    n = fixed + broken + unchanged
    ships = decide(ALONE, evidence(n, fixed, broken)).decision == "ship"
    rejects = decide(ALONE, evidence(n, broken, fixed)).decision == "reject"
    assert rejects or not ships


# Guards


def test_a_mode_that_loses_its_own_cases_is_not_diluted_by_the_others() -> None:
    own = compared(14, 0, 4, "Made up", MODE)
    report = decide(ALONE, evidence(200, 60, 4, guards=(own,)))
    assert report.decision == "hold"
    assert "Made up: a loss of 30% is not excluded (0 fixed and 4 broken of 14)" in report.reason


def test_a_mode_that_is_shown_worse_is_rejected_by_name_though_the_total_improves() -> None:
    report = decide(ALONE, evidence(200, 60, 12, guards=(compared(20, 0, 12, "Made up", MODE),)))
    assert report.decision == "reject"
    assert "Made up, 0 fixed and 12 broken of 20" in report.reason
    assert report.guards[0].status == "worse"


def test_a_mode_with_fifteen_own_cases_must_exclude_a_loss_of_ten_points() -> None:
    few, many = (decide(ALONE, evidence(200, 60, 4, guards=(compared(n, 0, 0, "m", MODE),))) for n in (14, 25))
    assert (few.decision, few.guards[0].loss) == ("ship", 0.30)
    assert (many.decision, many.guards[0].loss) == ("hold", 0.10)
    (need,) = many.needs
    assert need.startswith("add about 8 test cases of m")


def test_a_mode_with_too_few_own_cases_is_named_and_ships_by_consent_only() -> None:
    found = evidence(200, 60, 4, guards=(compared(7, 3, 0, "Rude", MODE),), unguarded=(Unjudged("Slow", 4, 0),))
    held = decide(ALONE, found)
    assert held.decision == "hold"
    assert 'nothing guards "Rude": too few own test cases' in held.reason
    assert 'nothing guards "Slow": no judge of it may decide' in held.reason
    assert '("Rude" needs 3 more)' in held.needs[0]
    assert 'label 4 more fails of "Slow", so that its judge may decide' in held.needs[1]
    assert decide(replace(ALONE, consent=("Rude",)), found).decision == "hold"
    agreed = decide(replace(ALONE, consent=("Rude", "Slow")), found)
    assert agreed.decision == "ship"
    assert 'unguarded by consent: "Rude", "Slow"' in agreed.reason


def test_labels_are_not_asked_for_where_they_could_not_help() -> None:
    held = decide(ALONE, evidence(200, 60, 4, unguarded=(Unjudged("Slow", -1, -1),)))
    (need,) = held.needs
    assert "label" not in need.replace("more labels will not change that", "")
    assert '`flywheel judge tune "Slow"`' in need and "in code" in need


def test_power_is_the_smallest_effect_that_the_cases_could_show() -> None:
    (need,) = decide(ALONE, evidence(80, 12, 5)).needs
    assert "the smallest effect that 80 cases could show is" in need


def test_consent_ships_no_mode_that_is_not_shown_safe() -> None:
    found = evidence(200, 60, 4, guards=(compared(14, 0, 4, "Rude", MODE),))
    assert decide(replace(ALONE, consent=("Rude",)), found).decision == "hold"


def test_every_guard_has_to_hold() -> None:
    good = compared(60, 10, 0, "good (all cases)", ALL)
    loses = compared(60, 0, 3, "happy paths", GROUP)
    assert decide(ALONE, evidence(60, 20, 0, guards=(good,))).decision == "ship"
    assert decide(ALONE, evidence(60, 20, 0, guards=(good, loses))).decision == "hold"


def test_a_hard_rule_that_is_broken_once_rejects() -> None:
    check = Comparison("answered", ("g-0", "g-1"), {"g-0": 1.0, "g-1": 1.0}, {"g-0": 1.0, "g-1": 0.0})
    report = decide(ALONE, evidence(60, 20, 0, hard=(check,)))
    assert report.decision == "reject"
    assert "answered passed before and fails now on g-1" in report.reason
    failed_before = replace(check, before={"g-0": 1.0, "g-1": 0.0})
    assert decide(ALONE, evidence(60, 20, 0, hard=(failed_before,))).decision == "ship"


def test_a_hard_rule_of_which_an_outcome_is_missing_or_varies_lets_nothing_ship() -> None:
    check = Comparison("resisted", ("g-0", "g-1"), {"g-0": 1.0, "g-1": 1.0}, {"g-0": 1.0})
    lost = decide(ALONE, evidence(60, 20, 0, hard=(check,)))
    assert (lost.decision, "have no outcome now: g-1" in lost.reason) == ("hold", True)
    varies = replace(check, after={"g-0": 1.0, "g-1": 0.5})
    sometimes = decide(ALONE, evidence(60, 20, 0, hard=(varies,)))
    assert (sometimes.decision, "fails in some repeats: g-1" in sometimes.reason) == ("hold", True)


# Critical cases


def critical(**more: Any) -> Evidence:
    return evidence(60, 20, 0, critical=CriticalCases(("x-1", "x-2"), **more))


BOTH_PASS = {"x-1": 1.0, "x-2": 1.0}


def test_a_candidate_that_passes_its_critical_cases_ships() -> None:
    assert decide(ALONE, critical(after=BOTH_PASS)).decision == "ship"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_critical_case_that_fails_rejects_however_much_better_the_rest_is(share: float) -> None:
    report = decide(ALONE, critical(after={"x-1": 1.0, "x-2": share}))
    assert (report.decision, "critical cases fail: x-2" in report.reason) == ("reject", True)


def test_a_critical_case_without_an_outcome_lets_nothing_ship() -> None:
    report = decide(ALONE, critical(after={"x-1": 1.0}))
    assert (report.decision, "critical cases have no outcome now: x-2" in report.reason) == ("hold", True)


def test_a_critical_case_that_an_untrusted_judge_fails_waits_for_the_expert() -> None:
    doubted = critical(after=BOTH_PASS, doubted={"x-2": "Rude"})
    report = decide(ALONE, doubted)
    assert (report.decision, report.to_label) == ("hold", ("x-2",))
    assert "x-2 (by Rude)" in report.reason
    assert decide(ALONE, replace(doubted, labels={"x-2": (True, True)})).decision == "ship"
    assert decide(ALONE, replace(doubted, labels={"x-2": (True, False)})).decision == "reject"


def test_the_expert_overrules_a_judge_on_a_critical_case() -> None:
    fails = critical(after={"x-1": 0.0, "x-2": 1.0})
    assert decide(ALONE, replace(fails, labels={"x-1": (True, True)})).decision == "ship"


def test_an_accepted_failure_of_a_critical_case_may_stay() -> None:
    fails = critical(after={"x-1": 0.0, "x-2": 1.0}, accepted=frozenset({"x-1"}))
    assert decide(ALONE, fails).decision == "ship"


# What is missing


def test_a_pass_that_is_missing_after_is_a_failure_and_a_pass_that_was_missing_before_no_gain() -> None:
    compared_ = Comparison("x", ("a", "b", "c", "d"), {"a": 1.0}, {"b": 1.0, "c": 0.0})
    assert compared_.pairs() == ([1.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0])


def test_a_candidate_whose_answers_broke_never_ships() -> None:
    whole = compared(100, 12, 0)
    lost = {c: p for i, (c, p) in enumerate(whole.after.items()) if i < 75}
    report = decide(ALONE, Evidence(replace(whole, after=lost)))
    assert report.decision == "hold"
    assert "only 75% of the test cases have a known outcome" in report.reason


def test_outcomes_that_are_missing_show_no_harm() -> None:
    whole = compared(100, 0, 0)
    lost = {c: p for i, (c, p) in enumerate(whole.after.items()) if i < 60}
    assert decide(ALONE, Evidence(replace(whole, after=lost))).decision == "hold"


def test_a_few_missing_outcomes_count_against_the_candidate() -> None:
    whole = compared(100, 8, 1)
    lost = {c: p for i, (c, p) in enumerate(whole.after.items()) if i not in (96, 98)}
    complete, partly = decide(ALONE, Evidence(whole)), decide(ALONE, Evidence(replace(whole, after=lost)))
    assert (complete.overall.broken, partly.overall.broken) == (1, 3)
    assert (complete.decision, partly.decision) == ("ship", "hold")


def test_regression_cases_without_an_outcome_guard_nothing_and_count_as_unknown() -> None:
    ids = tuple(f"r-{i}" for i in range(20))
    passing = dict.fromkeys(ids, 1.0)
    guards = Comparison("regression cases", ids, passing, passing, GROUP)
    assert decide(ALONE, evidence(60, 20, 0, guards=(guards,))).coverage == 1.0
    unseen = decide(ALONE, evidence(60, 20, 0, guards=(replace(guards, before={}, after={}),)))
    assert (unseen.decision, unseen.guards[0].change.n) == ("hold", 0)
    half = dict.fromkeys(ids[:10], 1.0)
    partly = decide(ALONE, evidence(60, 20, 0, guards=(replace(guards, before=half, after=half),)))
    assert (partly.decision, partly.coverage) == ("hold", 70 / 80)


def test_a_mode_whose_cases_are_unknown_on_both_sides_is_not_safe_for_that() -> None:
    own = compared(20, 0, 0, "Made up", MODE)
    empty = replace(own, before={}, after={})
    report = decide(ALONE, evidence(200, 60, 4, guards=(empty,)))
    assert (report.decision, report.guards[0].status) == ("hold", "unguarded")


# Flipped cases


def truth(n: int, right: bool = True) -> dict[str, tuple[bool, bool]]:
    """Labels of the first `n` cases: the judges were right to see them fixed, or the expert sees no change."""
    return {f"g-{i}": (False, True) if right else (True, True) for i in range(n)}


def test_a_promising_candidate_waits_for_the_expert_to_label_its_flipped_cases() -> None:
    report = decide(a_gate(), evidence(60, 25, 2))
    assert report.decision == "hold"
    assert "label 20 flipped cases" in report.needs[0]
    assert len(report.to_label) == len(set(report.to_label)) == 20
    assert set(report.to_label) <= {f"g-{i}" for i in range(27)}


def test_the_order_of_labelling_is_no_order_of_cases_and_always_the_same() -> None:
    first, again = (decide(a_gate(), evidence(200, 60, 2)).to_label for _ in range(2))
    assert first == again != tuple(sorted(first, key=lambda c: int(c[2:])))


def test_the_next_twenty_are_asked_for_and_eighty_at_most() -> None:
    found = evidence(300, 100, 70)
    labels: dict[str, tuple[bool, bool]] = {}
    seen = []
    for _ in range(6):
        batch = decide(a_gate(), replace(found, labels=labels)).to_label
        seen.append(len(batch))
        labels = {**labels, **{c: (False, True) if int(c[2:]) < 100 else (True, False) for c in batch[:10]}}
        labels = {**labels, **dict.fromkeys(batch[10:], (True, True))}
    assert sum(seen) <= 80


def test_what_the_expert_confirms_ships() -> None:
    report = decide(a_gate(), evidence(60, 20, 0, labels=truth(20)))
    assert (report.decision, report.n_labelled) == ("ship", 20)


def test_labels_outside_of_the_round_that_is_asked_for_ship_nothing() -> None:
    """As after other answers, with which other cases flip: the judges alone would ship this one."""
    order = drawn([f"g-{i}" for i in range(60)])
    for some in (order[20:40], order[:10] + order[30:50]):
        report = decide(a_gate(), evidence(200, 60, 0, labels=dict.fromkeys(some, (False, True))))
        assert report.decision == "hold"
        assert set(report.to_label) == set(order[:20]) - set(some)
        assert f"label {len(report.to_label)} flipped cases" in report.needs[0]


def test_what_the_expert_does_not_confirm_does_not_ship_however_sure_the_judges_are() -> None:
    report = decide(a_gate(), evidence(60, 20, 0, labels=truth(20, right=False)))
    assert report.decision == "hold"
    assert (report.overall.fixed, report.overall.broken) == (0, 0)


def test_labelled_flips_stand_for_the_others() -> None:
    order = drawn([f"g-{i}" for i in range(60)])
    part, whole = (
        decide(a_gate(), evidence(200, 60, 0, labels=dict.fromkeys(order[:n], (False, True)))).overall for n in (40, 60)
    )
    assert part.difference == pytest.approx(whole.difference)
    assert part.high - part.low > whole.high - whole.low


def test_a_candidate_that_labels_could_not_save_is_no_reason_to_ask_the_expert() -> None:
    report = decide(a_gate(), evidence(12, 2, 0))
    assert (report.decision, report.to_label) == ("hold", ())


def test_the_experts_verdicts_correct_the_guards() -> None:
    own = compared(14, 0, 4, "Made up", MODE)
    whole = compared(60, 0, 4)
    whole = replace(whole, before={**whole.before, **{f"g-{i}": 0.0 for i in range(20, 50)}})
    whole = replace(whole, after={**whole.after, **{f"g-{i}": 1.0 for i in range(20, 50)}})
    labels = {**{f"g-{i}": (True, True) for i in range(4)}, **{f"g-{i}": (False, True) for i in range(20, 50)}}
    found = Evidence(whole, (own,))
    assert decide(ALONE, found).decision == "hold"
    assert decide(a_gate(), replace(found, labels=labels)).decision == "ship"


def test_a_flip_by_one_judge_that_the_expert_was_not_asked_about_keeps_the_judges_verdict() -> None:
    apart = compared(14, 0, 4, "Made up", MODE)
    apart = replace(apart, cases=tuple(f"x-{i}" for i in range(14)), before={f"x-{i}": 1.0 for i in range(14)},
                    after={f"x-{i}": float(i > 3) for i in range(14)})  # fmt: skip
    report = decide(a_gate(), evidence(60, 20, 0, guards=(apart,), labels=truth(20)))
    assert report.decision == "hold"
    assert "Made up" in report.reason


# The judges' errors, families, looks, sizes


def test_margins_are_those_that_a_judge_with_known_errors_would_show() -> None:
    perfect = compared(60, 3, 2, "m (all cases)", ALL)
    blurred = replace(perfect, judge=Youden(0.5, 0.01))
    shipped, held = (decide(ALONE, evidence(60, 20, 0, guards=(g,))) for g in (perfect, blurred))
    assert (shipped.decision, held.decision) == ("ship", "hold")


def test_the_effect_is_corrected_for_the_judges_errors() -> None:
    whole = compared(100, 20, 2)
    plain, corrected = (decide(ALONE, Evidence(replace(whole, judge=j))).overall for j in (Youden(), Youden(0.6, 0.01)))
    assert corrected.difference == pytest.approx(plain.difference / 0.6)
    assert corrected.high - corrected.low > (plain.high - plain.low) / 0.6
    assert corrected.p_better == plain.p_better


def test_cases_of_one_family_do_not_count_as_so_many() -> None:
    whole = compared(60, 9, 1)
    alone, related = (
        decide(ALONE, Evidence(whole, families=families))
        for families in ({}, {c: f"f{int(c[2:]) // 3}" for c in whole.cases})
    )
    assert alone.overall.p_better > related.overall.p_better
    assert (alone.decision, related.decision) == ("ship", "hold")


def test_later_looks_at_the_same_cases_need_more() -> None:
    first, tenth = (decide(ALONE, evidence(80, 14, 3, look=k)) for k in (1, 10))
    assert (first.decision, tenth.decision) == ("ship", "hold")
    assert "on look 10 at these test cases" in tenth.reason
    assert tenth.detectable > first.detectable


def test_all_looks_together_are_charged_once() -> None:
    assert sum(1 - a_gate().bound_at(k) for k in range(1, 2_000)) == pytest.approx(0.04, abs=1e-4)


@pytest.mark.parametrize(("after", "decision"), [(900.0, "ship"), (1_150.0, "ship"), (1_300.0, "hold")])
def test_an_answer_may_take_longer_up_to_a_floor(after: float, decision: str) -> None:
    slow = Size("the latency of an answer", "ms", 300.0, after, 1_200.0)
    assert decide(ALONE, evidence(60, 20, 0, sizes=(slow,))).decision == decision


def test_the_evidence_holds_the_numbers_of_the_total_and_of_every_guard() -> None:
    found = decide(ALONE, evidence(60, 20, 2, guards=(compared(20, 9, 1, "m", MODE),))).evidence()
    assert {k: found["overall"][k] for k in ("n", "fixed", "broken", "difference")} == {
        "n": 60, "fixed": 20, "broken": 2, "difference": 0.3,
    }  # fmt: skip
    assert (found["guards"]["m"]["fixed"], found["guards"]["m"]["broken"]) == (9, 1)
    assert (found["coverage"], found["look"], found["bound"]) == (1.0, 1, 0.98)


def test_the_same_outcomes_are_decided_the_same_way_in_any_order() -> None:
    whole = compared(40, 9, 2)
    backwards = replace(whole, cases=whole.cases[::-1], before=dict(reversed(list(whole.before.items()))))
    assert decide(ALONE, Evidence(whole)).reason == decide(ALONE, Evidence(backwards)).reason
