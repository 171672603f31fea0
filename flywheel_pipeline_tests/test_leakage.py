"""When a prompt gives a held-out case away, and when it only seems to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flywheel_pipeline.leakage import asked, leaks, readable
from flywheel_pipeline_tests.builders import a_case, a_conversation

HELD_OUT = a_case(
    case_id="g-test",
    input="My green hub beeps three times whenever it rains outside, why?",
    reference="It has lost the probe. Hold its button for ten seconds until the light turns blue again.",
    observed_output="Please open the case with a knife and cut the red wire first.",
    criteria="Told the customer to cut a wire, which is dangerous and in no document.",
    family="f-test",
    split="test",
)


@pytest.mark.parametrize(
    "text",
    [
        "If the GREEN hub beeps three times, whenever it rains: say so.",
        "A customer whose green hub beeps three times.",
        "Say that they open the case with a knife and cut the red wire.",
        "Hold its button for ten seconds until the light turns blue.",
        "If the green h\u200bub beeps three tіmes whenever it rains",
        "Never tell the customer to cut a wire, which is dangerous and in no document.",
        f'Examples:\n{{"user": "{HELD_OUT.input}", "answer": "…"}}',
    ],
)
def test_words_in_a_row_of_a_held_out_case_are_a_leak(text: str) -> None:
    assert leaks(text, [a_case(case_id="g-other", family="f-2", split="train"), HELD_OUT]) == ["g-test"]


@pytest.mark.parametrize("text", ["", "Be brief.", "The hub beeps three times", "It rains if a hub beeps", "why?"])
def test_single_words_and_short_runs_are_no_leak(text: str) -> None:
    assert leaks(text, [HELD_OUT]) == []


def test_what_the_production_prompt_said_all_along_is_no_leak() -> None:
    text = f"Be kind. {HELD_OUT.input}"
    assert leaks(text, [HELD_OUT], base=HELD_OUT.input) == []
    assert leaks(text, [HELD_OUT], base="Be kind.") == ["g-test"]


def test_what_only_cases_that_may_be_seen_are_asked_about_is_no_leak() -> None:
    train = a_case(case_id="g-train", input=HELD_OUT.input, family="f-other", split="train")
    assert leaks(HELD_OUT.input, [HELD_OUT, train]) == []
    assert leaks(HELD_OUT.input, [HELD_OUT], splits=("dev",)) == []


def test_a_retired_case_is_no_leak_and_what_a_prompt_shows_of_one_that_may_be_seen_stays_none() -> None:
    assert leaks(HELD_OUT.input, [replace(HELD_OUT, status="retired")]) == []
    gone = a_case(case_id="g-train", input=HELD_OUT.input, family="f-other", split="train", status="retired")
    assert leaks(HELD_OUT.input, [HELD_OUT, gone]) == []


def test_what_users_of_several_families_say_names_no_case() -> None:
    asked = "How do I pair the garden hub with my phone?"
    cases = [a_case(case_id=f"g-{i}", input=f"{asked} {w}", family=f"f-{i}") for i, w in enumerate(("now", "again"))]
    assert leaks(f"When asked: {asked}", cases) == []
    assert leaks(f"When asked: {asked}", cases[:1]) == ["g-0"]


def test_words_that_say_nothing_in_particular_are_no_leak() -> None:
    case = a_case(input="Can you please tell me how to do this in my garden?", observed_output=None, criteria=None)
    assert leaks("Users say: can you please tell me how to do it.", [case]) == []


def test_what_a_document_says_may_be_in_a_prompt_and_in_an_answer() -> None:
    said = "Returns are free within thirty days after delivery if the kit is complete."
    case = a_case(reference=said, context='[{"id": "d1", "content": "' + said + '"}]')
    assert leaks(f"Remember: {said}", [case]) == []


@pytest.mark.parametrize(
    ("text", "leaked"),
    [
        ('{"user": "Lost my key"}', True),
        ("Asked “lost my key”, say so.", True),
        ("Auf „Lost my key“ sag es.", True),
        ("À « lost my key », dis-le.", True),
        ("lost my key\n", True),
        ("If a customer lost my key, say so.", False),
    ],
)
def test_a_short_question_leaks_only_when_it_is_quoted_whole(text: str, leaked: bool) -> None:
    assert bool(leaks(text, [a_case(input="Lost my key!", observed_output=None, criteria=None)])) == leaked


def test_a_question_of_one_word_is_never_a_leak() -> None:
    assert leaks('"refund"', [a_case(input="Refund", observed_output=None, criteria=None)]) == []


def test_what_the_user_said_earlier_in_the_conversation_leaks_too() -> None:
    talk = a_conversation("My green hub beeps three times whenever it rains", "Is it the old one?", "Yes.")
    case = a_case(input="Yes.", messages=json.dumps(talk), observed_output=None, criteria=None)
    assert asked(case.messages) == asked(talk) == "My green hub beeps three times whenever it rains\nYes."
    assert leaks("If the green hub beeps three times, ask for its age.", [case]) == ["g-1"]
    assert leaks('Say "yes."', [case]) == []


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Ｇift ᴀ\u200bpp\u00ad", "gift app"),
        ("vаlvе", "valve"),
        ("сор and more words", "cop and more words"),
        ("где мой заказ", "где мой заказ"),
        ("Straße über", "strasse über"),
    ],
)
def test_a_text_is_read_as_a_person_sees_it(text: str, seen: str) -> None:
    assert readable(text) == seen
