"""Near-duplicates share a family, a family has one split, and neither ever changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.golden.near_duplicates import near_pairs
from flywheel_pipeline.steps.golden.split import families, family_name, split_of
from flywheel_pipeline_tests.fakes import FakeEmbed

LONG = "my order with number 4711 has not arrived although i paid for it with my card two weeks ago please help"


def families_of(texts: list[str], sources: list[str | None] | None = None, known: list[str] | None = None) -> list[Any]:
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


def test_a_question_with_another_number_is_of_the_family_and_split_of_the_first() -> None:
    one, other = families_of([LONG, LONG.replace("4711", "4712")])
    assert one == other


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


def test_all_that_hangs_together_is_one_family_over_however_many_steps() -> None:
    chain = [f"{LONG} {' '.join(['really'] * n)}" for n in (0, 2, 4, 6)]
    assert len(set(families_of(chain))) == 1


def test_the_order_of_new_questions_does_not_matter() -> None:
    texts = [LONG, "student discount", f"{LONG} now", "pair the hub"]
    forth, back = families_of(texts), families_of(texts[::-1])
    assert forth == back[::-1]


def names(split: str, n: int) -> list[str]:
    return [f for f in (f"f-{i}" for i in range(1_000)) if split_of(f) == split][:n]


def test_a_question_like_cases_of_two_splits_has_no_family_in_either() -> None:
    known = [names("train", 1)[0], names("test", 1)[0]]
    texts = [LONG, "pair the hub", f"{LONG} now"]
    assert families_of(texts, ["a", "b", "b"], known) == [*known, None]


def test_a_question_like_cases_of_two_families_of_one_split_joins_the_older() -> None:
    known = names("test", 2)
    texts = [LONG, "pair the hub", f"{LONG} now"]
    assert families_of(texts, ["a", "b", "b"], known) == [*known, known[0]]


def test_two_like_questions_that_touch_different_splits_are_not_both_kept() -> None:
    known = [names("train", 1)[0], names("test", 1)[0]]
    texts = ["student discount", "pair the hub", LONG, f"{LONG} now"]
    assert families_of(texts, ["a", "b", "a", "b"], known) == [*known, known[0], None]


def test_a_question_that_is_left_out_costs_no_other_its_family() -> None:
    forty = " ".join(
        f"{a}{b}" for a in ("hub", "lamp", "door", "rain", "tap", "pump", "soil", "frost") for b in "abcde"
    )
    torn = f"{forty[: forty.index('soila')]}four quite different words then {forty[forty.index('frostb') :]}"
    other = f"several more of these others {torn[torn.index('lampa') :]}"  # like the torn one, and not like the first
    known = [names("train", 1)[0], names("test", 1)[0]]
    assert families_of([forty, "pair the hub", torn, other], ["a", "b", "b", "b"], known) == [*known, None, known[1]]


WORDS = st.lists(st.sampled_from(["hub", "lamp", "door", "rain", "not", "7"]), min_size=1, max_size=7).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=12))
def test_what_came_first_keeps_its_family_and_split_whatever_is_added(texts: list[str]) -> None:
    kept: list[str] = []
    known: list[str] = []
    for start in range(0, len(texts), 3):
        new = texts[start : start + 3]
        grown = families_of([*kept, *new], known=known)
        assert grown[: len(known)] == known
        for text, family in zip(new, grown[len(known) :], strict=True):
            if family is not None:
                kept, known = [*kept, text], [*known, family]
    splits = [split_of(f) for f in known]
    pairs = near_pairs(kept, None)
    assert all(splits[i] == splits[j] for i, j in pairs)
