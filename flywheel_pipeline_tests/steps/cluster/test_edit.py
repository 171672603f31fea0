"""People's edits: ids stay, failures go where they are put, all of it is in the history; nonsense is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.steps.cluster.edit import add, find_mode, merge, move, set_status, set_text, split
from flywheel_pipeline.steps.cluster.history import Reviewed, dump_taxonomy, load_taxonomy
from flywheel_pipeline.steps.cluster.modes import current_ids
from flywheel_pipeline.steps.cluster.request import EDITS, Request, edit_taxonomy
from flywheel_pipeline_tests.steps.cluster.reviewed import MIRA, RUN, a_mode, actions, known, members

COVERS = ("steps/cluster/request.py",)

RUDE, LATE = a_mode("rude", "r1", "r2", "r3"), a_mode("late", "l1")
BOTH = known(RUDE, LATE)


def test_a_renamed_mode_keeps_its_id_and_its_failures_and_the_history_has_both_names() -> None:
    done = set_text(BOTH, MIRA, "rude", "name", "  Is   impolite ")
    assert done.mode("rude").name == "Is impolite" and members(done) == members(BOTH)
    (entry,) = done.history
    assert (entry.by, entry.at, entry.action, entry.modes) == ("mira", MIRA.at, "renamed", ("rude",))
    assert (entry.before, entry.after) == ("RUDE", "Is impolite")


def test_an_edit_that_changes_nothing_is_no_entry() -> None:
    assert set_text(BOTH, MIRA, "rude", "name", "RUDE") == BOTH
    assert set_status(BOTH, MIRA, "rude", "provisional") == BOTH


def test_a_moved_failure_is_a_persons_decision() -> None:
    done = move(BOTH, MIRA, {"r2": "r"}, "late")
    assert members(done) == {"rude": ["r1", "r3"], "late": ["l1", "r2"]}
    moved = done.mode("late").members[-1]
    assert (moved.assigned_by, moved.confidence, moved.text) == ("HUMAN", 1.0, "r")
    assert actions(done) == [("mira", "moved", ("rude", "late"))] and done.history[0].traces == ("r2",)


def test_a_failure_that_is_in_no_mode_can_be_put_into_one_or_make_one() -> None:
    put = move(BOTH, MIRA, {"x1": "strange"}, "late")
    assert members(put)["late"] == ["l1", "x1"] and put.history[0].modes == ("late",)
    made = add(BOTH, MIRA, {"x1": "strange"}, "Strange")
    assert made.modes[-1].status == "accepted" and members(made)[made.modes[-1].mode_id] == ["x1"]
    with pytest.raises(EditError, match="in no mode"):
        add(BOTH, MIRA, {"r1": "r"}, "Strange")


def test_a_merged_mode_is_retired_and_its_id_stands_for_the_other_also_when_that_is_merged_on() -> None:
    three = known(RUDE, LATE, a_mode("dull", "d1"))
    done = merge(merge(three, MIRA, "late", "rude"), MIRA, "rude", "dull")
    assert members(done) == {"rude": [], "late": [], "dull": ["d1", "r1", "r2", "r3", "l1"]}
    assert (done.mode("late").status, done.mode("late").merged_into) == ("retired", "rude")
    assert current_ids(done.modes) == {"late": "dull", "rude": "dull", "dull": "dull"}


def test_a_split_makes_an_accepted_mode_of_some_failures() -> None:
    done = split(BOTH, MIRA, "rude", ["r1", "r3"], "Shouts")
    new = done.modes[-1]
    assert (new.name, new.status) == ("Shouts", "accepted") and members(done)[new.mode_id] == ["r1", "r3"]
    assert {x.assigned_by for x in new.members} == {"HUMAN"}
    assert done.history[0].modes == ("rude", new.mode_id)


def test_what_the_pipeline_splits_is_provisional_and_not_a_persons_word() -> None:
    new = split(BOTH, RUN, "rude", ["r1"], "Shouts").modes[-1]
    assert (new.status, new.members[0].assigned_by) == ("provisional", "CODE")


def test_a_retired_mode_is_opened_again_by_accepting_it() -> None:
    retired = set_status(BOTH, MIRA, "rude", "retired")
    again = set_status(retired, MIRA, "rude", "accepted")
    assert [c.action for c in again.history] == ["retired", "reopened"]
    assert members(again) == members(BOTH) and again.mode("rude").is_live


RETIRED = set_status(BOTH, MIRA, "rude", "retired")
MERGED = merge(BOTH, MIRA, "rude", "late")


@pytest.mark.parametrize(
    ("start", "sent", "reported"),
    [
        (BOTH, {"action": "rename", "mode": "rude", "value": " "}, "between 1 and 80"),
        (BOTH, {"action": "rename", "mode": "rude", "value": "x" * 81}, "between 1 and 80"),
        (BOTH, {"action": "rename", "mode": "rude", "value": "late"}, "another mode is called 'late'"),
        (BOTH, {"action": "rename", "mode": "rude", "value": 7}, "value must be a text"),
        (BOTH, {"action": "define", "mode": "rude", "value": ""}, "one sentence"),
        (BOTH, {"action": "define", "mode": "rude", "value": "x" * 2_001}, "at most 2,000"),
        (BOTH, {"action": "rate", "mode": "rude", "value": "huge"}, "low, medium, high"),
        (BOTH, {"action": "accept", "mode": "nobody"}, "rude RUDE; late LATE"),
        (BOTH, {"action": "merge", "mode": "rude", "into": "rude"}, "into itself"),
        (RETIRED, {"action": "merge", "mode": "late", "into": "rude"}, "retired: accept it again first"),
        (RETIRED, {"action": "move", "mode": "rude", "traces": ["l1"]}, "retired: accept it again first"),
        (MERGED, {"action": "accept", "mode": "rude"}, "merged into late"),
        (BOTH, {"action": "move", "mode": "late", "traces": ["t99"]}, "labelled on the trace 't99'"),
        (BOTH, {"action": "move", "mode": "late", "traces": "r1"}, "list of 1 to"),
        (BOTH, {"action": "move", "mode": "late", "traces": []}, "list of 1 to"),
        (BOTH, {"action": "move", "mode": "late", "traces": [["r1"]]}, "list of 1 to"),
        (BOTH, {"action": "split", "mode": "rude", "traces": ["l1"], "name": "New"}, "choose failures of 'RUDE'"),
        (BOTH, {"action": "split", "mode": "late", "traces": ["l1"], "name": "New"}, "rename it instead"),
        (BOTH, {"action": "split", "mode": "rude", "traces": ["r1"], "name": "late"}, "another mode is called"),
        (BOTH, {"action": "erase", "mode": "rude"}, "one of rename, define"),
        (BOTH, {}, "one of rename, define"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(start: Reviewed, sent: dict[str, Any], reported: str) -> None:
    with pytest.raises(EditError) as refused:
        edit_taxonomy(start, MIRA, Request(sent, {}))
    assert reported in str(refused.value)


def test_a_mode_is_found_by_id_and_by_name_but_not_by_a_name_that_two_have() -> None:
    assert find_mode(BOTH, "late") is BOTH.modes[1] and find_mode(BOTH, " rude") is BOTH.modes[0]
    with pytest.raises(EditError, match="Several modes"):
        find_mode(known(a_mode("a", name="Same"), a_mode("b", name="same")), "Same")


TRACES = ["r1", "r2", "r3", "l1", "x1"]
SENT = st.fixed_dictionaries(
    {
        "action": st.sampled_from([*EDITS, "add"]),
        "mode": st.sampled_from(["rude", "late"]),
        "into": st.sampled_from(["rude", "late"]),
        "value": st.sampled_from(["Rude", "Late", "high", "", "Other"]),
        "name": st.sampled_from(["New", "Newer", "Rude"]),
        "traces": st.lists(st.sampled_from(TRACES), min_size=1, max_size=3),
    }
)


@settings(max_examples=150)
@given(st.lists(SENT, max_size=8))
def test_whatever_is_edited_no_failure_is_lost_or_doubled_and_the_file_says_it_all(edits: list[dict[str, Any]]) -> None:
    now, ids = BOTH, {"rude", "late"}
    for sent in edits:
        try:
            now = edit_taxonomy(now, MIRA, Request(sent, {"x1": "strange"}))
        except EditError:
            continue
        ids |= {m.mode_id for m in now.modes}
        places = Counter(t for traces in members(now).values() for t in traces)
        assert set(places.values()) <= {1} and {"r1", "r2", "r3", "l1"} <= set(places)
        assert {m.mode_id for m in now.modes} == ids
    text = yaml.safe_dump(dump_taxonomy(now), sort_keys=False, allow_unicode=True)
    assert load_taxonomy(yaml.safe_load(text)) == now
