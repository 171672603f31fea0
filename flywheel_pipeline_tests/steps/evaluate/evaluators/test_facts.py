"""Facts of a text: quantities, names and negations, and how two texts differ in them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.evaluate.evaluators.facts import Difference, compare
from flywheel_pipeline.steps.evaluate.evaluators.facts.names import names_in
from flywheel_pipeline.steps.evaluate.evaluators.facts.negation import denials
from flywheel_pipeline.steps.evaluate.evaluators.facts.quantities import quantities
from flywheel_pipeline_tests.conftest import REPO

COVERS = (
    "steps/evaluate/evaluators/facts/__init__.py", "steps/evaluate/evaluators/facts/names.py",
    "steps/evaluate/evaluators/facts/negation.py", "steps/evaluate/evaluators/facts/quantities.py",
)  # fmt: skip
PAIRS = Path(REPO / "flywheel_pipeline_tests" / "benchmarks" / "evaluators_pairs.jsonl")


def read(text: str) -> list[tuple[str, set[Any]]]:
    return [(q.unit, set(q.values)) for q in quantities(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("30 days", "thirty days"), ("two weeks", "14 days"), ("€79", "79 euros"), ("15%", "15 per cent"),
        ("5 pm", "17:00"), ("9:30 a.m.", "09:30"), ("March 3rd, 2026", "2026-03-03"), ("3 March", "March 3"),
        ("1,500 euros", "1500 €"), ("1 500 euros", "€1.500"), ("0.5 kg", "500 g"), ("2.4 GHz", "2400 MHz"),
        ("$5k", "5,000 dollars"), ("two hundred and fifty units", "250 units"), ("5 more days", "5 days"),
        ("a 24-hour service", "24 hours"), ("**30** days", "30 days"), ("in 2026", "since 2026"),
        ("3 to 5 days", "between 3 and 5 days"), ("25, 50 or 100 euros", "25 euros, 50 euros, 100 euros"),
        ("1 000 000 units", "1,000,000 units"), ("100-200 euros", "100 to 200 euros"),
        ("90 minutes", "1.5 hours"), ("twenty-four hours", "one day"),
    ],
)  # fmt: skip
def test_the_same_quantity_is_equal_however_it_is_written(one: str, other: str) -> None:
    assert quantities(one)
    assert compare(f"It is {one}.", f"It is {other}.") == Difference()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("30 days", "90 days"), ("5 working days", "5 days"), ("5 euros", "5 dollars"), ("5 pm", "5 am"),
        ("2.5 litres", "25 litres"), ("March 3", "March 30"), ("3 to 5 days", "3 to 7 days"), ("in March", "in April"),
        ("12 valves", "20 valves"), ("30 Tage", "90 Tagen"), ("1.5 kg", "1500 kg"), ("one year", "18 months"),
    ],
)  # fmt: skip
def test_another_quantity_differs(one: str, other: str) -> None:
    assert compare(f"It is {one}.", f"It is {other}.") != Difference()


@pytest.mark.parametrize("text", ["One of them.", "1. First\n2. Second", "5G", "version 2.10.3", "FW-12345", "4x"])
def test_what_is_no_quantity_is_not_read_as_one(text: str) -> None:
    assert quantities(text) == []


def test_a_date_that_may_be_read_twice_equals_both_readings() -> None:
    assert read("01/03/2026")[0] == ("date", {"01-03", "03-01"})
    assert read("13/03/2026")[0] == ("date", {"03-13"})


@given(st.text(max_size=200))
def test_a_text_never_differs_from_itself(text: str) -> None:
    assert compare(text, text) == Difference()


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_contradiction_is_one_from_either_side(a: str, b: str) -> None:
    assert bool(compare(a, b).conflict) == bool(compare(b, a).conflict)


@pytest.mark.parametrize(
    ("reference", "answer", "found"),
    [
        ("You can't return opened items.", "You can return unopened items.", "doubt"),
        ("Returns are not possible after 30 days.", "Returns are possible within 30 days.", "doubt"),
        ("You can return it, but not exchange it.", "You can exchange it, but not return it.", "conflict"),
        ("You don't need a receipt.", "No receipt is needed.", "none"),
        ("Not only the hub but also the valve is covered.", "The hub and the valve are covered.", "none"),
        ("It is free, there are no hidden costs.", "It is free.", "doubt"),
        ("Yes, it is.", "No, it is.", "conflict"),
        ("The office is closed on Sundays.", "We are not open on Sunday.", "doubt"),
        ("There is no charge for cancelling.", "Cancelling is free of charge.", "doubt"),
        ("Only the owner can invite members.", "Members can be invited by everyone.", "doubt"),
        ("The parcel comes on Monday.", "It comes then.", "doubt"),
        ("It comes then.", "The parcel comes on Monday.", "doubt"),
        ("Das Paket kommt am Montag an.", "Die Sendung trifft am Montag ein.", "none"),
        ("Das ist nicht versichert.", "Das ist versichert.", "conflict"),
        ("Ask for Zoë O'Neill's desk.", "Ask for the desk of Zoe O’Neill.", "none"),
    ],
)
def test_texts_are_opposed_in_doubt_or_alike(reference: str, answer: str, found: str) -> None:
    difference = compare(reference, answer)
    assert ("conflict" if difference.conflict else "doubt" if difference.doubt else "none") == found


def test_what_the_user_wrote_may_be_repeated() -> None:
    reference, answer = "It is on its way.", "Order FW-20931 of 3 May is on its way, Anna."
    assert compare(reference, answer).doubt
    assert compare(reference, answer, "Anna, FW-20931, 3 May") == Difference()


def test_names_are_addresses_codes_and_capitals_inside_sentences() -> None:
    names = names_in("Write to Help@lamps.example or call +43 555 010 4411. Ask Anna about KX-200. See lamps.io/a.")
    assert names.exact == {"help@lamps.example", "435550104411", "kx-200", "lamps.io/a"}
    assert names.capitalised == {"anna": "Anna"}


def test_a_negation_covers_the_words_after_it() -> None:
    found = denials("Water damage isn't covered by the warranty, but the pump is.")
    assert "cover" in found.denied
    assert "pump" in found.stated
    assert found.count == 1


@pytest.mark.parametrize("group", ["rules", "held out"])
def test_on_the_pairs_of_the_benchmark_no_paraphrase_contradicts_and_no_contradiction_is_missed(group: str) -> None:
    pairs = [p for p in map(json.loads, PAIRS.read_text("utf-8").splitlines()) if p["set"] == group]
    honest = [compare(p["reference"], p["answer"]) for p in pairs if p["kind"] == "paraphrase"]
    wrong = [compare(p["reference"], p["answer"]) for p in pairs if p["kind"] != "paraphrase"]
    assert not any(d.conflict for d in honest)
    assert all(d.conflict or d.doubt for d in wrong)
    assert sum(d == Difference() for d in honest) >= 0.8 * len(honest)
    assert sum(bool(d.conflict) for d in wrong) >= 0.9 * len(wrong)


@pytest.mark.parametrize(
    "text", ["1," * 20_000, "1 " * 10_000, "1.1." * 5_000, "a-1-" * 5_000, "a@b." * 5_000, "not " * 5_000, "\ud800" * 9,
             "(1) " * 5_000, "€ " * 10_000, "A b. " * 4_000, "9" * 20_000, " " * 20_000 + "1"],
)  # fmt: skip
def test_no_text_makes_it_slow(text: str) -> None:
    started = time.process_time()
    quantities(text)
    names_in(text)
    denials(text)
    assert time.process_time() - started < 3
