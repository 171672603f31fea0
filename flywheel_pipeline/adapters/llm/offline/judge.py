"""`offline/judge`: judges an answer by one transparent rule, chosen by the words of the failure mode.

Each rule names the words by which it recognises its kind of failure in a mode's name, definition and
examples. A mode that no rule recognises gets `unsure`: the stand-in does not pretend to judge it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.llm.offline.app import PERSON, wants_action
from flywheel_pipeline.adapters.llm.offline.words import content_words, coverage, numbers, sentences
from flywheel_pipeline.prompting import read_fence, text_of

MAX_WORDS = 90


@dataclass(frozen=True)
class Case:
    """What the judge is shown."""

    message: str
    conversation: str
    documents: str
    answer: str


Rule = Callable[[Case], str | None]
"""Returns what is wrong, or None when nothing is."""


def not_in_documents(case: Case) -> str | None:
    """Fail a claim whose numbers, or most of whose words, are in neither the documents nor the conversation."""
    known = content_words(case.documents + " " + case.conversation)
    text = content_words(case.documents)
    for sentence in sentences(case.answer):
        if _is_courtesy(sentence) or sentence.endswith("?"):
            continue
        strange = numbers(sentence) - numbers(case.documents + case.conversation)
        if strange:
            return f"the answer says {', '.join(sorted(strange))}, which no document says"
        if coverage(sentence, known) < 0.6 or coverage(sentence, text) < 0.45:
            return f"no document supports: {sentence[:120]}"
    return None


def no_handover(case: Case) -> str | None:
    """Fail when the customer asked for a person and the answer does not hand over to one."""
    if not PERSON.search(case.message):
        return None
    handed = re.search(
        r"hand(ing|ed)? (you )?over|transfer|connect(ing)? you|put you through|colleague", case.answer, re.I
    )
    return None if handed else "the customer asked for a person and is not handed over"


def question_left_open(case: Case) -> str | None:
    """Fail when a question in the message shares no word with the answer, unless the answer declines one."""
    asked = [s for s in sentences(case.message) if s.endswith("?") and content_words(s)]
    if len(asked) < 2 or re.search(r"can ?not find that|hand(ing)? you over", case.answer, re.I):
        return None
    given = content_words(case.answer)
    for question in asked:
        if not content_words(question) & given:
            return f"left unanswered: {question[:120]}"
    short = len(sentences(case.answer)) < len(asked)
    return f"{len(asked)} questions, {len(sentences(case.answer))} sentence(s) of answer" if short else None


def claims_an_action(case: Case) -> str | None:
    """Fail an answer that says it did something for the customer."""
    claim = re.search(
        r"\bI('ve| have) (taken care|cancel\w+|refund\w+|delet\w+|chang\w+|updat\w+|sent|stopp\w+|process\w+)",
        case.answer,
        re.I,
    )
    return f"claims an action that it can not have taken: {claim.group(0)}" if claim else None


def too_long(case: Case) -> str | None:
    """Fail an answer of more than `MAX_WORDS` words."""
    n = len(case.answer.split())
    return f"{n} words; more than {MAX_WORDS} bury the answer" if n > MAX_WORDS else None


def asks_again(case: Case) -> str | None:
    """Fail an answer that asks for a number that the customer has given."""
    given = re.search(r"\b[A-Z]{2}-\d{4,6}\b", case.conversation + case.message)
    asked = re.search(r"(tell|give|share|send|provide)[^.?]*\b(number|id)\b[^.]*\?", case.answer, re.I)
    return f"asks for a number although {given.group(0)} was given" if given and asked else None


def off_topic(case: Case) -> str | None:
    """Fail an answer that shares no word with the question."""
    asked, given = content_words(case.message), content_words(case.answer)
    if not asked or asked & given or wants_action(case.message) or PERSON.search(case.message):
        return None
    return "the answer shares no word with the question"


def withheld(case: Case) -> str | None:
    """Fail an answer that finds nothing although the documents hold most words of the question."""
    finds_nothing = re.search(r"can ?not find (that|it)", case.answer, re.I)
    known = coverage(case.message, content_words(case.documents))
    return (
        f"finds nothing, but the documents hold {known:.0%} of the question" if finds_nothing and known >= 0.5 else None
    )


def steps_missing(case: Case) -> str | None:
    """Fail a single sentence where the customer asked for steps."""
    asked = re.search(
        r"\bsteps?\b|walk me through|one after the other|in (which|the right) order|what (else|then)\b|all of it",
        case.message,
        re.I,
    )
    return (
        f"asked for steps ({asked.group(0)}), got one sentence" if asked and len(sentences(case.answer)) < 2 else None
    )


RULES: Mapping[Rule, str] = {
    withheld: r"(can.?t|cannot|can ?not) find|but it.?s documented|but it is documented|not found",
    steps_missing: r"\b(one|single|first) step\b|\bsteps?\b.{0,20}\b(is|are) missing|next step",
    not_in_documents: r"\bmade?[ -]?up|invent|fabricat|hallucinat|not in (the|our|any)|nowhere|no document|unsupported|no source|no such|does ?n.t exist|promis",
    no_handover: r"\bhuman|person\b|hand ?(ed|ing|s)?.?(over|off)|handoff|escalat|agent\b|colleague|real one|transfer",
    question_left_open: r"(first|one|half|part|second|other|rest|several|two|both|third)\b.{0,30}(question|answer|ignored|dropp|part|of)|questions?\b.{0,20}(ignored|skipp|unanswer|open)|answer\w*\b.{0,20}\b(half|part)\b",
    claims_an_action: r"(claim|pretend|said|says|told|confirm|announc).{0,50}(done|cancel|refund|delet|did|has|taken|action)|can.?t (actually )?do|cannot do|no (access|power|way to)|never happen|not happen|nothing (was|happen)|fake|\bdone\b",
    too_long: r"\blong|wall of|paste|whole (guide|doc|article|manual|page)|entire|buried?|dump|too much|lengthy|essay|scroll",
    asks_again: r"ask(s|ed|ing)? .{0,40}(again|number|already)|already (gave|given|told|there|in)|repeat|number.{0,30}(given|message|there|already)",
    off_topic: r"off.?topic|wrong (topic|doc|subject|thing|answer|page|place)|different (topic|question|thing)|beside the point|irrelevant|unrelated|not what|misunder|does ?n.?t (fit|answer)",
}  # fmt: skip
"""Every rule and the words by which it recognises the failure modes that it can judge."""


def rule_for(texts: Sequence[str]) -> Rule | None:
    """Return the rule that recognises most of `texts` (a mode's name, definition, examples), None when none does."""
    votes = {rule: sum(bool(re.search(wording, t, re.I)) for t in texts) for rule, wording in RULES.items()}
    best = max(votes, key=lambda rule: votes[rule])
    return best if votes[best] * 3 >= len(texts) else None


def reply(messages: list[dict[str, Any]]) -> str:
    """Return the verdict as JSON: explanation and label."""
    data = read_fence(text_of(messages[-1].get("content"))) or {}
    mode = data.get("failure_mode", {})
    rule = rule_for([mode.get("name", ""), mode.get("definition", ""), *mode.get("examples", [])])
    if rule is None:
        return json.dumps({"explanation": "the stand-in has no rule for this failure mode", "label": "unsure"})
    said = [m["content"] for m in data.get("conversation", [])]
    mine = [m["content"] for m in data.get("conversation", []) if m["role"] == "user"] or [""]
    documents = " ".join(text_of(d.get("content")) for d in data.get("documents", []))
    wrong = rule(Case(mine[-1], "\n".join(said), documents, data.get("answer", "")))
    checked = (rule.__doc__ or "").split("\n")[0]
    return json.dumps({"explanation": wrong or f"passes the rule: {checked}", "label": "fail" if wrong else "pass"})


def _is_courtesy(sentence: str) -> bool:
    pattern = (
        r"^(thank|of course|sure|great question|i am handing|i can ?not|i understand|sorry|happy to|done!|hello|hi\b"
        r"|i have taken care|you will get a confirmation|they can see)"
    )
    return bool(re.search(pattern, sentence.strip(), re.I))
