"""Without a model groups are named by the expert's own words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.cluster.modes import MAX_NAME
from flywheel_pipeline.steps.cluster.naming import as_name, name_groups


def test_a_group_is_named_by_the_note_of_most_failures_which_comes_first() -> None:
    assert name_groups([["made up an offer", "invented an offer"], ["wanted a person"]]) == [
        "Made up an offer", "Wanted a person",
    ]  # fmt: skip


def test_a_long_comment_is_cut_between_words_and_says_so() -> None:
    name = as_name("The whole guide was pasted although one short sentence would have been enough for this question")
    assert name.endswith(" …") and len(name) <= MAX_NAME
    assert "The whole guide was pasted although one short sentence would".startswith(name[:40])


def test_of_several_points_the_first_is_the_name() -> None:
    assert as_name("1. invented a discount\n2. too long") == "Invented a discount"


def test_two_groups_never_share_a_name() -> None:
    long = "the very same beginning of a comment that goes on and on until it is longer than any name may be, "
    names = name_groups([[long + "a"], [long + "b"], [long + "c", "rude"], ["Rude."], ["rude"]])
    assert len({n.lower() for n in names}) == 5


def test_a_comment_without_words_still_has_a_name() -> None:
    assert as_name(" . ") == "No words"


@given(st.text())
def test_every_text_makes_a_name_of_allowed_length(text: str) -> None:
    assert 0 < len(as_name(text)) <= MAX_NAME
