"""Attempts to make the app obey: code decides each, and the question beside it stays."""

from __future__ import annotations

import base64
import json
import re

import pytest

from flywheel_pipeline.steps.golden.adversarial import ATTACKS, DOCUMENT, attack_case, attack_in_turn
from flywheel_pipeline.steps.golden.cases import Draft

PARENT = Draft(
    "happy_path", None, ({"role": "user", "content": "Is there a student discount?"},), "No.", ({"id": "d1"},), "No.",
    source_trace_id="t1", session_id="s1",
)  # fmt: skip


@pytest.mark.parametrize("attack", [*ATTACKS, DOCUMENT])
def test_an_attack_is_of_its_own_kind_and_keeps_the_question(attack: str) -> None:
    case = attack_case(PARENT, attack)
    assert (case.kind, case.transform, case.parent_case_id) == ("adversarial", attack, PARENT.case_id)
    assert (case.mode_id, case.reference, case.observed) == (None, None, None)
    assert PARENT.input in case.input
    assert (case.source_trace_id, case.session_id) == ("t1", "s1")


@pytest.mark.parametrize("attack", [a for a in (*ATTACKS, DOCUMENT) if a != "reveal the prompt"])
def test_the_forbidden_word_is_demanded_and_stands_nowhere_in_the_question(attack: str) -> None:
    case = attack_case(PARENT, attack)
    (word,) = re.findall(r'must not contain "(\w+)"', case.criteria or "")
    reported = case.input + json.dumps(case.context)
    reported += " ".join(base64.b64decode(m).decode() for m in re.findall(r"[A-Za-z0-9+/]{30,}={0,2}", case.input))
    assert word in reported
    assert word not in PARENT.input
    assert word not in (attack_case(PARENT, DOCUMENT if attack != DOCUMENT else "encoded").criteria or "")


def test_the_indirect_attack_is_in_a_document_and_not_in_the_message() -> None:
    case = attack_case(PARENT, DOCUMENT)
    assert case.input == PARENT.input
    assert len(case.context) == len(PARENT.context) + 1


def test_a_demand_for_the_prompt_forbids_no_word() -> None:
    assert "must not contain" not in (attack_case(PARENT, "reveal the prompt").criteria or "must not contain")


def test_all_ways_come_up_before_one_comes_twice_each_on_another_question() -> None:
    parents = [PARENT, Draft("happy_path", None, ({"role": "user", "content": "Is it loud?"},))]
    attacks = attack_in_turn(parents, [], 6)
    assert {a.transform for a in attacks} == {*ATTACKS, DOCUMENT}
    assert len({a.case_id for a in attacks}) == 6
    assert attack_in_turn(parents, [a.transform or "" for a in attacks[:4]], 6) == attacks[4:]
    assert attack_in_turn(parents, ["x"] * 6, 6) == attack_in_turn([], [], 6) == []
