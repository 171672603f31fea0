"""The stand-in's crude language tools bring together what people mean alike."""

from __future__ import annotations

import pytest

from flywheel_pipeline.adapters.llm.offline.words import content_words, coverage, numbers, sentences, stem


@pytest.mark.parametrize(
    "forms",
    [
        ("cancel", "cancels", "cancelled", "cancelling"),
        ("refund", "refunds", "refunded", "refunding"),
        ("invent", "invented", "inventing"),
        ("battery", "batteries"),
        ("stop", "stopped", "stopping"),
        ("price", "prices"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(f) for f in forms}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("order", "border"), ("hub", "hubcap"), ("plan", "plant"), ("water", "wait")]
)
def test_different_words_keep_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_words_that_carry_no_meaning_are_no_content() -> None:
    assert content_words("Hi, what is the best of it, please? Thanks!") == set()
    assert content_words("Is 7 a good Hub?") == {"7", "hub"}


def test_sentences_end_at_marks_and_lines_and_numbers_stay_whole() -> None:
    assert sentences("It costs 4.90 euros. Really?  Yes!\n\nNew line\n") == [
        "It costs 4.90 euros.",
        "Really?",
        "Yes!",
        "New line",
    ]


def test_coverage_is_the_share_of_words_found_and_full_for_no_words() -> None:
    assert coverage("refund the winter kit", content_words("kits and refunds")) == pytest.approx(2 / 3)
    assert coverage("refunds", content_words("Refunded.")) == 1
    assert coverage("refunds", set()) == 0
    assert coverage("it is the", set()) == 1


def test_numbers_are_found_as_written() -> None:
    assert numbers("4.90 euros, 30 days; 15 % or 1,5 of FW-48211") == {"4.90", "30", "15", "1,5", "48211"}
    assert numbers("The price is 5.") == {"5"}
