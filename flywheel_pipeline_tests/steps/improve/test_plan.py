"""A lever is named on evidence for it; where there is none, the plan says what would decide."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.improve.plan import (
    FINE_TUNING,
    PROMPT,
    RETRIEVAL,
    TOOL,
    UNCLEAR,
    ModeFacts,
    Round,
    needs_for_training,
    plan_mode,
)

SURVIVED = Round("p1", (0.0,) * 10, (0.0,) * 10)


def facts(**changes: Any) -> ModeFacts:
    values: dict[str, Any] = {
        "mode_id": "fm-1", "name": "Wrong price", "n_failures": 20, "n_documents": 20, "missing": proportion(0, 10),
        "right_when_there": proportion(9, 10), "at_tool": proportion(0, 20), "judged": True, "tool_traces": (),
    }  # fmt: skip
    return ModeFacts(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "lever", "reason"),
    [
        ({}, PROMPT, "instructions are left"),
        ({"n_documents": 0, "missing": proportion(0, 0)}, PROMPT, "its traces hold no documents"),
        ({"missing": proportion(9, 10)}, RETRIEVAL, "answers with all of theirs are right in 90%"),
        ({"at_tool": proportion(18, 20)}, TOOL, "a tool call or an error of the app in 90%"),
        ({"rounds": (SURVIVED, SURVIVED), "n_families": 1000}, FINE_TUNING, "it fails after 2 gated rounds"),
        (
            {"rounds": (Round("p9", (0.0,) * 4, (1.0,) * 4),), "missing": proportion(0, 0)},
            PROMPT,
            "helps, with probability 0.99: p9: 4 fixed",
        ),
    ],
)
def test_the_lever_follows_the_evidence(changes: dict[str, Any], lever: str, reason: str) -> None:
    plan = plan_mode(facts(**changes))
    assert plan.lever == lever and reason in plan.reason
    assert plan.to_do


@pytest.mark.parametrize(
    ("changes", "to_do"),
    [
        ({"missing": proportion(0, 0)}, "name the documents that its failures need"),
        ({"missing": proportion(5, 10)}, "more than 200, the share is near one half"),
        ({"at_tool": proportion(2, 5)}, "with the first failing step"),
        ({"missing": proportion(9, 10), "right_when_there": proportion(1, 2)}, "label answers that had all"),
        ({"n_documents": 0, "missing": proportion(9, 9), "right_when_there": proportion(0, 0)}, "label answers that"),
        ({"missing": proportion(0, 0), "judged": False}, "give it an evaluator that may decide"),
        ({"rounds": (SURVIVED, SURVIVED), "n_families": 999}, "999 of 1,000 distinct families"),
    ],
)
def test_without_evidence_it_says_what_would_decide(changes: dict[str, Any], to_do: str) -> None:
    plan = plan_mode(facts(**changes))
    assert plan.lever == UNCLEAR
    assert any(to_do in line for line in plan.to_do), plan.to_do


def test_a_round_in_which_few_dev_cases_fail_is_not_survived() -> None:
    assert SURVIVED.is_survived and not Round("p2", (0.0,) * 20, (*(1.0,) * 19, 0.0)).is_survived
    assert needs_for_training(facts(rounds=(SURVIVED,), n_families=5000)) == [
        "it has survived 1 of 2 gated rounds of prompts"
    ]


def test_the_best_of_many_rounds_looks_better_by_chance_and_is_not_shown_to_help() -> None:
    lucky, idle = Round("p9", (0.0,) * 3, (1.0,) * 3), Round("p1", (1.0,) * 3, (1.0,) * 3)
    assert 0.95 < lucky.p_better < 0.99
    assert "a prompt helps" in plan_mode(facts(rounds=(lucky,))).reason
    assert "a prompt helps" not in plan_mode(facts(rounds=(*[idle] * 19, lucky))).reason


def test_the_evidence_has_an_interval_for_each_share() -> None:
    evidence = facts(rounds=(SURVIVED,)).evidence()
    assert evidence["missing_documents"]["n"] == 10 and 0 < evidence["missing_documents"]["high"] < 0.5
    assert evidence["rounds"] == ["p1: 0 fixed and 0 broken of 10 dev cases"]
