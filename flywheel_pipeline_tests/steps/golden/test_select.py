"""Representatives: the most central first, then what the chosen ones do not cover yet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.golden.select import MANY, facility_location, nearest_in_turn
from flywheel_pipeline_tests.fakes import FakeEmbed

TEXTS = [
    "student discount claim",
    "discount",
    "discount claim",
    "handover person refused",
    "handover person",
    "tone",
]
VECTORS = FakeEmbed().embed(TEXTS)
CLUSTER = {0: "discount", 1: "discount", 2: "discount", 3: "handover", 4: "handover", 5: "tone"}


def test_the_first_choice_is_the_medoid() -> None:
    similarity = VECTORS @ VECTORS.T
    assert facility_location(VECTORS, 1) == [int(np.argmax(similarity.sum(axis=1)))] == [2]


def test_every_cluster_is_covered_before_one_is_covered_twice() -> None:
    assert [CLUSTER[i] for i in facility_location(VECTORS, 3)] == ["discount", "handover", "tone"]


def test_what_is_chosen_already_is_neither_returned_nor_repeated_by_its_likes() -> None:
    picked = facility_location(VECTORS, 2, chosen=[2])
    assert {CLUSTER[i] for i in picked} == {"handover", "tone"}


def test_copies_of_one_text_are_chosen_last() -> None:
    vectors = FakeEmbed().embed(["rude tone", "rude tone", "rude tone", "late"])
    assert facility_location(vectors, 2) == [0, 3]


@pytest.mark.parametrize("n", [0, -1])
def test_nothing_wanted_is_nothing_chosen(n: int) -> None:
    assert facility_location(VECTORS, n) == []


def test_of_no_rows_none_is_chosen() -> None:
    assert facility_location(np.zeros((0, 3)), 4) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab c", max_size=6), min_size=1, max_size=8), st.integers(0, 10), st.data())
def test_as_many_as_wanted_are_chosen_each_once_and_none_of_the_taken(
    texts: list[str], n: int, data: st.DataObject
) -> None:
    taken = data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True))
    picked = facility_location(FakeEmbed().embed(texts), n, taken)
    assert len(picked) == len(set(picked)) == min(n, len(texts) - len(taken))
    assert not set(picked) & set(taken)


def test_a_larger_choice_begins_with_the_smaller_one() -> None:
    assert facility_location(VECTORS, 5)[:3] == facility_location(VECTORS, 3)


def test_of_very_many_rows_some_stand_for_all_and_no_larger_matrix_is_built() -> None:
    vectors = np.eye(4)[np.arange(3 * MANY) % 4]
    assert len({i % 4 for i in facility_location(vectors, 4)}) == 4


def test_every_target_has_its_nearest_before_one_has_a_second() -> None:
    vectors = FakeEmbed().embed(["hub rain", "hub rain now", "hub", "lamp", "lamp red"])
    targets = vectors[[0, 3]]
    assert nearest_in_turn(vectors, targets, 2) == [0, 3]
    assert nearest_in_turn(vectors, targets, 3) == [0, 3, 1]
    assert sorted(nearest_in_turn(vectors, targets, 9)) == [0, 1, 2, 3, 4]


def test_without_targets_nothing_is_near() -> None:
    assert nearest_in_turn(VECTORS, VECTORS[:0], 3) == []
