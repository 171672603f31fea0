"""Grouping by likeness: obvious groups are found, whatever the input nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.cluster.group import group_texts
from flywheel_pipeline_tests.fakes import FakeEmbed

DISCOUNT = ["invented discount", "discount invented again", "invented a discount", "student discount invented"]
HANDOVER = ["no handover person", "handover person refused", "person handover missing"]
TONE = ["rude tone", "tone rude"]


def groups_of(texts: list[str], max_groups: int = 5) -> list[list[str]]:
    return [[texts[i] for i in group] for group in group_texts(FakeEmbed().embed(texts), max_groups)]


def test_obvious_groups_are_found_without_being_told_how_many() -> None:
    shuffled = [*TONE[:1], *HANDOVER[:2], *DISCOUNT, *TONE[1:], *HANDOVER[2:]]
    found = groups_of(shuffled)
    assert sorted(map(sorted, found)) == sorted(map(sorted, [DISCOUNT, HANDOVER, TONE]))


def test_the_largest_group_comes_first() -> None:
    assert [len(g) for g in groups_of([*TONE, *HANDOVER, *DISCOUNT])] == [4, 3, 2]


def test_groups_of_one_size_come_in_the_order_of_their_most_central_rows() -> None:
    first, second = ["tone rude", "rude tone"], ["late reply", "reply late"]
    assert groups_of([*first, *second]) == [first, second]


def test_a_group_begins_with_its_most_central_text() -> None:
    outer = ["invented discount student", "invented discount premium", "invented discount summer"]
    found = groups_of([*outer, "invented discount", *HANDOVER])
    assert found[0][0] == "invented discount"


def test_no_rows_are_no_groups() -> None:
    assert group_texts(np.zeros((0, 3)), 5) == []


@pytest.mark.parametrize("texts", [["tone"], ["tone", "discount"], ["tone", "discount", "handover"]])
def test_fewer_than_four_texts_are_one_group_however_different(texts: list[str]) -> None:
    assert [sorted(g) for g in groups_of(texts)] == [sorted(texts)]


def test_identical_texts_are_one_group_in_their_order() -> None:
    assert group_texts(FakeEmbed().embed(["rude tone"] * 6), 5) == [[0, 1, 2, 3, 4, 5]]


def test_a_text_without_words_does_not_disturb_the_groups() -> None:
    found = groups_of([*DISCOUNT, *HANDOVER, ""])
    assert sorted(DISCOUNT) in [sorted(g) for g in found]
    assert sorted(HANDOVER) in [sorted(g) for g in found]


def test_texts_that_all_have_no_words_are_one_group() -> None:
    assert group_texts(np.zeros((5, 1)), 5) == [[0, 1, 2, 3, 4]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=9), st.integers(2, 6))
def test_every_row_is_in_exactly_one_group(rows: list[tuple[int, ...]], max_groups: int) -> None:
    vectors = np.array(rows, dtype=float).reshape(len(rows), 3)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    groups = group_texts(unit, max_groups)
    assert sorted(i for g in groups for i in g) == list(range(len(rows)))
    assert len(groups) <= max_groups
    assert [len(g) for g in groups] == sorted((len(g) for g in groups), reverse=True)
