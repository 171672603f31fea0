"""Proposed cases wait until a person decides, and every decision is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.errors import CorruptFileError, HomeError
from flywheel_pipeline.steps.golden.cases import Draft
from flywheel_pipeline.steps.golden.proposals import (
    ProposedCase,
    decide_proposals,
    describe_proposal,
    dump_proposal,
    load_pending,
)
from flywheel_pipeline_tests.builders import a_case, a_conversation


def a_proposal(text: str, realism: int | None = 4) -> ProposedCase:
    messages = tuple(a_conversation("Hello", "Hi", text))
    return ProposedCase(Draft("synthetic", "fm-1", messages, context=({"id": "d"},), transform="paraphrase"), realism)


ONE, TWO, THREE = a_proposal("one"), a_proposal("two", None), a_proposal("three")
ROWS: list[dict[str, Any]] = [json.loads(json.dumps(dump_proposal(p))) for p in (ONE, TWO, THREE)]


def decided(accept: list[str], reject: list[str], rows: list[dict[str, Any]] = ROWS) -> list[dict[str, Any]]:
    return [*rows, *decide_proposals(load_pending(rows), accept, reject, "because", "2025-06-02T12:00:00Z")]


def test_proposals_come_back_from_their_lines_as_they_were_written() -> None:
    assert load_pending(ROWS).waiting == (ONE, TWO, THREE)
    assert load_pending([]).all == ()


def test_a_decision_takes_a_case_off_the_list_and_is_remembered() -> None:
    rows = decided([ONE.case_id[:8]], [TWO.case_id])
    pending = load_pending(rows)
    assert (pending.waiting, pending.accepted, pending.rejected) == ((THREE,), (ONE,), (TWO,))
    assert rows[: len(ROWS)] == ROWS
    assert rows[-1]["reason"] == "because"


def test_an_accepted_case_joins_until_it_is_there() -> None:
    pending = load_pending(decided([ONE.case_id], []))
    assert pending.joining([]) == [ONE.draft]
    assert pending.joining([a_case(case_id=ONE.case_id)]) == []


def test_all_means_all_that_wait() -> None:
    assert load_pending(decided(["all"], [])).accepted == (ONE, TWO, THREE)
    assert load_pending(decided([], ["all"], decided([ONE.case_id], []))).rejected == (TWO, THREE)


@pytest.mark.parametrize(("accept", "reject"), [(["g-zzz"], []), (["g-"], []), (["all"], [ONE.case_id])])
def test_an_unknown_an_ambiguous_and_a_contradictory_decision_are_refused(accept: list[str], reject: list[str]) -> None:
    with pytest.raises(HomeError):
        decided(accept, reject)


def test_what_is_decided_does_not_wait_any_more() -> None:
    with pytest.raises(HomeError, match="No waiting case begins with"):
        decided([ONE.case_id], [], decided([], [ONE.case_id]))


@pytest.mark.parametrize(
    "row",
    [
        {"entry": "accepted", "case_id": "g-unknown"},
        {"entry": "burnt", "case_id": ONE.case_id},
        {"case_id": "g-1"},
        {"case_id": "g-1", "kind": "synthetic", "mode_id": None, "messages": []},
        {**ROWS[0], "kind": "happy_path"},
        {**ROWS[0], "messages": a_conversation("another text")},
    ],
)
def test_a_line_that_makes_no_sense_or_was_changed_is_refused_by_number(row: dict[str, Any]) -> None:
    with pytest.raises(CorruptFileError, match="line 4"):
        load_pending([*ROWS, row])


def test_a_person_sees_the_case_its_making_and_no_control_characters() -> None:
    text = describe_proposal(a_proposal("wipe \x1b[2J the screen"))
    assert "paraphrase" in text and "4 of 5" in text and "Hello" in text
    assert "\x1b" not in text and "wipe" in text
