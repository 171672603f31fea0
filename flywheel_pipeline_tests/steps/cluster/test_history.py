"""What somebody changed in the file itself is recognised at the next run, once, and becomes an entry of the history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.steps.cluster.edit import merge, move, set_status, set_text, split
from flywheel_pipeline.steps.cluster.history import (
    BY_HAND,
    Author,
    Recorded,
    Reviewed,
    dump_taxonomy,
    load_taxonomy,
    note_hand_edits,
)
from flywheel_pipeline.steps.cluster.modes import Mode, dump_modes
from flywheel_pipeline_tests.steps.cluster.reviewed import MIRA, a_mode, actions, known, members

HAND = Author(BY_HAND, "2025-06-10T02:00:00Z")
BEFORE = known(a_mode("rude", "r1", "r2", "r3"), a_mode("late", "l1", "l2"))


def recorded(of: Reviewed) -> Recorded:
    """What a run writes into the tables: nothing of modes that were merged away."""
    modes = {m.mode_id: replace(m, members=(), severity=None) for m in of.modes if not m.merged_into}
    return Recorded(modes, of.place_of())


def by_hand(changed: Reviewed, before: Reviewed = BEFORE) -> Reviewed:
    found = note_hand_edits(changed, recorded(before), HAND)
    assert note_hand_edits(found, recorded(found), HAND) == found  # once, and the tables follow
    return found


def with_mode(mode_id: str, start: Reviewed = BEFORE, **changes: Any) -> Reviewed:
    return start.with_modes(replace(start.mode(mode_id), **changes))


def test_a_file_that_nobody_touched_gets_no_entries() -> None:
    assert by_hand(BEFORE) == BEFORE


def test_without_a_recorded_state_nothing_is_known_to_be_changed() -> None:
    assert note_hand_edits(BEFORE, Recorded(), HAND) == BEFORE


@pytest.mark.parametrize(
    ("changes", "action", "before", "after"),
    [
        ({"name": "Impolite"}, "renamed", "RUDE", "Impolite"),
        ({"definition": "Else."}, "redefined", "It belongs here.", "Else."),
        ({"severity": "high"}, "rated", "", "high"),
        ({"status": "accepted"}, "accepted", "", ""),
        ({"status": "retired"}, "retired", "", ""),
    ],
)
def test_a_changed_field_is_an_entry_with_both_values(
    changes: dict[str, Any], action: str, before: str, after: str
) -> None:
    (entry,) = by_hand(with_mode("rude", **changes)).history
    assert (entry.by, entry.action, entry.modes, entry.before, entry.after) == (
        BY_HAND,
        action,
        ("rude",),
        before,
        after,
    )


def test_an_edit_by_command_is_not_taken_for_one_by_hand() -> None:
    done = set_text(BEFORE, MIRA, "rude", "name", "Impolite")
    done = set_text(done, MIRA, "rude", "severity", "high")
    done = move(done, MIRA, {"r1": "r"}, "late")
    done = split(done, MIRA, "rude", ["r2"], "Shouts")
    done = merge(done, MIRA, "late", "rude")
    done = set_status(done, MIRA, "rude", "retired")
    assert by_hand(done) == done


def test_an_edit_by_hand_after_one_by_command_is_an_entry_too() -> None:
    done = set_text(BEFORE, MIRA, "rude", "name", "Impolite")
    back = by_hand(with_mode("rude", done, name="RUDE"))
    assert [(c.before, c.after) for c in back.history] == [("RUDE", "Impolite"), ("Impolite", "RUDE")]


def test_a_failure_that_was_moved_by_hand_is_that_persons_decision() -> None:
    rude, late = BEFORE.modes
    moved = BEFORE.with_modes(
        replace(rude, members=rude.members[1:]), replace(late, members=(*late.members, rude.members[0]))
    )
    found = by_hand(moved)
    assert actions(found) == [(BY_HAND, "moved", ("rude", "late"))] and found.history[0].traces == ("r1",)
    assert [x.assigned_by for x in found.mode("late").members] == ["LLM", "LLM", "HUMAN"]


def test_a_mode_whose_block_was_joined_to_another_was_merged_into_it() -> None:
    rude, late = BEFORE.modes
    found = by_hand(known(replace(rude, members=(*rude.members, *late.members))))
    assert found.mode("late").merged_into == "rude" and actions(found) == [(BY_HAND, "merged", ("late", "rude"))]
    assert members(found) == {"rude": ["r1", "r2", "r3", "l1", "l2"], "late": []}


def test_a_mode_that_was_deleted_with_its_failures_was_removed() -> None:
    found = by_hand(known(BEFORE.modes[0]))
    assert actions(found) == [(BY_HAND, "removed", ("late",))] and members(found) == {"rude": ["r1", "r2", "r3"]}


def test_a_mode_that_was_written_by_hand_was_added() -> None:
    found = by_hand(BEFORE.with_modes(a_mode("mine", "m1")))
    assert actions(found) == [(BY_HAND, "added", ("mine",))]


def test_a_merge_that_was_written_by_hand_is_noted() -> None:
    rude, late = BEFORE.modes
    done = known(
        replace(rude, members=(*rude.members, *late.members)),
        replace(late, members=(), status="retired", merged_into="rude"),
    )
    assert actions(by_hand(done)) == [(BY_HAND, "merged", ("late", "rude"))]


def test_a_file_from_before_there_was_a_history_loads_and_is_written_as_it_was() -> None:
    old = {
        "modes": [
            {
                "mode_id": "fm-1", "name": "Rude", "definition": "d", "status": "provisional",
                "members": [{"trace_id": "t1", "text": "rude", "assigned_by": "LLM", "confidence": 0.9}],
            }
        ]
    }  # fmt: skip
    assert dump_taxonomy(load_taxonomy(old)) == old


def test_what_a_person_leaves_out_of_a_member_means_that_they_decided() -> None:
    mode = {"mode_id": "fm-1", "name": "Rude", "definition": "d", "members": [{"trace_id": "t1", "text": "rude"}]}
    (member,) = load_taxonomy({"modes": [mode]}).modes[0].members
    assert (member.assigned_by, member.confidence) == ("HUMAN", 1.0)


RUDE: dict[str, Any] = {"mode_id": "a", "name": "Rude", "definition": "d"}
GONE: dict[str, Any] = {"mode_id": "b", "name": "Late", "definition": "d", "status": "retired"}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"modes": [{**RUDE, "status": "closed"}]}, "a: the status must be one of provisional, accepted, retired"),
        ({"modes": [{**RUDE, "severity": "huge"}]}, "a: the severity must be one of low, medium, high"),
        ({"modes": [RUDE, {**GONE, "merged_into": "c"}]}, "b is merged into c"),
        ({"modes": [RUDE, {**GONE, "merged_into": "a", "status": "accepted"}]}, "b retired"),
        ({"modes": [{**RUDE, "status": "retired", "merged_into": "b"}, {**GONE, "merged_into": "a"}]}, "each other"),
        ({"modes": [RUDE], "history": {"at": "now"}}, "`history` must be a list"),
        ({"modes": [RUDE], "history": ["renamed"]}, "no entry of a history"),
        ({"modes": [RUDE], "history": [{"at": "now", "colour": "red"}]}, "colour"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_and_the_place_named(content: Any, named: str) -> None:
    with pytest.raises(CorruptFileError) as refused:
        load_taxonomy(content)
    assert named in str(refused.value) and "failure_modes.yaml" in str(refused.value)


def test_what_is_optional_and_not_said_is_not_in_the_file() -> None:
    (plain,) = dump_modes([Mode("fm-1", "Rude", "d")])["modes"]
    assert list(plain) == ["mode_id", "name", "definition", "status", "members"]
    (author,) = dump_modes([Mode("fm-1", "Rude", "d", severity="high", note="mine")])["modes"]
    assert (author["severity"], author["note"]) == ("high", "mine")
