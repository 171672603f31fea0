"""The reviewed taxonomy file: what is written is read back, and what is broken is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.steps.cluster.modes import (
    Failure,
    Member,
    Mode,
    dump_modes,
    load_modes,
    mint_mode,
    taxonomy_version,
)
from flywheel_pipeline_tests.builders import an_annotation

NEL = "\x85"  # PyYAML reads this line break back as a blank; `test_build` shows that the second run does not mind
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=NEL), max_size=40)
WORDS = TEXT.filter(str.strip)
MEMBERS = st.builds(
    Member,
    trace_id=WORDS,
    text=TEXT,
    assigned_by=st.sampled_from(["HUMAN", "LLM", "CODE"]),
    confidence=st.floats(0, 1),
)
MODES = st.lists(
    st.builds(
        Mode,
        mode_id=st.from_regex(r"fm-[0-9a-f]{8}", fullmatch=True),
        name=WORDS,
        definition=TEXT,
        status=st.sampled_from(["provisional", "accepted"]),
        members=st.lists(MEMBERS, max_size=3, unique_by=lambda m: m.trace_id).map(tuple),
    ),
    max_size=3,
    unique_by=lambda m: m.mode_id,
).filter(lambda modes: len(traces := [x.trace_id for m in modes for x in m.members]) == len(set(traces)))


def a_mode(**changes: Any) -> Mode:
    return replace(Mode("fm-1", "Invented facts", "It claims what no document says."), **changes)


@settings(max_examples=60, deadline=None)
@given(MODES)
def test_modes_come_back_from_yaml_as_they_were_written(modes: list[Mode]) -> None:
    text = yaml.safe_dump(dump_modes(modes), sort_keys=False, allow_unicode=True, width=100)
    assert load_modes(yaml.safe_load(text)) == modes


@pytest.mark.parametrize("content", [None, {}, {"modes": None}, {"modes": []}])
def test_an_empty_file_holds_no_modes(content: dict[str, Any] | None) -> None:
    assert load_modes(content) == []


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"modes": [{"name": "Rude", "definition": "d"}]}, "mode_id"),
        ({"modes": [{"mode_id": "fm-1", "definition": "d"}]}, "name"),
        ({"modes": [{"mode_id": "fm-1", "name": "Rude", "definition": "d", "colour": "red"}]}, "colour"),
        ({"modes": [{"mode_id": "fm-1", "name": "Rude", "definition": "d", "members": [{"trace_id": "t1"}]}]}, "text"),
        ({"modes": [{"mode_id": "fm-1", "name": "Rude", "definition": "d", "members": ["t1"]}]}, "fm-1"),
        ({"modes": [{"mode_id": "fm-1", "name": "Rude", "definition": "d", "members": 7}]}, "fm-1"),
        ({"modes": [{"mode_id": "fm-1", "name": None, "definition": "d"}]}, "fm-1"),
        ({"modes": [{"mode_id": "fm-1", "name": "", "definition": "d"}]}, "fm-1"),
        ({"modes": [{"mode_id": None, "name": "Rude", "definition": "d"}]}, "Rude"),
        ({"modes": ["Rude"]}, "Rude"),
        ({"modes": {"fm-1": {"name": "Rude"}}}, "modes"),
        ([{"mode_id": "fm-1", "name": "Rude", "definition": "d"}], "modes"),
    ],
    ids=str,
)
def test_a_file_that_a_person_broke_is_refused_and_the_place_named(content: Any, named: str) -> None:
    with pytest.raises(CorruptFileError) as refused:
        load_modes(content)
    assert "failure_modes.yaml" in str(refused.value)
    assert named in str(refused.value)


def test_two_modes_with_one_id_are_refused() -> None:
    with pytest.raises(CorruptFileError, match="share an id"):
        load_modes(dump_modes([a_mode(), a_mode(name="Another")]))


def test_a_rename_in_the_file_keeps_id_and_members() -> None:
    made = replace(mint_mode("Invented", "d", ["t1"]), members=(Member("t1", "note", "CODE", 0.5),))
    content = dump_modes([made])
    content["modes"][0]["name"] = "Claims what no document says"
    (read,) = load_modes(content)
    assert (read.mode_id, read.members) == (made.mode_id, made.members)


def test_a_rebuild_from_the_same_failures_mints_the_same_id_in_any_order() -> None:
    assert mint_mode("Rude", "d", ["t2", "t1"]).mode_id == mint_mode("Rude", "other words", ["t1", "t2"]).mode_id


def test_other_failures_mint_another_id() -> None:
    assert mint_mode("Rude", "d", ["t1"]).mode_id != mint_mode("Rude", "d", ["t2"]).mode_id


def test_the_version_does_not_depend_on_members_and_status() -> None:
    grown = a_mode(members=(Member("t1", "note", "LLM", 0.9),), status="accepted")
    assert taxonomy_version([grown]) == taxonomy_version([a_mode()])


@pytest.mark.parametrize("changes", [{"name": "Made up"}, {"definition": "Other."}, {"mode_id": "fm-2"}])
def test_the_version_depends_on_what_the_modes_mean(changes: dict[str, str]) -> None:
    assert taxonomy_version([a_mode(**changes)]) != taxonomy_version([a_mode()])


def test_the_examples_of_a_mode_are_the_different_notes_of_its_first_members() -> None:
    notes = ["rude", "rude", "late", "long", "vague"]
    mode = a_mode(members=tuple(Member(f"t{i}", note, "LLM", 1.0) for i, note in enumerate(notes)))
    assert mode.examples(3) == ["rude", "late", "long"]


def test_a_failure_is_clustered_by_its_code_else_by_its_comment() -> None:
    assert Failure.of(an_annotation(code="made up", comment="There is none.")).text == "made up"
    assert Failure.of(an_annotation(code=None, comment="There is none.")).text == "There is none."


@pytest.mark.parametrize(
    ("written", "read"), [("Rude, Late", "Rude"), (" Rude ", "Rude"), (None, None), ("", None), (" , Late", None)]
)
def test_of_several_categories_the_first_counts(written: str | None, read: str | None) -> None:
    assert Failure.of(an_annotation(category=written)).category == read


def test_a_failure_copied_into_a_second_mode_is_reported() -> None:
    member = Member("t1", "made up", "HUMAN", 1.0)
    content = dump_modes([a_mode(members=(member,)), a_mode(mode_id="fm-2", members=(member,))])
    with pytest.raises(CorruptFileError, match="t1 is a member twice"):
        load_modes(content)
