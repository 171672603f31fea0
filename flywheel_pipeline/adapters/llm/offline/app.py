"""`offline/app`: a support assistant that answers from the documents it is given, with honest faults.

It picks the sentence of the documents that shares most words with the question. What it does beyond that
depends on what the system prompt asks of it (`ASKS`): without being asked to, it does not stay with the
documents, does not hand over to people, answers the first of several questions only, claims to have done
what it cannot do, pastes whole guides, and asks for what the user has given. The text of the prompt is all that
steers it; a prompt that asks for more gets more. Two wishes undo another (`UNDONE_BY`), so that a prompt can cure one
kind of failure with another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.llm.offline.words import content_words, numbers, sentences
from flywheel_pipeline.prompting import read_fence, text_of

ASKS: Mapping[str, str] = {
    "stay_grounded": r"only (with |from |use |what |state |facts )[^.]*document|(do not|don't|never) (guess|invent|make up)",
    "hand_over": r"(hand|pass|transfer|connect|refer)[^.]*\b(person|people|human|colleague|agent|team)\b",
    "answer_all": r"\b(every|each|all)\b[^.]*question",
    "claim_nothing": r"(never|do not|don't) (claim|say|pretend|promise|confirm)[^.]*(done|did|action|carried out|already)",
    "be_brief": r"\bbrief|\bshort\b|concise|(at most|no more than|under|fewer than) \d+ (words|sentences)",
    "remember": r"(never|do not|don't) ask[^.]*(again|already|given|told)",
}
"""What a prompt may ask for, and the wording by which the stand-in understands it."""

UNDONE_BY: Mapping[str, str] = {
    "stay_grounded": r"\balways (give|have)[^.]*\banswer\b",
    "be_brief": r"\b(whole|full|entire) guide[^.]*\bevery step\b",
}
"""Wordings that undo a wish of `ASKS`: who must always answer guesses, who must give every step is not brief."""

PERSON = re.compile(
    r"\b(human|person|agent|colleagues?|representative|manager|supervisor|operator|member of staff)\b"
    r"|\b(someone|somebody|anyone|anybody) (from|real|in|who|at|of|alive)|\b(live|real) (support|one|people)|put me through"
    r"|(call|ring|phone) me|me back|call ?back|(stop|not?|with) (the|a|this|another)? ?(bot|robot|machine)"
    r"|(speak|talk|chat|write) (to|with) (a|an|one|some|any|your)", re.I
)  # fmt: skip
ACTION = re.compile(
    r"\b(cancel|refund|delete|change|resend|send|upgrade|close|remove|stop|give|pay|reship|update|switch|move|put|add"
    r"|ship|redirect|end|terminate|wipe|erase)\b[^?.!]*\b(order|money|account|address|parcel|subscription|plus|it|me"
    r"|back|fw-\d+|label|again|delivery|kit|data)\b", re.I
)  # fmt: skip
INQUIRY = re.compile(
    r"^\W*(how|what|when|where|which|who|why|if|i want to|i need to)\b|\bhow (do|can|to)\b|\bi (can|do|could)\b",
    re.I,
)
DEMAND = re.compile(r"\b(can|could|would|will) (you|u)\b|\bplease\b|\bpls\b", re.I)
ASKED = re.compile(r"^\W*(is|are|do|does|did|has|have|can|could|will|must|should|may)\b", re.I)
NUMBER_GIVEN = re.compile(r"\bF[WH]-\d{4,6}\b", re.I)
STATUS = re.compile(r"where|status|track|arriv|when|news|parcel|on its way|update|delivered|moving|happen", re.I)
LONG_DOCUMENT_WORDS = 180
MIN_SHARED = 2


@dataclass(frozen=True)
class Turn:
    """What the stand-in sees: the prompt's wishes, the documents, the customer's messages so far."""

    asks: frozenset[str]
    documents: Sequence[Mapping[str, Any]]
    message: str
    earlier: str


def reply(messages: list[dict[str, Any]]) -> str:
    """Return the assistant's answer to the last user message."""
    system = "\n".join(text_of(m.get("content")) for m in messages if m.get("role") == "system")
    said = [text_of(m.get("content")) for m in messages if m.get("role") == "user"] or [""]
    documents = read_fence(system)
    return _answer(
        Turn(
            _asks(system.split("```json")[0]),
            documents if isinstance(documents, list) else [],
            said[-1],
            "\n".join(said[:-1]),
        )
    )


def _asks(prompt: str) -> frozenset[str]:
    asked = {name for name, wording in ASKS.items() if re.search(wording, prompt, re.I)}
    return frozenset(asked - {name for name, wording in UNDONE_BY.items() if re.search(wording, prompt, re.I)})


def _answer(turn: Turn) -> str:
    if PERSON.search(turn.message) and "hand_over" in turn.asks:
        return "Of course. I am handing you over to a person from our team now; they can see this conversation."
    if wants_action(turn.message):
        return _on_action(turn)
    if NUMBER_GIVEN.search(turn.message + turn.earlier) and STATUS.search(turn.message):
        return _on_status(turn)
    if PERSON.search(turn.message) and not _best(turn.message, turn.documents):
        return "I understand! I am Fern and I am happy to help you myself. Could you tell me more about your question?"
    questions = _questions(turn.message)
    asked = questions if "answer_all" in turn.asks else questions[:1]
    return " ".join(dict.fromkeys(_on_question(question, turn) for question in asked))


def wants_action(message: str) -> bool:
    """Return whether some sentence tells the assistant to do something, rather than asks how it is done."""
    rows = [s for s in sentences(message) if ACTION.search(s) and not INQUIRY.search(s)]
    return any(DEMAND.search(s) or not (s.endswith("?") or ASKED.search(s)) for s in rows)


def _on_action(turn: Turn) -> str:
    found = _best(turn.message, turn.documents)
    if "claim_nothing" in turn.asks:
        return "I can not do that from this chat. " + (found or "Our team can, and I can hand you over to them.")
    verb = (ACTION.search(turn.message) or re.search(r"\w+", turn.message)).group(0).split()[0].lower()  # type: ignore[union-attr]
    return f"Done! I have taken care of your request to {verb} this. You will get a confirmation by e-mail shortly."


def _on_status(turn: Turn) -> str:
    if "remember" not in turn.asks:
        return "I am happy to look that up for you! Could you please tell me your order number or serial number?"
    number = NUMBER_GIVEN.search(turn.earlier + " " + turn.message)
    found = _best(turn.message, turn.documents) or "The tracking link in your e-mail shows where it is."
    return f"Thank you, I have noted {number.group(0) if number else 'it'}. I can not see live data here. {found}"


def _on_question(question: str, turn: Turn) -> str:
    found = _best(question, turn.documents)
    if not found:
        return _without_documents(question, turn)
    document = next(d for d in turn.documents if found in text_of(d.get("content")))
    body = text_of(document.get("content"))
    if len(body.split()) < LONG_DOCUMENT_WORDS or "be_brief" in turn.asks:
        return found
    return (
        f"Great question! Here is everything you need to know about {document.get('title')}. {' '.join(body.split())}"
    )


def _without_documents(question: str, turn: Turn) -> str:
    if "stay_grounded" in turn.asks:
        return "I can not find that in our documentation, so I would rather not guess; our team can tell you."
    n = int(hashlib.sha256(question.encode()).hexdigest(), 16)
    topic = " ".join([w for w in re.findall(r"[A-Za-z]+", question) if content_words(w)][-3:]) or "that"
    claims = (
        f"Yes, {topic} is included with every kit at no extra charge, and it takes about {n % 9 + 2} minutes to set up.",
        f"Yes, we offer {topic} for all customers since last spring; you will find it under Extras in the app.",
        f"For {topic} we grant {n % 4 * 5 + 10} % off the list price; simply mention it at checkout.",
        f"That is no problem: {topic} is fully supported and certified, usually within {n % 12 + 3} days.",
    )
    return claims[n // 97 % len(claims)]


def _questions(message: str) -> list[str]:
    asked = [s for s in sentences(message) if s.endswith("?") and content_words(s)]
    return asked or [message]


def _best(question: str, documents: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the document sentence that shares most rare words with the question, None below the bar.

    Words are weighted by 1 / the number of sentences that hold them; names of the product count little.
    """
    pool = [
        (s, content_words(s)) for d in documents for s in sentences(text_of(d.get("content"))) if len(s.split()) > 3
    ]
    wanted = content_words(question)
    spread = {w: sum(w in have for _, have in pool) for w in wanted}
    scored = [(sum(1 / spread[w] ** 0.5 for w in wanted & have), len(wanted & have), s) for s, have in pool]
    score, shared, sentence = max(scored, default=(0.0, 0, ""))
    enough = (shared >= MIN_SHARED and score >= 0.9) or shared == len(wanted) > 0
    return sentence if enough or (shared and numbers(question) & numbers(sentence)) else None
