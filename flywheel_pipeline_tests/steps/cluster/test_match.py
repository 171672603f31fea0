"""A group that shares its failures with a known mode, or is as good as equal to it, is that mode."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.cluster.match import MIN_SHARED, MIN_SIMILAR, match_groups

NONE = np.zeros((2, 2))


def test_shared_failures_decide_whatever_the_wording() -> None:
    close = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert match_groups([{"a", "b"}, {"c", "d"}], [{"a", "b"}, {"c", "x"}], close) == {0: 0}
    assert match_groups([{"a", "b"}, {"c"}], [{"a", "b"}, {"c"}], close) == {0: 0, 1: 1}


def test_half_of_the_failures_must_be_shared() -> None:
    assert match_groups([{"a", "b", "c"}], [{"b", "c", "d"}], np.zeros((1, 1))) == {0: 0}
    assert match_groups([{"a", "b", "c"}], [{"c", "d"}], np.zeros((1, 1))) == {}


def test_without_shared_failures_the_centroids_decide_from_a_cosine_of_eight_tenths() -> None:
    assert match_groups([{"a"}, {"b"}], [{"x"}, {"y"}], np.array([[0.79, 0.1], [0.1, 0.8]])) == {1: 1}


def test_two_groups_never_become_one_mode_and_the_best_assignment_wins() -> None:
    close = np.array([[0.95, 0.9], [0.9, 0.1]])
    assert match_groups([{"a"}, {"b"}], [{"x"}, {"y"}], close) == {0: 1, 1: 0}


def test_similarity_that_is_no_match_does_not_take_a_match_away() -> None:
    assert match_groups([{"a"}, {"b"}], [{"x"}, {"y"}], np.array([[0.85, 0.79], [0.79, 0.0]])) == {0: 0}


def test_nothing_to_match_matches_nothing() -> None:
    assert match_groups([], [{"x"}], np.zeros((0, 1))) == {}
    assert match_groups([{"a"}], [], np.zeros((1, 0))) == {}


sets = st.lists(st.sets(st.sampled_from("abcdef"), min_size=1), max_size=4)


@given(sets, sets, st.data())
def test_a_match_is_one_to_one_and_always_has_its_evidence(
    groups: list[set[str]], known: list[set[str]], data: st.DataObject
) -> None:
    cosines = [[data.draw(st.floats(-1, 1)) for _ in known] for _ in groups]
    found = match_groups(groups, known, np.array(cosines).reshape(len(groups), len(known)))
    assert len(set(found.values())) == len(found)
    for g, k in found.items():
        shared = len(groups[g] & known[k]) / len(groups[g] | known[k])
        assert shared >= MIN_SHARED or cosines[g][k] >= MIN_SIMILAR
