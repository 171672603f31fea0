"""Without a model modes are named by the expert's own short notes, or by the words that set them apart."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel_pipeline.steps.cluster.features import by_words, known_failures
from flywheel_pipeline.steps.cluster.naming import Naming, class_tf_idf, name_groups

MADE_UP = ["made up an offer", "made up an offer", "made up a feature", "invented an offer"]
PERSON = ["no handover to a person", "wanted a person", "person not fetched"]
LONG = [
    "The customer asked one thing and the whole calibration guide came, a wall of text that nobody reads to its end",
    "Half of the installation guide was pasted, a wall of text, where one short sentence would have been enough",
]


def named(*groups: list[str]) -> list[Naming]:
    likeness = [by_words(g).mean(axis=0) for g in groups]
    return name_groups(groups, likeness, [(i + 1) % len(groups) for i in range(len(groups))])


def test_a_group_is_named_by_the_expert_s_most_typical_short_note() -> None:
    found = named(MADE_UP, PERSON)
    assert found[0].name == "Made up an offer"
    assert found[1].name in {"No handover to a person", "Wanted a person", "Person not fetched"}


def test_long_comments_are_named_by_the_known_failure_and_their_own_words() -> None:
    (long, _) = named(LONG, MADE_UP)
    assert long.name.startswith("Too long (")
    assert "guide" in long.name or "wall text" in long.name or "text" in long.name


def test_a_mode_is_told_from_its_neighbour() -> None:
    first, second = named(MADE_UP, PERSON)
    assert second.name in first.exclusion and first.name in second.exclusion
    assert "person" in second.inclusion
    assert "“Made up an offer”" in first.definition


def test_equal_names_are_told_apart_by_their_words() -> None:
    one, other = named(["wrong answer", "wrong answer", "price wrong"], ["wrong answer", "wrong answer", "date wrong"])
    assert one.name != other.name


def test_a_single_group_has_no_neighbour_and_a_group_without_words_still_has_a_name() -> None:
    (alone,) = named(MADE_UP)
    assert alone.exclusion == ""
    assert all(n.name for n in named(["?!"], MADE_UP))


def test_a_word_of_one_group_weighs_more_than_one_of_all() -> None:
    one, other = class_tf_idf([["offer wrong", "offer wrong"], ["person wrong"]])
    assert one["offer"] > one["wrong"]
    assert other["person"] > other["wrong"]
    assert "person" not in one


def test_one_comment_that_repeats_a_word_does_not_name_its_group() -> None:
    one, _ = class_tf_idf([["late, late, late, late, late", "rude answer", "rude reply"], ["other thing"]])
    assert one["rude"] > one["late"]


def test_weights_follow_the_published_formula() -> None:
    one, _ = class_tf_idf([["late reply"], ["rude reply"]])
    assert one["late"] == pytest.approx(1 / 3 * np.log(1 + 3 / 1))
    assert one["reply"] == pytest.approx(1 / 3 * np.log(1 + 3 / 2))


def test_every_known_failure_can_be_a_name() -> None:
    assert all(0 < len(n) <= 60 for n in known_failures()[0])
