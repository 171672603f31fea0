"""The turns of the flywheel, from a log of decisions and the moves of production."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from flywheel_pipeline.records import FlywheelTurn, Json
from flywheel_pipeline.steps.deploy.turns import (
    NOT_MEASURED,
    NOT_PROMOTED,
    Gain,
    TurnNote,
    build_turns,
    decided_of,
    describe_decision,
)
from flywheel_pipeline_tests.builders import a_candidate

HELD = TurnNote(
    at="2026-01-05T00:00:00.5Z", base="v1", candidate="v2", decision="hold", reason="label 3 flips", n_labels=90,
    modes={"fm-1": "Made it up", "fm-2": "Too long"}, test={"difference": 0.1, "low": -0.02, "high": 0.22},
    traffic={"problem": "no judge"}, failures_at="2026-01-01T00:00:00Z", n_calls=100, cost_usd=1.5,
)  # fmt: skip
SHIPPED = replace(
    HELD, at="2026-01-06T00:00:00Z", decision="ship", reason="5 fixed", n_labels=93, n_calls=0, cost_usd=0.0
)
NEXT = replace(
    HELD, at="2026-02-01T00:00:00Z", base="v2", candidate="v3", decision="reject", reason="worse", n_labels=150,
    modes={"fm-2": "Too long", "fm-3": "Cannot find it"}, traffic={"difference": 0.05, "low": 0.0, "high": 0.1},
    n_calls=7, cost_usd=None,
)  # fmt: skip
MOVES = [("v1", "2026-01-01T00:00:00Z"), ("v2", "2026-01-08T12:00:00Z")]


def turns(*notes: TurnNote, moves: list[tuple[str, str]] = MOVES, **seen: Gain) -> list[FlywheelTurn]:
    return build_turns(notes, moves, {tuple(k.split("_")): v for k, v in seen.items()})  # type: ignore[misc]


def test_decisions_on_one_candidate_are_one_turn_and_its_last_decision_counts() -> None:
    first, second = turns(HELD, SHIPPED, NEXT)
    assert (first.turn, first.decision, first.reason, first.n_calls, first.cost_usd) == (1, "ship", "5 fixed", 100, 1.5)
    assert (second.turn, second.base_version, second.candidate_id, second.decision) == (2, "v2", "v3", "reject")


def test_labels_and_modes_are_those_since_the_turn_before() -> None:
    first, second = turns(HELD, SHIPPED, NEXT)
    assert (first.labels_added, json.loads(first.new_modes)) == (93, ["Made it up", "Too long"])
    assert (second.labels_added, json.loads(second.new_modes)) == (57, ["Cannot find it"])
    assert turns(HELD, replace(NEXT, n_labels=80))[1].labels_added == -10  # a label file was withdrawn


def test_a_candidate_that_is_decided_again_after_another_one_takes_no_labels_or_modes_from_it() -> None:
    other = replace(NEXT, base="v1")
    again = replace(SHIPPED, at="2026-03-01T00:00:00Z", n_labels=200, modes={**other.modes, "fm-4": "Rude"})
    first, second = turns(HELD, other, again)
    assert (first.labels_added, second.labels_added) == (90 + 50, 60)
    assert json.loads(first.new_modes) == ["Made it up", "Rude", "Too long"]
    assert json.loads(second.new_modes) == ["Cannot find it"]


def test_an_unknown_price_makes_the_cost_of_its_turn_unknown_and_of_no_other() -> None:
    assert [t.cost_usd for t in turns(HELD, NEXT)] == [1.5, None]
    assert turns(replace(HELD, cost_usd=None), SHIPPED)[0].cost_usd is None


def test_the_time_from_trace_to_fix_ends_with_the_promotion() -> None:
    first, second = turns(SHIPPED, NEXT)
    assert (first.promoted_at, first.hours_to_fix) == (datetime(2026, 1, 8, 12), 7.5 * 24)
    assert (second.promoted_at, second.hours_to_fix) == (None, None)


@pytest.mark.parametrize("failures_at", [None, "2026-03-01T00:00:00Z"])
def test_a_fix_that_would_come_before_the_failure_has_no_time(failures_at: str | None) -> None:
    assert turns(replace(SHIPPED, failures_at=failures_at))[0].hours_to_fix is None


def test_going_back_to_an_earlier_prompt_is_a_rollback_and_going_on_is_none() -> None:
    back = turns(SHIPPED, NEXT, moves=[*MOVES, ("v1", "2026-01-09T00:00:00Z")])
    assert back[0].rolled_back_at == datetime(2026, 1, 9)
    on = turns(SHIPPED, NEXT, moves=[*MOVES, ("v3", "2026-02-02T00:00:00Z")])
    assert [t.rolled_back_at for t in on] == [None, None] and on[1].promoted_at == datetime(2026, 2, 2)


def test_what_is_not_known_is_empty_and_has_a_reason() -> None:
    first, second = turns(SHIPPED, NEXT)
    assert (first.predicted_gain, first.predicted_reason) == (None, "no judge")
    assert (first.realised_gain, first.realised_reason) == (None, NOT_MEASURED)
    assert (second.realised_gain, second.realised_reason) == (None, NOT_PROMOTED)
    assert (second.predicted_gain, second.predicted_reason) == (0.05, "")


def test_pass_rates_by_labels_under_both_prompts_are_what_a_turn_realised_and_come_before_judges() -> None:
    before = replace(SHIPPED, production={"value": 0.55, "low": 0.42, "high": 0.67, "n": 86})
    after = replace(NEXT, production={"value": 0.68, "low": 0.58, "high": 0.77, "n": 90})
    first, _ = turns(before, after, v1_v2=Gain(0.5, 0.4, 0.6))
    assert first.realised_gain == pytest.approx(0.13) and "n=86 before and n=90 after" in first.realised_basis
    assert first.realised_low is not None and first.realised_low < 0 < 0.25 < (first.realised_high or 0)
    assert turns(before, NEXT)[0].realised_reason == NOT_MEASURED


def test_what_production_showed_is_beside_what_was_predicted() -> None:
    (first,) = turns(SHIPPED, v1_v2=Gain(0.04, -0.01, 0.09))
    assert (first.realised_gain, first.realised_low, first.realised_high, first.realised_reason) == (
        0.04,
        -0.01,
        0.09,
        "",
    )


def test_a_decision_that_says_the_same_again_is_not_worth_a_line() -> None:
    again = replace(HELD, at="2026-01-05T08:00:00Z", n_calls=0, cost_usd=0.0)
    assert not again.says_more_than(HELD)
    assert replace(again, n_calls=1).says_more_than(HELD)
    assert SHIPPED.says_more_than(HELD) and HELD.says_more_than(None)


def test_the_candidate_of_a_turn_is_the_one_that_met_the_gate() -> None:
    leaking = a_candidate(candidate_id="x", decision="reject", reason="it holds text of held-out cases")
    met = a_candidate(
        candidate_id="y", decision="hold",
        evidence=Json('{"overall": {"difference": 0.1, "low": 0, "high": 0.2, "n": 5}, "traffic": {"problem": "why"}}'),
    )  # fmt: skip
    assert decided_of([leaking, met]) is met and decided_of([leaking]) is leaking
    assert describe_decision(met)["test"] == {"difference": 0.1, "low": 0, "high": 0.2}
    assert decided_of([a_candidate(decision=None)]) is None
    assert describe_decision(None)["decision"] == "none"
