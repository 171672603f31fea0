"""What of a comment is compared: the first point; and which comments are in the same words."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.cluster.modes import Failure
from flywheel_pipeline.steps.cluster.preprocess import Note, first_point, join_same_words, same_words


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
    "other", ["handoff should have occurred", "Handoff  should have occurred.", "HANDOFF should…have occurred!"]
)
def test_case_punctuation_and_spacing_make_no_other_words(other: str) -> None:
    assert same_words(other) == same_words("Handoff should have occurred")


@pytest.mark.parametrize("other", ["Handoff should not have occurred", "Handoff should have occurred twice", "?!", ""])
def test_another_word_makes_other_words(other: str) -> None:
    assert same_words(other) != same_words("Handoff should have occurred")


def test_texts_without_words_are_the_same_only_if_they_are_equal() -> None:
    assert same_words("?!") == same_words(" ?! ") != same_words("…")


def a_note(trace: str, text: str) -> Note:
    return Note(text, (Failure(trace, text, text, None),))


def test_one_note_stands_for_all_failures_in_the_same_words_in_the_writing_of_most_of_them() -> None:
    (joined,) = join_same_words([a_note("t3", "Too late!"), a_note("t1", "too late"), a_note("t2", "too late")])
    assert joined.text == "too late"
    assert [f.trace_id for f in joined.failures] == ["t1", "t2", "t3"]


@given(st.lists(st.sampled_from(["too late", "Too late.", "rude", "RUDE", "a b"]), max_size=8), st.randoms())
def test_the_order_of_the_notes_makes_no_difference(texts: list[str], random: Random) -> None:
    notes = [a_note(f"t{i}", t) for i, t in enumerate(texts)]
    shuffled = list(notes)
    random.shuffle(shuffled)
    assert join_same_words(shuffled) == join_same_words(notes)
