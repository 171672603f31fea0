"""The pieces of a word diff are the two texts, whatever they hold."""

from __future__ import annotations

from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.evaluate.word_diff import MOST_PAIRS, Piece, word_diff


def test_words_that_changed_are_removed_and_added() -> None:
    assert word_diff("We refund within 30 days.", "We refund within 14 days, always.") == [
        Piece("same", "We refund within"), Piece("removed", " 30"), Piece("added", " 14"), Piece("same", " days"),
        Piece("added", ", always"), Piece("same", "."),
    ]  # fmt: skip


def test_scripts_without_spaces_are_compared_by_character() -> None:
    assert Piece("removed", "三") in word_diff("按住按钮三秒", "按住按钮五秒")


def test_equal_texts_are_one_piece_and_empty_ones_none() -> None:
    assert word_diff("a b", "a b") == [Piece("same", "a b")]
    assert word_diff("", "") == []
    assert word_diff("", "a") == [Piece("added", "a")]


def test_texts_too_long_to_align_are_shown_whole_between_what_they_share() -> None:
    n = int(MOST_PAIRS**0.5) + 1
    before, after = " ".join(["same", *["old"] * n, "end"]), " ".join(["same", *["new"] * n, "end"])
    started = perf_counter()
    assert [p.kind for p in word_diff(before, after)] == ["same", "removed", "added", "same"]
    assert perf_counter() - started < 5


TEXTS = st.text(alphabet=st.sampled_from(list("ab .,\n中文é")), max_size=40)


@given(TEXTS, TEXTS)
def test_the_pieces_give_both_texts_back(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(p.text for p in pieces if p.kind != "added") == before
    assert "".join(p.text for p in pieces if p.kind != "removed") == after
    assert all(p.text for p in pieces)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_can_be_compared(before: str, after: str) -> None:
    assert "".join(p.text for p in word_diff(before, after) if p.kind != "added") == before
