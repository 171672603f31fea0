"""What people decided stands, whatever labels, models and clusters say later."""

from __future__ import annotations

from dataclasses import replace

from flywheel_pipeline.steps.cluster.edit import merge, move, set_status, set_text
from flywheel_pipeline.steps.cluster.history import BY_HAND, Recorded, note_hand_edits
from flywheel_pipeline.steps.cluster.human_decisions import add_built_modes, apply_human_decisions
from flywheel_pipeline_tests.steps.cluster.reviewed import MIRA, RUN, a_failure, a_mode, actions, known, members

BOTH = known(a_mode("rude", "r1", "r2"), a_mode("late", "l1"))


def test_a_move_by_a_person_stands_against_the_category_of_the_label() -> None:
    moved = move(BOTH, MIRA, {"r1": "r"}, "late")
    decided = apply_human_decisions(moved, [a_failure("r1", "RUDE"), a_failure("r2", "RUDE")], RUN)
    assert [f.category for f in decided.failures] == ["LATE", "RUDE"]


def test_a_move_by_a_person_stands_though_the_comment_was_rewritten() -> None:
    moved = move(BOTH, MIRA, {"r1": "r"}, "late")
    decided = apply_human_decisions(
        moved, [a_failure("r1", text="other words"), a_failure("r2", text="other words")], RUN
    )
    assert {x.trace_id: x.text for m in decided.live for x in m.members} == {"r1": "other words", "r2": "r", "l1": "l"}


def test_a_category_follows_its_mode_through_renames_and_merges() -> None:
    renamed = set_text(BOTH, MIRA, "rude", "name", "Impolite")
    assert apply_human_decisions(renamed, [a_failure("x1", "Rude")], RUN).failures[0].category == "Impolite"
    merged = merge(renamed, MIRA, "rude", "late")
    for category in ("rude", "impolite", "late"):
        assert apply_human_decisions(merged, [a_failure("x1", category)], RUN).failures[0].category == "LATE"


def test_a_category_of_a_present_mode_is_not_taken_for_a_former_name() -> None:
    renamed = set_text(set_text(BOTH, MIRA, "rude", "name", "Impolite"), MIRA, "late", "name", "Rude")
    assert apply_human_decisions(renamed, [a_failure("x1", "rude")], RUN).failures[0].category == "Rude"


def test_a_new_category_is_left_alone() -> None:
    assert apply_human_decisions(BOTH, [a_failure("x1", "Strange")], RUN).failures[0].category == "Strange"


def test_a_retired_mode_takes_no_failures_and_keeps_its_own() -> None:
    retired = set_status(BOTH, MIRA, "rude", "retired")
    decided = apply_human_decisions(retired, [a_failure("r1"), a_failure("r2", "rude"), a_failure("x1")], RUN)
    assert [m.mode_id for m in decided.live] == ["late"]
    assert [f.trace_id for f in decided.failures] == ["x1"]
    assert decided.known == retired


def test_a_retired_mode_that_the_expert_names_again_is_open_again() -> None:
    retired = set_status(BOTH, MIRA, "rude", "retired")
    decided = apply_human_decisions(retired, [a_failure("x1", "Rude")], RUN)
    assert [m.mode_id for m in decided.live] == ["rude", "late"]
    assert actions(decided.known)[-1] == ("flywheel", "reopened", ("rude",))


def test_what_was_built_keeps_the_order_of_the_file_and_retired_modes() -> None:
    three = known(a_mode("rude", "r1"), a_mode("old", "o1", status="retired"), a_mode("late", "l1"))
    decided = apply_human_decisions(three, [], RUN)
    late, rude = a_mode("late", "l1", "l2"), a_mode("rude", "r1")
    done = add_built_modes(decided, [late, rude, a_mode("new", "n1")], RUN)
    assert list(members(done)) == ["rude", "old", "late", "new"]
    assert members(done)["late"] == ["l1", "l2"]
    assert [(c.action, c.modes, c.after) for c in done.history] == [("added", ("new",), "NEW")]


def test_a_mode_that_is_built_again_after_it_was_merged_goes_where_it_was_merged_into() -> None:
    merged = merge(BOTH, MIRA, "rude", "late")
    decided = apply_human_decisions(merged, [], RUN)
    emptied = replace(decided, known=known(*(replace(m, members=()) for m in merged.modes)))
    assert members(add_built_modes(emptied, [a_mode("rude", "r1")], RUN)) == {"rude": [], "late": ["r1"]}


def test_failures_in_the_same_words_follow_the_one_that_a_person_placed() -> None:
    decided = apply_human_decisions(move(BOTH, MIRA, {"r1": "r"}, "late"), [a_failure("r1"), a_failure("r2")], RUN)
    assert members(decided.known) == {"rude": [], "late": ["l1", "r1", "r2"]}
    assert actions(decided.known)[-1] == ("flywheel", "moved", ("rude", "late"))
    assert [x.assigned_by for x in decided.known.mode("late").members] == ["LLM", "HUMAN", "CODE"]
    assert apply_human_decisions(decided.known, [a_failure("r1"), a_failure("r2")], RUN).known == decided.known


def test_where_people_put_the_same_words_into_several_modes_nothing_follows() -> None:
    three = known(a_mode("rude", "r1", "r2", "r3"), a_mode("late", "l1"), a_mode("odd"))
    split_up = move(move(three, MIRA, {"r1": "r"}, "late"), MIRA, {"r2": "r"}, "odd")
    decided = apply_human_decisions(split_up, [a_failure(t) for t in ("r1", "r2", "r3")], RUN)
    assert members(decided.known) == {"rude": ["r3"], "late": ["l1", "r1"], "odd": ["r2"]}


def test_a_run_that_was_killed_before_it_wrote_the_tables_is_not_mistaken_for_a_person() -> None:
    tables = Recorded({m.mode_id: m for m in BOTH.modes}, BOTH.place_of())
    decided = apply_human_decisions(BOTH, [], RUN)
    late = replace(a_mode("late", "l1"), members=a_mode("late", "l1", "r2").members)
    written = add_built_modes(
        decided, [a_mode("rude", "r1"), late, a_mode("new", "n1")], RUN
    )  # and then the process is killed
    assert actions(written) == [("flywheel", "added", ("new",)), ("flywheel", "moved", ("rude", "late"))]
    assert note_hand_edits(written, tables, replace(RUN, by=BY_HAND)) == written


def test_a_group_that_a_run_names_keeps_the_texts_that_a_person_has_set() -> None:
    group = a_mode("late", "l1", definition="")
    found = set_text(known(a_mode("rude", "r1", definition=""), group), MIRA, "rude", "name", "Is impolite")
    built = [replace(m, name="Answers late", definition="It comes late.", belongs="b") for m in found.modes]
    after = add_built_modes(apply_human_decisions(found, [], RUN), built, RUN)
    assert [(m.name, m.definition) for m in after.modes] == [
        ("Is impolite", "It comes late."),
        ("Answers late", "It comes late."),
    ]
    assert [(c.by, c.action, c.modes[0]) for c in after.history if c.action in ("renamed", "redefined")] == [
        ("mira", "renamed", "rude"),
        ("flywheel", "redefined", "rude"),
        ("flywheel", "renamed", "late"),
        ("flywheel", "redefined", "late"),
    ]
    recorded = Recorded({m.mode_id: m for m in found.modes}, found.place_of())
    assert note_hand_edits(after, recorded, replace(MIRA, by=BY_HAND)) == after
