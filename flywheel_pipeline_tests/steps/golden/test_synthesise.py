"""Variations: the same request written differently, by rule and not by chance."""

from __future__ import annotations

import json
import re

import pytest

from flywheel_pipeline.steps.golden.cases import Draft, LabelledTrace, draft_case
from flywheel_pipeline.steps.golden.synthesise import VARIATIONS, vary_case
from flywheel_pipeline_tests.builders import a_conversation

QUESTION = "Please tell me, is there a student discount on the premium subscription?"


def a_draft(*texts: str) -> Draft:
    trace = LabelledTrace(
        "t1", "s1", json.dumps(a_conversation(*texts)), "[]", None, True, "There is none.", None, "fm-1"
    )
    draft = draft_case(trace)
    assert draft is not None
    return draft


def test_variations_differ_from_the_case_and_from_one_another() -> None:
    varied = vary_case(a_draft(QUESTION), 10)
    assert len({d.case_id for d in varied} | {a_draft(QUESTION).case_id}) == len(varied) + 1 == len(VARIATIONS) + 1


def test_no_more_variations_are_made_than_wanted() -> None:
    assert len(vary_case(a_draft(QUESTION), 2)) == 2
    assert vary_case(a_draft(QUESTION), 0) == []


def test_a_variation_that_changes_nothing_is_left_out() -> None:
    assert "help" not in [d.input for d in vary_case(a_draft("help"), 10)]


def test_a_variation_is_synthetic_and_claims_no_production_answer() -> None:
    for varied in vary_case(a_draft(QUESTION, "Yes, 20 % off."), 10):
        assert (varied.kind, varied.observed, varied.mode_id) == ("synthetic", None, "fm-1")


def test_only_the_message_under_test_is_varied() -> None:
    draft = a_draft("Hello, you there?", "Hi.", QUESTION)
    for varied in vary_case(draft, 10):
        assert varied.messages[:-1] == draft.messages[:-1]
        assert varied.messages[-1]["role"] == "user"


def test_the_same_case_is_varied_the_same_way_every_time() -> None:
    assert vary_case(a_draft(QUESTION), 10) == vary_case(a_draft(QUESTION), 10)


def test_typing_errors_keep_the_letters_and_the_ends_of_every_word() -> None:
    typed = VARIATIONS["typing errors"](QUESTION)
    assert typed != QUESTION
    for written, meant in zip(typed.split(), QUESTION.split(), strict=True):
        assert sorted(written) == sorted(meant)
        assert (written[0], written[-1]) == (meant[0], meant[-1])


@pytest.mark.parametrize(
    "text", ["Can you deliver at 10:30, or later?", "The box weighs 2,5 kg; is it too heavy?", "I paid 1.299,50 twice"]
)
@pytest.mark.parametrize("variation", VARIATIONS)
def test_numbers_stay_as_they_were_written(text: str, variation: str) -> None:
    number = r"\d+(?:[.:,]\d+)*"
    assert re.findall(number, VARIATIONS[variation](text)) == re.findall(number, text)
