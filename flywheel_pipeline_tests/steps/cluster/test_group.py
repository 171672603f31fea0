"""Groups are found that come back in resamples, outliers are in none, and the same words are never parted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.cluster.features import Floats, Views
from flywheel_pipeline.steps.cluster.group import FEW, Grouping, centroids, cohesion, group_notes


def around(centre: int, n: int, spread: float = 0.08, dimensions: int = 12, seed: int = 0) -> Floats:
    """Return `n` unit rows around an axis."""
    rows = np.random.default_rng(seed + centre).normal(0, spread, (n, dimensions))
    rows[:, centre] += 1
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def group(rows: Floats, counts: list[int] | None = None, most: int = 10, informed: Floats | None = None) -> Grouping:
    return group_notes(Views(rows, rows if informed is None else informed), counts or [1] * len(rows), most)


CLEAR = np.vstack([around(0, 12), around(1, 9), around(2, 8), around(3, 7), around(4, 6)])


def test_obvious_groups_are_found_without_knowing_how_many_and_are_sure() -> None:
    found = group(CLEAR)
    assert [sorted(g) for g in found.groups] == [
        list(range(12)), list(range(12, 21)), list(range(21, 29)), list(range(29, 36)), list(range(36, 42)),
    ]  # fmt: skip
    assert found.stability > 0.9
    assert found.confidence.min() > 0.8


def test_an_outlier_is_in_no_group_and_has_no_confidence() -> None:
    found = group(np.vstack([CLEAR, around(11, 1, 0.0)]))
    assert len(found.groups) == 5
    assert not any(len(CLEAR) in g for g in found.groups)
    assert found.confidence[-1] == 0.0


def test_rows_without_structure_are_not_grouped_with_confidence() -> None:
    noise = np.random.default_rng(1).normal(size=(60, 40))
    found = group(noise / np.linalg.norm(noise, axis=1, keepdims=True))
    assert found.stability < 0.6
    assert found.confidence.max() < 0.6


def test_groups_by_the_known_failures_are_used_only_if_they_are_stable_and_clearly_more_so() -> None:
    noise = np.random.default_rng(1).normal(size=(42, 40))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert [len(g) for g in group(noise, informed=CLEAR).groups] == [12, 9, 8, 7, 6]
    assert [len(g) for g in group(CLEAR, informed=noise).groups] == [12, 9, 8, 7, 6]
    assert group(CLEAR, informed=np.vstack([around(0, 21), around(1, 21)])).groups == group(CLEAR).groups


def test_a_group_begins_with_the_note_of_most_failures_and_goes_on_with_the_most_central() -> None:
    rows = np.vstack([CLEAR, [1.0, *[0.0] * 11]])
    found = group(rows, [1, 1, 1, 4, *[1] * 39])
    assert found.groups[0][:2] == [3, 42]


def test_more_failures_in_one_note_make_a_group_larger() -> None:
    found = group(CLEAR, [*[1] * 36, *[5] * 6])
    assert sorted(found.groups[0]) == list(range(36, 42))


def test_notes_of_several_failures_stand_alone_even_if_they_are_more_than_the_modes_wanted() -> None:
    found = group(np.eye(9), [4] * 9, most=3)
    assert sorted(map(tuple, found.groups)) == [(i,) for i in range(9)]


@pytest.mark.parametrize("n", range(FEW))
def test_few_different_notes_are_one_group_each_or_in_none_unless_they_are_similar(n: int) -> None:
    found = group(np.eye(8)[:n], [3, 1, 1, 1, 1, 1, 1, 1][:n])
    assert found.groups == ([[0]] if n else [])
    same = group(np.ones((n, 2)) / np.sqrt(2), [1] * n)
    assert [sorted(g) for g in same.groups] == ([list(range(n))] if n > 1 else [])


def test_the_second_look_names_the_first_note_of_the_group_it_puts_a_note_into() -> None:
    found = group(CLEAR)
    drawn = [(i, a) for i, a in enumerate(found.again) if a is not None]
    assert 0.7 * len(CLEAR) < len(drawn) < len(CLEAR)
    first = {i: g[0] for g in found.groups for i in g}
    assert all(a == first[i] for i, a in drawn)


def test_centroids_of_rows_without_words_are_zero_and_no_groups_have_none() -> None:
    assert centroids([[0, 1]], np.zeros((2, 3))).tolist() == [[0.0, 0.0, 0.0]]
    assert centroids([], np.zeros((2, 3))).shape == (0, 3)


def test_cohesion_is_the_mean_cosine_of_different_rows() -> None:
    assert cohesion(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])) == pytest.approx(1 / 3)
    assert cohesion(np.array([[1.0, 0.0]])) == 1.0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=14),
    st.lists(st.integers(1, 4), min_size=14, max_size=14),
    st.integers(2, 6),
)
def test_every_note_is_in_at_most_one_group_and_equal_rows_are_never_parted(
    rows: list[tuple[int, ...]], counts: list[int], most: int
) -> None:
    vectors = np.array(rows, dtype=float).reshape(len(rows), 4)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    found = group(unit, counts[: len(rows)], most)
    inside = [i for g in found.groups for i in g]
    assert len(inside) == len(set(inside))
    assert all(sum(counts[i] for i in g) > 1 for g in found.groups)
    assert all((found.confidence[i] > 0) == (i in inside) or found.stability == 0 for i in range(len(rows)))
    sizes = [sum(counts[i] for i in g) for g in found.groups]
    assert sizes == sorted(sizes, reverse=True)
