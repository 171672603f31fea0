"""What counts as the same question: typed otherwise, reordered, renumbered, part of another, or in other words."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.golden.near_duplicates import near_pairs, repeats
from flywheel_pipeline.steps.golden.near_duplicates.lexical import is_typing_error
from flywheel_pipeline.steps.golden.near_duplicates.meaning import FEW, knows_meaning, threshold
from flywheel_pipeline.steps.golden.near_duplicates.normalise import segments, telling, tokens
from flywheel_pipeline_tests.fakes import FakeEmbed

COVERS = (
    "steps/golden/near_duplicates/__init__.py",
    "steps/golden/near_duplicates/lexical.py",
    "steps/golden/near_duplicates/meaning.py",
    "steps/golden/near_duplicates/normalise.py",
)
DIGITS = str.maketrans("0123456789", "ghijklmnop")
LONG = "my order with number 4711 has not arrived although i paid for it with my card two weeks ago please help"


def alike(*texts: str) -> bool:
    return (0, 1) in set(near_pairs(texts))


@pytest.mark.parametrize(
    "other",
    [
        LONG.upper() + "!?",
        LONG.replace(" ", "\n\n"),
        f"{LONG} now",
        LONG.replace("4711", "60022"),
        LONG.replace("has not", "hasn't"),
        LONG.replace("has not", "hasnt"),
        LONG.replace("arrived", "arived").replace("weeks", "wekes"),
        LONG.replace("card", "ca\u200brd"),
        LONG.replace("o", "о"),
        LONG.translate({ord(c): chr(ord(c) + 0xFEE0) for c in "abcdef"}),
        "please help, two weeks ago i paid for it with my card although my order 4711 has not arrived",
        f"Hi there, hope you are having a good day. {LONG}",
        f"Do you have a shop in Bonn?\n{LONG}",
        f"Where is the shop?\n{LONG}\nAnd who runs it?",
    ],
)
def test_the_same_question_is_found_however_it_is_typed(other: str) -> None:
    assert alike(LONG, other) and alike(other, LONG)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("where is my parcel? order FW-48177", "WHERE IS MY PARCEL order KX-90001"),
        ("I want to talk to a human please", "I waot to tlak to a human please"),
        ("dont you have a shop", "do not you have a shop"),
        ("refund?", "Refund"),
        ("How do I reset it?\nno mail arrives, tell me about the password", "how do I reset it"),
    ],
)
def test_short_questions_are_found_too(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LONG, "is there a student discount"),
        (LONG, ""),
        ("", " ?"),
        ("how do I get a refund", "how do I get a hub"),
        ("can I pause my plan", "can I cancel my plan"),
        ("stop order FW-48477", "where is order FW-48477"),
        ("thanks, and where is my parcel?", "thanks, and where is the manual?"),
        ("Is the valve safe for drinking water? Kind regards, Ann", "Do you ship to Peru? Kind regards, Ann"),
        ("the parcel was lost, send it by post", "gift cards are sent by post, not lost"),
    ],
)
def test_other_questions_are_not(one: str, other: str) -> None:
    assert not alike(one, other)


def test_a_line_that_many_texts_share_ties_none_of_them_together() -> None:
    line = "Sent from the lounge tablet of hotel Fernblick"
    colours = ("red", "blue", "tall", "soft", "cheap", "heavy", "round", "noisy", "shiny", "tiny")
    things = ("garden", "kettle", "window", "pillow", "basket", "hammer")
    assert not set(near_pairs([f"price of a {c} {t} please\n{line}" for c in colours for t in things]))


def test_a_shared_part_ties_only_a_text_that_is_no_more_than_that() -> None:
    part = "How long does standard delivery take?"
    assert alike(part, f"I live in Ulm. {part}")
    assert not alike(f"Can I pay with a voucher? {part}", f"Who pays for returned valves? {part}")


def test_pairs_of_what_is_known_already_are_left_out() -> None:
    texts = [LONG, f"{LONG} now", f"{LONG} then"]
    assert {j for _, j in near_pairs(texts, known=2)} == {2}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab1 n\n.", max_size=12), min_size=1, max_size=8), st.integers(0, 8))
def test_pairs_are_ordered_and_each_has_a_new_one(texts: list[str], known: int) -> None:
    pairs = list(near_pairs(texts, FakeEmbed().embed(texts), min(known, len(texts))))
    assert len(set(pairs)) == len(pairs)
    assert all(i < j and j >= min(known, len(texts)) for i, j in pairs)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_the_relation_has_no_direction(one: str, other: str) -> None:
    assert set(near_pairs([one, other])) == set(near_pairs([other, one]))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("warranty", "warrenty", True), ("valve", "vavle", True), ("type", "tye", True), ("hub", "hob", False),
        ("lost", "post", False), ("sent", "sent", True), ("delivery", "dleivrey", True), ("cancel", "pause", False),
    ],
)  # fmt: skip
def test_a_typing_error_is_a_slip_or_two(one: str, other: str, expected: bool) -> None:
    assert is_typing_error(one, other) is expected and is_typing_error(other, one) is expected


def test_ids_and_numbers_are_masked_and_say_nothing() -> None:
    assert tokens("Order no. FW-48177 costs 39 euros") == ["#", "costs", "#", "euros"]
    assert telling(tokens("Order no. FW-48177 costs 39 euros")) == ("cost", "euro")


def test_the_parts_of_a_conversation_are_its_lines_and_their_sentences() -> None:
    assert list(segments("One? Two.\nThree")) == ["One? Two.\nThree", "One? Two.", "One?", "Two.", "Three"]


NOTHING = [hashlib.sha256(str(n).encode()).hexdigest().translate(DIGITS) for n in range(2 * FEW)]
"""Texts that have nothing in common."""


def a_space(n: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Unit rows of a model, that is without zeros."""
    rows = np.random.default_rng(seed).normal(size=(n, 64)).astype(np.float32)
    unit: np.ndarray[tuple[int, int], np.dtype[np.float32]] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_questions_with_nearly_the_same_vector_mean_the_same() -> None:
    rows = a_space(2 * FEW)
    rows[3] = rows[7] * 0.95 + rows[8] * 0.1
    rows[3] /= np.linalg.norm(rows[3])
    assert set(near_pairs(NOTHING[: len(rows)], rows)) == {(3, 7)}


def test_the_cosine_that_counts_follows_from_the_model() -> None:
    narrow = a_space(2 * FEW) + 3 * a_space(1, seed=1)
    narrow /= np.linalg.norm(narrow, axis=1, keepdims=True)
    assert threshold(a_space(2 * FEW)) < 0.8 < threshold(narrow)
    assert threshold(a_space(FEW - 1)) == 0.92
    assert not set(near_pairs(NOTHING[: len(narrow)], narrow))


def test_vectors_that_count_words_say_nothing_of_meaning() -> None:
    texts = ["gift card code where enter", "type enter put code card", *NOTHING[:FEW]]
    assert not knows_meaning(FakeEmbed().embed(texts)) and knows_meaning(a_space(3))
    assert not set(near_pairs(texts, FakeEmbed().embed(texts)))


def test_a_repetition_has_the_same_telling_words_numbers_and_negation() -> None:
    assert repeats([LONG, f"Hello! {LONG.upper()}"], 1) == {1}
    assert repeats([LONG, LONG.replace("4711", "4712"), LONG.replace("has not", "has")], 1) == set()
    assert repeats(["a b c", "a b c"], 2) == set()
