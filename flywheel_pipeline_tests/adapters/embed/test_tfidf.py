"""Texts that say alike are close, and no text is too odd to be embedded."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel_pipeline.adapters.embed.tfidf import TfidfEmbed

NOTES = [
    "made up a discount that does not exist",
    "invented a discount, there is none",
    "asked again for the order number",
    "asks for the number although it was given",
    "whole guide pasted, a wall of text",
]


def test_rows_have_length_one_or_zero_for_a_text_without_words() -> None:
    vectors = TfidfEmbed().embed([*NOTES, "", " \n "])
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths == pytest.approx([1, 1, 1, 1, 1, 0, 0])


def test_equal_texts_are_equal_whatever_their_case_and_alike_ones_closer_than_others() -> None:
    vectors = TfidfEmbed().embed([*NOTES, NOTES[0].upper()])
    likeness = vectors @ vectors.T
    assert likeness[0, 5] == pytest.approx(1)
    assert likeness[0, 1] > likeness[0, 2]
    assert likeness[2, 3] > likeness[2, 4]


def test_endings_and_typos_keep_texts_close() -> None:
    vectors = TfidfEmbed().embed(["cancelled subscription", "cancelling subscriptions", "winter storage"])
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.3
    assert likeness[0, 2] < 0.05


def test_a_word_in_nearly_all_of_many_texts_brings_nothing_together() -> None:
    topics = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima".split()
    few = TfidfEmbed().embed([f"customer {t}" for t in topics[:4]])
    many = TfidfEmbed().embed([f"customer {t}" for t in topics])
    assert many[0] @ many[1] < few[0] @ few[1]


@pytest.mark.parametrize("texts", [["", ""], [" ", "\n\t"], [""] * 12])
def test_texts_without_any_word_become_rows_of_zero(texts: list[str]) -> None:
    vectors = TfidfEmbed().embed(texts)
    assert vectors.shape[0] == len(texts)
    assert not vectors.any()


def test_no_texts_have_no_rows() -> None:
    assert TfidfEmbed().embed([]).shape[0] == 0


@pytest.mark.parametrize(
    "texts", [["日本語のテキスト", "größe"], ["a\x00b", "\ud83d lone"], ["same"] * 15, ["x"], ["42", "7"]]
)
def test_texts_of_any_kind_become_one_finite_row_each(texts: list[str]) -> None:
    vectors = TfidfEmbed().embed(texts)
    assert vectors.shape[0] == len(texts)
    assert np.isfinite(vectors).all()
    assert vectors.any()


def test_equal_calls_give_equal_vectors() -> None:
    assert np.array_equal(TfidfEmbed().embed(NOTES), TfidfEmbed().embed(NOTES))
