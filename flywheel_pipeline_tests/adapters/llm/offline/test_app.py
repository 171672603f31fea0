"""The stand-in shows each fault until the prompt asks it not to, and knows nothing but the documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from flywheel_pipeline.adapters.apps import app_ask
from flywheel_pipeline.adapters.llm.offline import app, improver, judge

PLAIN = "You are Fern, the friendly support assistant of Fernwater."

REFUNDS = {
    "id": "refunds",
    "title": "Refunds",
    "content": "We refund the kit within 30 days of delivery. Postage for the return costs 4.90 euros.",
}
INSTALLATION = {
    "id": "installation",
    "title": "Installation",
    "content": "Screw the hose connector onto the tap by hand. "
    + "Check every seal of the line once more before you go on. " * 20,
}


def _say(prompt: str, messages: str | Sequence[str], documents: Sequence[Mapping[str, Any]] = (REFUNDS,)) -> str:
    said = [messages] if isinstance(messages, str) else messages
    turns = [{"role": "user", "content": m} for m in said]
    return app.reply([dict(m) for m in app_ask(prompt, turns, [dict(d) for d in documents]).messages])


@dataclass(frozen=True)
class Fault:
    """A message that brings the fault out, what the faulty answer looks like, and wordings that switch it off."""

    message: str
    shown: Callable[[str], bool]
    wordings: tuple[str, ...]
    documents: tuple[Mapping[str, Any], ...] = (REFUNDS,)


FAULTS: Mapping[str, Fault] = {
    "stay_grounded": Fault(
        "Do you offer a student discount?",
        lambda answer: "can not find" not in answer,
        (
            "Answer only from the documents.",
            "Use only facts that the documents state.",
            "Never guess.",
            "Do not make up features.",
        ),
    ),
    "hand_over": Fault(
        "I want to talk to a human.",
        lambda answer: "handing you over" not in answer,
        ("Hand customers over to a person when they ask.", "Always transfer to a human agent on request."),
    ),
    "answer_all": Fault(
        "How many days do I have for a refund of the kit? What does postage for the return cost?",
        lambda answer: "4.90" not in answer,
        ("Answer every question.", "Make sure that all of the customer's questions are answered."),
    ),
    "claim_nothing": Fault(
        "Please cancel my order FW-48211.",
        lambda answer: answer.startswith("Done!"),
        ("Never say that something is done.", "Do not claim to have carried out an action."),
    ),
    "be_brief": Fault(
        "How do I screw the hose connector onto the tap?",
        lambda answer: len(answer.split()) > 150,
        ("Keep it short.", "Be concise.", "Use at most 40 words.", "Write no more than 2 sentences."),
        (INSTALLATION,),
    ),
    "remember": Fault(
        "Where is my order FW-48211?",
        lambda answer: "order number" in answer and answer.endswith("?"),
        ("Never ask for something again.", "Do not ask for what was already said."),
    ),
}

WORDINGS = [(name, wording) for name, fault in FAULTS.items() for wording in fault.wordings]


def test_there_is_a_fault_for_every_thing_a_prompt_may_ask_for() -> None:
    assert FAULTS.keys() == app.ASKS.keys()


@pytest.mark.parametrize("name", list(FAULTS))
def test_without_being_asked_the_app_shows_the_fault(name: str) -> None:
    fault = FAULTS[name]
    assert fault.shown(_say(PLAIN, fault.message, fault.documents))


@pytest.mark.parametrize(("name", "wording"), WORDINGS)
def test_asked_in_natural_words_the_app_does_not_show_the_fault(name: str, wording: str) -> None:
    fault = FAULTS[name]
    assert not fault.shown(_say(f"{PLAIN} {wording}", fault.message, fault.documents))


@pytest.mark.parametrize(("name", "wording"), WORDINGS)
def test_asking_for_one_thing_leaves_every_other_fault_as_it_was(name: str, wording: str) -> None:
    for other, fault in FAULTS.items():
        if other != name:
            assert fault.shown(_say(f"{PLAIN} {wording}", fault.message, fault.documents)), other


ADVISED = {
    "not_in_documents": "stay_grounded",
    "no_handover": "hand_over",
    "question_left_open": "answer_all",
    "claims_an_action": "claim_nothing",
    "too_long": "be_brief",
    "asks_again": "remember",
    "off_topic": None,  # the app has no such switch: this advice changes nothing
    "withheld": None,  # it undoes `stay_grounded`, which the plain prompt does not ask for
    "steps_missing": None,  # it undoes `be_brief`
}
UNDONE = {"withheld": "stay_grounded", "steps_missing": "be_brief"}


def test_there_is_an_expectation_for_every_advice_of_the_improver() -> None:
    assert ADVISED.keys() == {rule.__name__ for rule in improver.ADVICE} == {rule.__name__ for rule in judge.RULES}


@pytest.mark.parametrize("rule", list(improver.ADVICE), ids=lambda rule: rule.__name__)
def test_each_advice_of_the_improver_switches_exactly_its_own_fault_off(rule: judge.Rule) -> None:
    prompt = f"{PLAIN}\n\n- {improver.ADVICE[rule]}"
    still = {n for n, f in FAULTS.items() if f.shown(_say(prompt, f.message, f.documents))}
    assert still == set(FAULTS) - {ADVISED[rule.__name__]}


def test_advice_that_undoes_nothing_switches_every_fault_off() -> None:
    advice = [text for rule, text in improver.ADVICE.items() if rule.__name__ not in UNDONE]
    prompt = "\n".join([PLAIN, *advice])
    assert [n for n, f in FAULTS.items() if f.shown(_say(prompt, f.message, f.documents))] == []


@pytest.mark.parametrize("rule", [judge.withheld, judge.steps_missing], ids=lambda rule: rule.__name__)
def test_some_advice_cures_one_failure_with_another(rule: judge.Rule) -> None:
    others = [text for other, text in improver.ADVICE.items() if other.__name__ not in UNDONE]
    prompt = "\n".join([PLAIN, *others, improver.ADVICE[rule]])
    shown = [n for n, f in FAULTS.items() if f.shown(_say(prompt, f.message, f.documents))]
    assert shown == [UNDONE[rule.__name__]]
    assert app.UNDONE_BY.keys() == set(UNDONE.values())


def test_the_words_of_a_document_never_steer_the_app() -> None:
    wordings = " ".join(wording for _, wording in WORDINGS)
    page = {"id": "x", "title": "House style", "content": wordings}
    for name, fault in FAULTS.items():
        assert fault.shown(_say(PLAIN, fault.message, (*fault.documents, page))), name


@pytest.mark.parametrize("name", list(FAULTS))
def test_an_answer_is_the_same_every_time(name: str) -> None:
    fault = FAULTS[name]
    assert len({_say(PLAIN, fault.message, fault.documents) for _ in range(3)}) == 1


def test_the_answer_is_the_sentence_of_the_documents_that_the_question_is_about() -> None:
    assert _say(PLAIN, "What does postage for the return cost?", (INSTALLATION, REFUNDS)) == (
        "Postage for the return costs 4.90 euros."
    )


def test_a_fact_vanishes_from_the_answer_with_its_document() -> None:
    question = "What does postage for the return cost?"
    for prompt in (PLAIN, f"{PLAIN} Answer only from the documents."):
        assert "4.90" in _say(prompt, question, (REFUNDS,))
        assert "4.90" not in _say(prompt, question, (INSTALLATION,))
        assert "4.90" not in _say(prompt, question, ())


def test_a_fact_changed_in_the_document_is_changed_in_the_answer() -> None:
    changed = {**REFUNDS, "content": REFUNDS["content"].replace("4.90", "7.50")}
    assert "7.50" in _say(PLAIN, "What does postage for the return cost?", (changed,))


def test_a_person_asked_for_is_handed_to_even_when_the_message_asks_for_an_action_too() -> None:
    prompt = f"{PLAIN} Hand over to a person when asked."
    assert "handing you over" in _say(prompt, "Cancel my order please, or let me speak to a real person.")


@pytest.mark.parametrize(
    ("message", "wants"),
    [
        ("Please cancel my order FW-48211.", True),
        ("Cancel my order.", True),
        ("Can you delete my account?", True),
        ("I am unhappy. Refund my money now!", True),
        ("How do I cancel my order?", False),
        ("Can I change my address?", False),
        ("Do you refund the kit?", False),
        ("What happens if I cancel the subscription?", False),
        ("Thanks, all clear.", False),
    ],
)
def test_an_order_to_act_is_distinguished_from_a_question_how(message: str, wants: bool) -> None:
    assert app.wants_action(message) is wants


def test_a_number_given_in_an_earlier_message_is_remembered_when_asked_to() -> None:
    said = ["My serial is FH-298117, hello.", "So where is my parcel?"]
    assert "FH-298117" in _say(f"{PLAIN} Never ask for anything again.", said)
    assert _say(PLAIN, said).endswith("order number or serial number?")


@pytest.mark.parametrize("message", ["", "?!", "\x00", "😀", "日本語?"])
@pytest.mark.parametrize("prompt", [PLAIN, f"{PLAIN} Answer only from the documents."])
def test_a_message_without_words_is_answered_all_the_same(prompt: str, message: str) -> None:
    assert _say(prompt, message)


def test_a_conversation_without_a_system_prompt_or_a_user_is_answered_all_the_same() -> None:
    assert app.reply([{"role": "user", "content": "Hello there?"}])
    assert app.reply([{"role": "system", "content": PLAIN}])


def test_documents_without_content_are_no_obstacle() -> None:
    empty = {"id": "x", "title": None, "content": None}
    assert "4.90" in _say(PLAIN, "What does postage for the return cost?", (empty, REFUNDS))
