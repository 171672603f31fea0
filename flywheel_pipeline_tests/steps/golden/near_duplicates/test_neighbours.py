"""The similarity of two questions: symmetric, between 0 and 1, and 1 for the same words."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.golden.near_duplicates.neighbours import TermWeights, root_of, terms_of

QUESTIONS = st.lists(st.sampled_from("refund battery probe parcel the is invoice 4711 電池".split()), max_size=6).map(
    " ".join
)


@settings(max_examples=50, deadline=None)
@given(st.lists(QUESTIONS, max_size=8), QUESTIONS, QUESTIONS)
def test_a_similarity_is_symmetric_and_bounded_and_whole_for_the_same_words(
    measured: list[str], one: str, other: str
) -> None:
    weights = TermWeights.measured(map(terms_of, measured))
    a, b = terms_of(one), terms_of(other)
    found = weights.similarity(a, b)
    assert 0 <= found <= 1 and found == weights.similarity(b, a)
    assert (found > 0.999_999) == (a == b and bool(a))
    assert found**2 * weights.squared(a) <= weights.squared(a & b) + 1e-9  # what the search for candidates rests on


def test_rare_words_count_more() -> None:
    weights = TermWeights.measured(map(terms_of, ["refund probe", "refund valve", "refund hub", "parcel hub"]))
    asked = terms_of("refund probe")
    assert weights.similarity(asked, terms_of("probe lamp")) > weights.similarity(asked, terms_of("refund lamp"))


def test_words_are_found_by_the_letters_that_they_begin_with() -> None:
    for text in ("batteries", "Battery", "returned", "returning", "parcels"):
        (term,) = terms_of(text)
        assert text.lower().startswith(root_of(term))
