"""Clusters are named in the words of their notes; a failure that fits no mode is assigned to none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.offline import taxonomy
from flywheel_pipeline.prompting import fence

DISCOUNTS = ["made up a discount", "invented a discount that does not exist", "made up a discount for students", "odd"]
NUMBERS = ["asked again for the order number", "asks for the order number that was given"]


def _reply(data: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(taxonomy.reply([{"role": "user", "content": fence(data)}])))


def _modes(*clusters: list[str]) -> list[dict[str, Any]]:
    data = {"clusters": [{"cluster_id": f"c{i}", "notes": notes} for i, notes in enumerate(clusters, 1)]}
    return list(_reply(data)["modes"])


def _assigned(note: str) -> dict[str, Any]:
    modes = [
        {"mode_id": "fm-1", "name": "Made up a discount", "definition": "", "examples": DISCOUNTS[:2]},
        {"mode_id": "fm-2", "name": "Asked for a number again", "definition": "", "examples": NUMBERS},
    ]
    return _reply({"modes": modes, "failure": {"note": note, "comment": None}})


def test_every_cluster_becomes_a_mode_of_its_own_in_order() -> None:
    assert [m["cluster_ids"] for m in _modes(DISCOUNTS, NUMBERS)] == [["c1"], ["c2"]]


def test_the_name_is_the_most_typical_note_not_the_odd_one() -> None:
    (mode,) = _modes(["odd", *DISCOUNTS[:3]])
    assert mode["name"] == "Made up a discount"


def test_the_definition_names_the_words_that_notes_share_as_people_spell_them() -> None:
    (mode,) = _modes(NUMBERS)
    shared = mode["definition"].split("share the words: ")[1]
    assert "order" in shared
    assert "number" in shared
    assert "given" not in shared


@pytest.mark.parametrize(
    ("note", "name"),
    [
        ("1. wall of text. He got lost.", "Wall of text"),
        ("says done, but nothing happened", "Says done"),
        ("one two three four five six seven eight nine ten", "One two three four five six seven eight"),
        ("größe falsch", "Größe falsch"),
    ],
)
def test_a_name_is_short_and_one_clause(note: str, name: str) -> None:
    (mode,) = _modes([note])
    assert mode["name"] == name


@pytest.mark.parametrize("notes", [["!!!"], ["no"], ["the"], ["日本語"]])
def test_notes_without_words_of_meaning_still_get_a_name_and_a_definition(notes: list[str]) -> None:
    (mode,) = _modes(notes)
    assert mode["name"]
    assert mode["definition"]


@pytest.mark.parametrize(
    ("note", "mode_id"),
    [
        ("made up a student discount", "fm-1"),
        ("inventing discounts", "fm-1"),
        ("asking for order numbers", "fm-2"),
        ("rude to the customer", "none"),
        ("", "none"),
        ("...", "none"),
    ],
)
def test_a_failure_is_assigned_by_shared_words_or_to_none(note: str, mode_id: str) -> None:
    assert _assigned(note)["mode_id"] == mode_id


def test_a_long_comment_that_says_a_code_in_passing_is_assigned_to_its_mode() -> None:
    long = "On a Tuesday the poor man wrote three polite letters about rain and we made up some discount in the end."
    assert _assigned(long)["mode_id"] == "fm-1"


def test_the_confidence_is_a_rate_and_the_quote_is_from_the_note() -> None:
    for note in ("made up a discount", "rude", "inventing discounts " * 20):
        found = _assigned(note)
        assert 0 <= found["confidence"] <= 1
        assert found["quote"] in note
    assert _assigned("made up a discount")["confidence"] == 1


def test_without_modes_a_failure_belongs_to_none() -> None:
    assert _reply({"modes": [], "failure": {"note": "made up"}})["mode_id"] == "none"


def test_equal_questions_get_equal_answers() -> None:
    assert _modes(DISCOUNTS, NUMBERS) == _modes(DISCOUNTS, NUMBERS)


def test_a_note_of_the_same_words_as_all_examples_is_assigned_to_their_mode() -> None:
    mode = {"mode_id": "fm-1", "name": "x", "definition": "", "examples": ["handover missing", "missing: handover"]}
    assert _reply({"modes": [mode], "failure": {"note": "handover missing", "comment": None}})["mode_id"] == "fm-1"
