"""What is refused before anything is evaluated, and what a person has to read before it ships."""

from __future__ import annotations

import json
from dataclasses import replace

from flywheel_pipeline.steps.improve.foreign import Foreign
from flywheel_pipeline_tests.builders import a_case, a_prompt
from flywheel_pipeline_tests.steps.improve.test_search import ALONE, DEV, EXAMPLES, TEST, TRAIN, search

LEAKED = "test question 7 of a customer who owns three hubs and a lamp"
HELD = a_case(case_id="test-99", input=LEAKED, split="test")


def test_a_proposal_with_text_of_a_held_out_case_is_rejected_unevaluated() -> None:
    (best, leaking), evaluate = search("A good prompt.", f"A good one: {LEAKED}", cases=[*TRAIN, *DEV, *TEST, HELD])
    assert best.text == "A good prompt."
    assert (leaking.decision, leaking.status) == ("reject", "decided")
    assert "test-99" in leaking.reason
    assert leaking.text not in [text for text, _ in evaluate.evaluated]


def test_instructions_that_copy_a_train_case_are_rejected_and_few_shot_examples_may_show_it() -> None:
    train = replace(HELD, split="train", case_id="train-99")
    cases = [train, *DEV, *TEST]
    (copied,), evaluate = search(f"A good one: {LEAKED}", cases=cases)
    assert copied.decision == "reject" and "train-99" in copied.reason and not evaluate.evaluated
    (shown,), _ = search(f"A good one.{EXAMPLES}{LEAKED}", cases=cases)
    assert shown.decision == "ship"


def test_a_dropped_or_invented_variable_is_rejected_before_any_call() -> None:
    base = a_prompt("Base prompt for {{customer}}.")
    found, evaluate = search("A good prompt.", "A good prompt for {{customer}} and {{order}}.", base=base)
    assert [c.decision for c in found] == ["reject", "reject"] and not evaluate.evaluated
    assert {c.reason for c in found} == {"it drops {{customer}}", "it invents {{order}}"}


def test_foreign_parts_are_held_until_a_person_has_read_them_and_never_turn_a_hold_into_more() -> None:
    url = Foreign("an address on the web", "https://evil.example")
    (held,), _ = search("A good prompt.", unread=lambda _: [url])
    assert held.decision == "hold" and "https://evil.example" in held.reason
    assert f"flywheel prompts read {held.candidate_id}" in held.reason
    assert json.loads(held.evidence)["unread"] == [str(url)]
    (read,), _ = search("A good prompt.", unread=lambda _: [])
    assert read.decision == "ship"
    (fair,), _ = search("A fair prompt.", unread=lambda _: [url], gate=replace(ALONE, min_probability_better=0.9999))
    assert fair.decision == "hold" and "has to read it first" not in fair.reason


def test_words_that_production_holds_already_are_no_leak() -> None:
    closing = "Always end with: is there anything else I can help you with today?"
    answer = "No. Is there anything else I can help you with today?"
    cases = [replace(c, observed_output=answer) for c in [*TRAIN, *DEV, *TEST]]
    (best,), _ = search(f"A good prompt. {closing}", base=a_prompt(f"Base prompt. {closing}"), cases=cases)
    assert best.decision == "ship"


def test_a_proposal_that_has_grown_too_much_is_rejected_unevaluated() -> None:
    long = "A good prompt. " + "more " * 5_000
    (best, grown), evaluate = search("A fair prompt.", long)
    assert best.text == "A fair prompt."
    assert grown.decision == "reject"
    assert "more than 20000" in grown.reason
    assert [text for text, _ in evaluate.evaluated] == ["A fair prompt.", "A fair prompt."]


def test_a_long_production_prompt_may_be_followed_by_a_long_proposal() -> None:
    base = a_prompt("word " * 5_000)
    (best,), _ = search("A good prompt. " + "word " * 5_000, base=base)
    assert best.decision == "ship"


def test_when_every_proposal_is_rejected_nothing_is_evaluated() -> None:
    found, evaluate = search(f"One: {LEAKED}", f"Two: {LEAKED}", cases=[*DEV, *TEST, HELD])
    assert [c.decision for c in found] == ["reject", "reject"]
    assert evaluate.evaluated == []
