"""Near-duplicates share a family, a family has one split, and neither ever changes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.golden.split import families, family_name, split_of
from flywheel_pipeline_tests.fakes import FakeEmbed

LONG = "my order with number 4711 has not arrived although i paid for it with my card two weeks ago please help"


def families_of(texts: list[str], sources: list[str | None] | None = None, known: list[str] | None = None) -> list[str]:
    return families(texts, sources or [None] * len(texts), FakeEmbed().embed(texts), known or [])


def test_the_shares_of_the_splits_are_20_40_and_40_percent() -> None:
    counts = Counter(split_of(family_name(f"question number {i}")) for i in range(5_000))
    shares = [counts[s] / 5_000 for s in ("train", "dev", "test")]
    assert shares == pytest.approx([0.2, 0.4, 0.4], abs=0.02)


def test_the_split_of_a_family_is_the_same_on_every_machine_and_for_ever() -> None:
    found = [split_of(f"f-{i}") for i in range(8)]
    assert found == ["dev", "test", "test", "test", "test", "dev", "test", "train"]


def test_near_duplicates_are_one_family() -> None:
    one, other = families_of([LONG, f"{LONG} now"])
    assert one == other


def test_near_duplicates_with_different_numbers_are_different_families() -> None:
    one, other = families_of([LONG, LONG.replace("4711", "4712")])
    assert one != other


def test_different_questions_are_different_families() -> None:
    assert len(set(families_of(["student discount", "pair the hub", "rude tone"]))) == 3


def test_case_and_punctuation_found_no_family_of_their_own() -> None:
    assert family_name("Is there a discount?!") == family_name("is there, a discount")


def test_questions_from_one_trace_are_one_family_however_different() -> None:
    assert len(set(families_of(["student discount", "rude tone"], ["t1", "t1"]))) == 1


def test_questions_without_a_source_are_not_taken_for_one_trace() -> None:
    assert len(set(families_of(["student discount", "rude tone"], [None, None]))) == 2


def test_a_new_question_joins_the_family_that_a_near_duplicate_has_already() -> None:
    assert families_of([LONG, f"{LONG} now"], known=["f-old"]) == ["f-old", "f-old"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab1 ", max_size=6), min_size=1, max_size=8), st.integers(1, 8))
def test_what_came_first_keeps_its_family_when_more_is_added(texts: list[str], n: int) -> None:
    early = families_of(texts[:n])
    grown = families_of(texts, known=early)
    assert grown[:n] == early
    assert grown == families_of(texts)
    assert all(split_of(a) == split_of(b) for a, b in zip(early, grown, strict=False))
