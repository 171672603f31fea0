"""The taxonomy grows: what is known stays, what is new is assigned, and people have the last word."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from flywheel_pipeline.adapters.home import Home
from flywheel_pipeline.prompting import read_fence
from flywheel_pipeline.steps.cluster.analyst import ModelAnalyst
from flywheel_pipeline.steps.cluster.ask import Assignment
from flywheel_pipeline.steps.cluster.build import Taxonomy, Unassigned, build_taxonomy
from flywheel_pipeline.steps.cluster.modes import Failure, Member, dump_modes, load_modes
from flywheel_pipeline_tests.builders import an_annotation
from flywheel_pipeline_tests.fakes import FakeEmbed
from flywheel_pipeline_tests.steps.cluster.topics import (
    FAILURES,
    TOPICS,
    a_failure,
    a_model,
    build,
    members,
    none_fits,
    places,
    places_of,
)


def test_a_first_run_groups_and_names_and_covers_every_failure_once() -> None:
    built = build(FAILURES)
    assert members(built.modes) == {"discount": {"d1", "d2", "d3"}, "handover": {"h1", "h2"}, "tone": {"t1", "t2"}}
    assert places(built.modes) == {f.trace_id: 1 for f in FAILURES}
    assert sorted(built.added) == ["discount", "handover", "tone"]
    assert {m.status for m in built.modes} == {"provisional"}


def test_a_rebuild_from_nothing_mints_the_same_modes() -> None:
    assert build(FAILURES) == build(FAILURES)


def test_a_second_run_with_nothing_new_asks_the_model_nothing_and_changes_nothing() -> None:
    first, silent = build(FAILURES), a_model()
    second = build(FAILURES, first.modes, silent)
    assert silent.asked == []
    assert second == Taxonomy(first.modes, ())


def test_a_second_run_changes_nothing_where_the_expert_and_the_model_share_a_mode() -> None:
    failures = [*FAILURES, a_failure("d9", "discount again", category="discount")]
    first = build(failures)
    assert build(failures, first.modes).modes == first.modes


def test_a_note_with_an_unusual_line_break_is_known_again_after_a_turn_through_the_file(tmp_path: Path) -> None:
    failures = [Failure.of(an_annotation(trace_id="d0", code="invented discount\x85and rude")), *FAILURES]
    home, silent = Home(tmp_path), a_model()
    home.write_yaml("modes.yaml", dump_modes(build(failures).modes))
    build(failures, load_modes(home.read_yaml("modes.yaml")), silent)
    assert silent.asked == []


def test_no_failures_make_no_modes_and_ask_nothing() -> None:
    llm = a_model()
    assert build([], (), llm) == Taxonomy((), ())
    assert llm.asked == []


def test_a_new_comment_is_assigned_to_a_known_mode() -> None:
    known, new = build(FAILURES).modes, a_failure("d4", "discount for seniors")
    built = build([*FAILURES, new], known)
    assert built.added == ()
    assert members(built.modes)["discount"] == {"d1", "d2", "d3", "d4"}
    assert {m.mode_id for m in built.modes} == {m.mode_id for m in known}


def test_only_the_new_comments_are_asked_about_in_two_passes() -> None:
    llm = a_model()
    new = [a_failure(f"d{i}", f"discount for the {i}th time") for i in range(4, 14)]
    build([*FAILURES, *new], build(FAILURES).modes, llm)
    asked = Counter(read_fence(a.messages[-1]["content"])["failure"]["note"] for a in llm.asked)
    assert asked == {f.text: 2 for f in new}


def test_comments_alike_that_fit_no_known_mode_make_a_new_one() -> None:
    known = build(FAILURES).modes
    new = [a_failure("x1", "answer in wrong language"), a_failure("x2", "wrong language in answer")]
    built = build([*FAILURES, *new], known)
    assert built.added == ("other",)
    assert built.modes[:-1] == known
    assert members(built.modes)["other"] == {"x1", "x2"}


def test_a_single_comment_that_fits_no_known_mode_is_unassigned_until_one_like_it_comes() -> None:
    known, new = build(FAILURES).modes, a_failure("x1", "answer in wrong language")
    built = build([*FAILURES, new], known)
    assert built.modes == known
    assert built.unassigned == (Unassigned("x1", "answer in wrong language", "LLM", 0.9, "fits no failure mode"),)
    assert built.n_unassigned == 1
    later = build([*FAILURES, new, a_failure("x2", "wrong language in answer")], built.modes)
    assert members(later.modes)["other"] == {"x1", "x2"}
    assert later.unassigned == ()


def test_comments_that_fit_nowhere_and_are_not_alike_make_no_mode() -> None:
    known = build(FAILURES).modes
    built = build([*FAILURES, a_failure("x1", "server crashed"), a_failure("x2", "answer in wrong language")], known)
    assert built.added == ()
    assert {x.trace_id for x in built.unassigned} == {"x1", "x2"}


def test_the_category_of_the_expert_wins_and_is_human() -> None:
    sure = a_model()
    built = build([a_failure("d1", "invented an offer", "Wrong price"), *FAILURES[1:]], (), sure)
    mode = next(m for m in built.modes if m.name == "Wrong price")
    assert mode.members == (Member("d1", "invented an offer", "HUMAN", 1.0),)
    assert mode.status == "accepted"
    assert places(built.modes)["d1"] == 1
    assert not any("invented an offer'" in str(a.messages[-1]) for a in sure.asked)


def test_a_category_given_later_moves_the_failure_and_leaves_the_rest() -> None:
    known = build(FAILURES).modes
    relabelled = [replace(f, category="TONE") if f.trace_id == "d1" else f for f in FAILURES]
    built = build(relabelled, known)
    assert members(built.modes) == {"discount": {"d2", "d3"}, "handover": {"h1", "h2"}, "tone": {"t1", "t2", "d1"}}
    assert built.added == ()


def test_a_long_category_that_is_cut_at_a_space_is_still_one_mode() -> None:
    long = Failure.of(an_annotation(category="a" * 79 + " and more"))
    assert members(build([long]).modes) == {"a" * 79: {"t1"}}


def test_a_category_whose_mode_a_person_renamed_makes_no_second_mode_of_that_id() -> None:
    failures = [a_failure("d1", "invented discount", "Wrong price"), *FAILURES[3:]]
    known = [replace(m, name="Price is off") if m.name == "Wrong price" else m for m in build(failures).modes]
    built = build(failures, known)
    assert load_modes(dump_modes(built.modes)) == list(built.modes)
    assert places(built.modes) == {f.trace_id: 1 for f in failures}


def test_a_move_that_a_person_made_in_the_file_is_kept() -> None:
    content, llm = dump_modes(build(FAILURES).modes), a_model()
    source = next(m for m in content["modes"] if m["name"] == "discount")
    target = next(m for m in content["modes"] if m["name"] == "tone")
    moved = next(m for m in source["members"] if m["trace_id"] == "d2")
    source["members"].remove(moved)
    target["members"].append(moved)
    built = build(FAILURES, load_modes(content), llm)
    assert members(built.modes)["tone"] == {"t1", "t2", "d2"}
    assert dump_modes(built.modes) == content
    assert llm.asked == []


def test_a_rename_and_a_definition_by_a_person_are_kept() -> None:
    edited = [replace(m, name=f"My {m.name}", definition="Mine.", status="accepted") for m in build(FAILURES).modes]
    assert build(FAILURES, edited).modes == tuple(edited)


def test_a_comment_that_the_expert_rewrote_is_assigned_anew_and_to_one_mode_only() -> None:
    known = build(FAILURES).modes
    rewritten = [a_failure("d1", "rude tone") if f.trace_id == "d1" else f for f in FAILURES]
    built = build(rewritten, known)
    assert members(built.modes)["tone"] == {"t1", "t2", "d1"}
    assert places(built.modes) == {f.trace_id: 1 for f in FAILURES}


def test_a_rewritten_comment_that_fits_nowhere_leaves_its_old_mode() -> None:
    known = build(FAILURES).modes
    rewritten = [a_failure("d1", "answer in wrong language") if f.trace_id == "d1" else f for f in FAILURES]
    built = build(rewritten, known)
    assert places_of(built) == {f.trace_id: 1 for f in FAILURES}
    assert [x.trace_id for x in built.unassigned] == ["d1"]


def test_a_group_of_the_failures_of_a_known_mode_is_that_mode_whatever_is_noted_now() -> None:
    known = build([a_failure("d1", "invented discount")]).modes
    built = build([a_failure("d1", "sold a discount that is none")], known)
    assert [m.mode_id for m in built.modes] == [known[0].mode_id]
    assert places(built.modes) == {"d1": 1}
    assert built.added == ()


def test_a_known_mode_stays_though_its_last_failure_moved_and_another_mode_is_new() -> None:
    known = build(FAILURES).modes
    moved = {"h1": "rude tone", "h2": "tone"}
    failures = [a_failure(f.trace_id, moved.get(f.trace_id, f.text)) for f in FAILURES]
    built = build([*failures, a_failure("x1", "answer in wrong language")], known)
    assert {m.mode_id for m in known} <= {m.mode_id for m in built.modes}
    assert members(built.modes)["tone"] == {"t1", "t2", "h1", "h2"}


def test_an_assignment_to_an_invented_mode_counts_as_none() -> None:
    known = build(FAILURES).modes
    invents = a_model(assign=lambda data: Assignment(mode_id="fm-invented", confidence=1.0))
    built = build([*FAILURES, a_failure("d4", "discount for seniors")], known, invents)
    assert built.modes == known
    assert [x.trace_id for x in built.unassigned] == ["d4"]


def test_a_mode_that_no_failure_is_confirmed_in_is_not_made() -> None:
    built = build(FAILURES, (), a_model(assign=none_fits))
    assert built.modes == ()
    assert places_of(built) == {f.trace_id: 1 for f in FAILURES}


def test_a_retired_mode_is_not_offered_and_keeps_its_failures() -> None:
    known = [replace(m, status="retired") if m.name == "tone" else m for m in build(FAILURES).modes]
    llm = a_model()
    built = build([*FAILURES, a_failure("t3", "tone of a sergeant")], known, llm)
    assert "tone" not in {m["name"] for a in llm.asked for m in read_fence(a.messages[-1]["content"]).get("modes", [])}
    assert members(built.modes)["tone"] == {"t1", "t2"}
    assert [x.trace_id for x in built.unassigned] == ["t3"]


def test_a_long_list_goes_in_batches_that_meet_the_modes_of_those_before() -> None:
    failures = [a_failure(f"{t}{i}", f"{t} number {i}") for i in range(20) for t in TOPICS]
    llm = a_model()
    analyst = ModelAnalyst(llm, FakeEmbed(), "demo", batch=15)
    built = build_taxonomy(failures, (), analyst, 8)
    assert {m.name for m in built.modes} == set(TOPICS)
    assert places(built.modes) == {f.trace_id: 1 for f in failures}
    named = [a for a in llm.asked if "clusters" in read_fence(a.messages[-1]["content"])]
    assert len(named) == 1  # the later batches met modes that they fit


def test_a_failure_that_the_model_could_not_assign_remains_in_its_group() -> None:
    built = build(FAILURES, (), a_model(assign=lambda data: "timeout"))
    assert members(built.modes) == {"discount": {"d1", "d2", "d3"}, "handover": {"h1", "h2"}, "tone": {"t1", "t2"}}
    assert {x.assigned_by for m in built.modes for x in m.members} == {"CODE"}


def test_a_failure_that_no_answer_came_for_waits_and_is_asked_about_again() -> None:
    known, new = build(FAILURES).modes, a_failure("new", "discount for pensioners")
    waiting = build([*FAILURES, new], known, a_model(assign=lambda _: "provider is down"))
    assert waiting.modes == known
    assert members(build([*FAILURES, new], waiting.modes).modes)["discount"] == {"d1", "d2", "d3", "new"}
