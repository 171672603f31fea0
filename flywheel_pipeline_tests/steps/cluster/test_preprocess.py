"""What of a note is compared: the first point, and what of it is not the subject."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.cluster.preprocess import Note, first_point, mask_subject, words_of


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


def test_the_words_of_the_trace_are_masked_but_for_those_that_turn_the_meaning() -> None:
    trace = "When does the north pool open? The pool does not open on Mondays, only on Sundays."
    comment = "Answer invented opening hours of the north pool, no source says so, not even on Sundays"
    assert mask_subject(comment, trace) == "Answer invented opening hours of the no source says so not even on"


@pytest.mark.parametrize("comment", ["The pool opens", "", "north pool ?!"])
def test_a_comment_of_which_nothing_would_be_left_stays_whole(comment: str) -> None:
    assert mask_subject(comment, "the north pool opens") == comment


def test_a_short_code_is_never_masked_and_a_long_comment_is() -> None:
    trace = "refund of an order that was cancelled"
    assert Note.of("refund promised twice", trace) == Note("refund promised twice", "refund promised twice")
    long = "1. The refund of the order was promised two times without any word of when\n2. Too long"
    note = Note.of(long, trace)
    assert note.whole == "The refund of the order was promised two times without any word of when"
    assert note.rest == "The of the was promised two times without any word of when"


@given(st.text(max_size=80), st.text(max_size=80))
def test_masking_only_takes_words_away(comment: str, trace: str) -> None:
    masked = mask_subject(comment, trace)
    assert masked == comment or not Counter(words_of(masked)) - Counter(words_of(comment))
