"""Every rule of the stand-in's judge can pass and fail, and is chosen by the words that people use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.offline import judge
from flywheel_pipeline.prompting import fence

DOCUMENTS = "We refund the kit within 30 days of delivery. Postage for the return costs 4.90 euros."
TWO = "How many days do I have for a refund? What does postage cost?"
GIVEN = "Where is my order FW-48211?"


def _case(message: str, answer: str, conversation: str | None = None) -> judge.Case:
    return judge.Case(message, conversation if conversation is not None else message, DOCUMENTS, answer)


FAILING: list[tuple[judge.Rule, judge.Case]] = [
    (judge.not_in_documents, _case("Discount?", "For students we grant 15 % off the list price.")),
    (judge.not_in_documents, _case("Refund?", "We refund the kit within 60 days of delivery.")),
    (judge.not_in_documents, _case("Refund?", "Of course. The sensor also measures fertiliser and acidity.")),
    (judge.no_handover, _case("Let me talk to a human.", "I am happy to help you myself.")),
    (judge.question_left_open, _case(TWO, "We refund the kit within 30 days of delivery.")),
    (judge.question_left_open, _case(TWO, "Refund days and postage are on our page.")),
    (judge.claims_an_action, _case("Cancel it.", "Done! I have taken care of your request to cancel this.")),
    (judge.claims_an_action, _case("Cancel it.", "Sure, I've refunded the money.")),
    (judge.too_long, _case("How?", "word " * (judge.MAX_WORDS + 1))),
    (judge.asks_again, _case(GIVEN, "Could you please tell me your order number?")),
    (judge.asks_again, _case("So?", "Could you send the serial number?", "I have FH-298117.\nSo?")),
    (judge.off_topic, _case("Is HomeKit supported?", "Guest networks need a password.")),
    (judge.withheld, _case("What does postage for a return cost?", "I can not find that in our documentation.")),
    (judge.steps_missing, _case("Walk me through the return.", "First print the label.")),
]

PASSING: list[tuple[judge.Rule, judge.Case]] = [
    (judge.not_in_documents, _case("Refund?", "We refund the kit within 30 days of delivery.")),
    (judge.not_in_documents, _case("Refund?", "Of course. I can not find that in our documentation.")),
    (judge.not_in_documents, _case("Order FW-48211?", "Thank you. Could you tell me when you ordered 77 kits?")),
    (judge.no_handover, _case("Let me talk to a human.", "I am handing you over to a person from our team.")),
    (judge.no_handover, _case("What does postage cost?", "Postage costs 4.90 euros.")),
    (judge.question_left_open, _case(TWO, "You have 30 days for a refund. Postage costs 4.90 euros.")),
    (judge.question_left_open, _case(TWO, "I can not find that in our documentation.")),
    (judge.question_left_open, _case("What does postage cost?", "No idea.")),
    (judge.claims_an_action, _case("Cancel it.", "I can not do that from this chat. You can cancel in the app.")),
    (judge.too_long, _case("How?", "word " * judge.MAX_WORDS)),
    (judge.asks_again, _case(GIVEN, "Thank you, I have noted FW-48211.")),
    (judge.asks_again, _case("Where is my order?", "Could you please tell me your order number?")),
    (judge.off_topic, _case("Is HomeKit supported?", "HomeKit is not supported.")),
    (judge.off_topic, _case("Thanks!", "Goodbye.")),
    (judge.withheld, _case("Is HomeKit supported?", "I can not find that in our documentation.")),
    (judge.withheld, _case("What does postage for a return cost?", "Postage for the return costs 4.90 euros.")),
    (judge.steps_missing, _case("Walk me through the return.", "First print the label. Then post the kit.")),
    (judge.steps_missing, _case("What does postage cost?", "Postage costs 4.90 euros.")),
]


@pytest.mark.parametrize(("rule", "case"), FAILING)
def test_a_rule_fails_its_fault_and_says_what_is_wrong(rule: judge.Rule, case: judge.Case) -> None:
    assert rule(case)


@pytest.mark.parametrize(("rule", "case"), PASSING)
def test_a_rule_passes_an_answer_without_its_fault(rule: judge.Rule, case: judge.Case) -> None:
    assert rule(case) is None


def test_every_rule_is_seen_to_fail_and_to_pass() -> None:
    assert {rule for rule, _ in FAILING} == {rule for rule, _ in PASSING} == set(judge.RULES)


COMMENTS: Mapping[str, list[str]] = {
    "not_in_documents": ["Made up a feature", "There is no such discount.", "invented a promise", "hallucinated price"],
    "no_handover": [
        "wanted a person, bot kept going",
        "asked for a human twice",
        "no handover to a person",
        "never escalated",
    ],
    "question_left_open": [
        "only one of two questions answered",
        "answered only half",
        "the second question was ignored",
        "Two questions, one skipped",
    ],
    "claims_an_action": [
        "says done, nothing happened",
        "claims to have cancelled",
        "Fern can't actually do that",
        "pretends that it refunded",
    ],
    "too_long": [
        "whole guide pasted",
        "wall of text",
        "far too long for a yes or no",
        "The answer is buried in the manual",
    ],
    "asks_again": [
        "asked again for a number already given",
        "number was already given",
        "asks for the number in her message",
    ],
    "off_topic": ["answered with an unrelated fact", "answer doesn't fit the question", "wrong topic", "off-topic"],
    "withheld": ["says it can't find it, but it is documented", "Cannot find what is documented"],
    "steps_missing": ["only one step of the guide", "The steps after it are missing."],
}


@pytest.mark.parametrize(("rule", "comment"), [(r, c) for r, comments in COMMENTS.items() for c in comments])
def test_a_rule_is_recognised_by_the_words_that_people_use(rule: str, comment: str) -> None:
    found = judge.rule_for([comment])
    assert found is not None
    assert found.__name__ == rule


@pytest.mark.parametrize("texts", [["rude to the customer"], ["Answers in the wrong language"], [""], ["", "", ""]])
def test_no_rule_is_recognised_in_words_of_another_kind(texts: list[str]) -> None:
    assert judge.rule_for(texts) is None


def test_the_rule_of_most_texts_wins_and_a_rare_one_is_not_enough() -> None:
    assert judge.rule_for(["wall of text", "whole guide", "asked for a human"]) is judge.too_long
    assert judge.rule_for(["wall of text", "rude", "curt", "cold"]) is None


def _verdict(name: str, answer: str, **changes: Any) -> dict[str, str]:
    data = {
        "failure_mode": {"name": name, "definition": "", "examples": [name]},
        "conversation": [{"role": "user", "content": "Refund?"}],
        "documents": [{"id": "refunds", "title": "Refunds", "content": DOCUMENTS}],
        "answer": answer,
        **changes,
    }
    messages = [{"role": "system", "content": "Judge."}, {"role": "user", "content": fence(data)}]
    return dict(json.loads(judge.reply(messages)))


def test_the_verdict_says_fail_with_the_reason_and_pass_with_the_rule() -> None:
    failed = _verdict("Made up a feature", "It grants 15 % off.")
    assert failed["label"] == "fail"
    assert "15" in failed["explanation"]
    passed = _verdict("Made up a feature", "We refund the kit within 30 days of delivery.")
    assert passed["label"] == "pass"
    assert "Fail a claim" in passed["explanation"]


def test_an_unknown_failure_mode_is_judged_unsure_never_pass() -> None:
    assert _verdict("Rude to the customer", "Go away.")["label"] == "unsure"


def test_the_message_under_judgement_is_the_last_one_of_the_user() -> None:
    talk = [
        {"role": "user", "content": "Let me talk to a human."},
        {"role": "assistant", "content": "Why?"},
        {"role": "user", "content": "What does postage cost?"},
    ]
    assert _verdict("No handover to a person", "4.90 euros.", conversation=talk)["label"] == "pass"
    assert _verdict("No handover to a person", "Why?", conversation=talk[:1])["label"] == "fail"


def test_only_the_documents_given_support_an_answer() -> None:
    answer = "We refund the kit within 30 days of delivery."
    assert _verdict("Made up a fact", answer)["label"] == "pass"
    assert _verdict("Made up a fact", answer, documents=[])["label"] == "fail"


def test_a_case_without_documents_conversation_or_answer_is_judged_all_the_same() -> None:
    assert _verdict("wall of text", "", conversation=[], documents=[])["label"] == "pass"
    assert json.loads(judge.reply([{"role": "user", "content": "no data at all"}]))["label"] == "unsure"
