"""What of a note is compared: the first point, and the same word for the same thing."""

from __future__ import annotations

import pytest

from flywheel_pipeline.steps.cluster.wording import comparable, first_point


@pytest.mark.parametrize(
    "note",
    [
        "1. Invented a discount\n2. Too long",
        "1) Invented a discount 2) Too long",
        "  1. Invented a discount 2. Too long 3. Rude",
        "1. Invented a discount",
    ],
)
def test_of_numbered_points_the_first_counts(note: str) -> None:
    assert first_point(note) == "Invented a discount"


@pytest.mark.parametrize("note", ["Charged 1. 5 times", "2. Too long", "  Rude\nand late  ", "10. item was skipped"])
def test_a_note_without_a_first_point_counts_as_a_whole(note: str) -> None:
    assert first_point(note) == note.strip()


@pytest.mark.parametrize(
    "verb", ["made up", "made-up", "makes up", "make up", "making up", "fabricated", "hallucinates"]
)
def test_inventing_is_one_word_however_it_is_called(verb: str) -> None:
    assert comparable(f"It {verb} discounts") == comparable("It invented discounts")


@pytest.mark.parametrize("words", ["hand over", "handed over", "hand-off", "handoff", "handing off", "handovers"])
@pytest.mark.parametrize("who", ["human", "colleague", "employees", "operator", "representatives"])
def test_a_handover_to_a_person_is_one_thing_however_it_is_called(words: str, who: str) -> None:
    assert comparable(f"{words} to {who}") == "handover person"


@pytest.mark.parametrize(("one", "other"), [("no handover", "handover"), ("answered only first", "answered")])
def test_words_that_turn_the_meaning_are_kept(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


def test_case_punctuation_and_words_that_carry_nothing_do_not_count() -> None:
    assert comparable("The answer was RUDE, and it is late!") == comparable("answer rude: late")


def test_a_note_without_words_compares_as_nothing() -> None:
    assert comparable("  ?!… ") == ""


@pytest.mark.parametrize("note", ["erfundene öffnungszeiten", "выдуманная скидка", "割引を捏造"])
def test_words_of_other_languages_are_kept_whole(note: str) -> None:
    assert comparable(note) == note
