"""The same words are the same failure: they are never parted and never lie under another's name."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.steps.cluster.analyst import WordAnalyst
from flywheel_pipeline.steps.cluster.build import Taxonomy, build_taxonomy
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode
from flywheel_pipeline.steps.cluster.preprocess import same_words
from flywheel_pipeline.steps.cluster.verbatim import places_of_words

CODES = [
    "Quotes the price in dollars", "Keeps the caller from a person", "Reserves the wrong night",
    "Names a ferry that does not run", "Drops the second wish", "Replies in English to a Czech letter",
    "Cites last year's cancellation terms",
]  # fmt: skip
VERBATIM = [code for code, n in zip(CODES, (9, 8, 6, 6, 4, 3, 3), strict=True) for _ in range(n)]
VARIED = [
    "asked for the booking number twice", "wanted the booking number again", "booking number was given already",
    "pasted the whole visa guide", "whole visa guide instead of one line", "far too long, the whole guide",
    "no handover to a person", "person was wanted, no handover", "did not hand over to a person",
]  # fmt: skip


def failures(texts: list[str]) -> list[Failure]:
    return [Failure(f"t{i:03d}", t, t, None) for i, t in enumerate(texts)]


def build(found: list[Failure], known: tuple[Mode, ...] = ()) -> Taxonomy:
    return build_taxonomy(found, known, WordAnalyst(TfidfEmbed()), 10)


def test_failures_in_seven_phrases_are_seven_groups_each_called_by_its_phrase() -> None:
    built = build(failures(VERBATIM))
    assert {m.name: len(m.members) for m in built.modes} == dict(zip(CODES, (9, 8, 6, 6, 4, 3, 3), strict=True))
    assert all({x.text for x in m.members} == {m.name} for m in built.modes)
    assert built.unassigned == ()


def test_more_phrases_than_modes_are_wanted_are_not_forced_together() -> None:
    verbs = "invents hides repeats mixes skips shouts guesses loses doubles delays copies denies".split()
    things = "fares fees questions dates wishes replies seats bags charges refunds mails rights".split()
    codes = [f"{verb} {thing}" for verb, thing in zip(verbs, things, strict=True)]
    built = build(failures([c for c in codes for _ in range(4)]))
    assert sorted(len({x.text for x in m.members}) for m in built.modes) == [1] * 12


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from([*CODES, *VARIED, *(c.upper() + "!" for c in CODES[:3])]), min_size=1, max_size=40),
       st.integers(0, 5))  # fmt: skip
def test_the_same_words_stay_together_and_the_order_makes_no_difference(texts: list[str], seed: int) -> None:
    found = failures(texts)
    built = build(found)
    place = {x.trace_id: m.mode_id for m in built.modes for x in m.members}
    places: dict[str, set[str]] = {}
    for f in found:
        places.setdefault(same_words(f.text), set()).add(place.get(f.trace_id, "unassigned"))
    assert all(len(p) == 1 for p in places.values())
    named = {same_words(m.name): m.mode_id for m in built.modes}
    assert all(places[key] == {mode_id} for key, mode_id in named.items() if key in places)
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)
    assert build(shuffled) == built


def test_a_group_is_called_by_the_words_of_most_of_its_failures() -> None:
    for mode in build(failures([*VERBATIM, *VARIED * 2])).modes:
        counts: dict[str, int] = {}
        for x in mode.members:
            counts[same_words(x.text)] = counts.get(same_words(x.text), 0) + 1
        assert counts[same_words(mode.name)] == max(counts.values())


def a_mode(mode_id: str, *texts: str, by: str = "CODE", name: str = "") -> Mode:
    return Mode(mode_id, name or mode_id, members=tuple(Member(f"{mode_id}{i}", t, by, 0.6 if by == "CODE" else 1.0)
                                                        for i, t in enumerate(texts)))  # fmt: skip


def test_a_new_failure_goes_where_its_words_are() -> None:
    known = (a_mode("fm-1", "rude tone", "unkind words"), a_mode("fm-2", "too late", by="HUMAN"))
    built = build([Failure("new", "Too late.", "c", None), Failure("newer", "rude tone", "c", None)], known)
    assert {x.trace_id: (m.mode_id, x.confidence, x.assigned_by) for m in built.modes for x in m.members} | {} == {
        "fm-10": ("fm-1", 0.6, "CODE"), "fm-11": ("fm-1", 0.6, "CODE"), "fm-20": ("fm-2", 1.0, "HUMAN"),
        "new": ("fm-2", 1.0, "CODE"), "newer": ("fm-1", 0.6, "CODE"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("modes", "place"),
    [
        ((a_mode("b", "late", "late"), a_mode("a", "late")), ("b", 0.4)),
        ((a_mode("b", "late"), a_mode("a", "late")), ("a", 0.3)),
        ((a_mode("b", "late", "late"), a_mode("a", name="Late")), ("a", 1.0)),
        ((a_mode("b", "late", "late"), a_mode("a", "x", name="Late"), a_mode("c", "late", by="HUMAN")), ("c", 1.0)),
        ((a_mode("b", "late", "late", by="HUMAN"), a_mode("a", "late", by="HUMAN")), ("b", 2 / 3)),
    ],
    ids=["most failures", "a tie", "the name", "a person", "most people"],
)
def test_words_belong_where_people_put_them_then_to_the_mode_called_so_then_to_most(
    modes: tuple[Mode, ...], place: tuple[str, float]
) -> None:
    mode_id, confidence = places_of_words(modes)["late"]
    assert mode_id == place[0]
    assert confidence == pytest.approx(place[1])
