"""Which turn, which answer: the rule by which every format finds `input` and `output`.

1. The last turn of the user is the question. What the app said after it, last, is the answer, and there may be none: an
   unanswered question is not given the answer of an earlier turn. An app that spoke without being asked has an answer
   and no question.
2. A tool's result is never a turn of the user, whatever its role is called. Thoughts are never the answer; a refusal
   and the transcript of an audio answer are.
3. Where a turn is a prompt that the app filled in around the question, the question is what stands in it.

Of a trace of spans, `assemble` says which conversation this is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_ROLES = {
    "system": "system", "user": "user", "human": "user", "customer": "user", "assistant": "assistant",
    "ai": "assistant", "bot": "assistant", "tool": "tool",
}  # fmt: skip
_LABEL = re.compile(rf"(?im)^[ \t]*({'|'.join(_ROLES)})[ \t]*:[ \t]*")
_BEGIN = r"^[ \t#*<\[(]*"
_HELD = (
    "context|documents?|sources?|passages?|excerpts?|chunks|search results|information|knowledge|snippets|articles?|"
    "references?|history|conversation"
)
_CONTEXT = re.compile(rf"(?im){_BEGIN}(?:[\w' ]{{0,40}}\b)?(?:{_HELD})\b[^\n:]{{0,40}}[:>\]]")
_WHOSE = "the |user'?s? |customer'?s? |human |current |new |follow[- ]?up |standalone |original |latest "
_QUESTION = re.compile(
    rf"(?im){_BEGIN}(?:{_WHOSE})*(?:question|query|user (?:input|message|request)|user)\b[ \t*]*[:>\]][ \t*]*"
)
_GIVEN = "the |your |helpful |final |ai |assistant'?s? "
_LABELLED = rf"{_BEGIN}(?:{_GIVEN})*(?:answer|response|reply|assistant|ai)\b[^\n]{{0,40}}[:>\]][ \t*]*"
_ANSWER = re.compile(rf"(?im)\s*(?:{_LABELLED}|</?[\w ]{{1,20}}>)?\s*\Z")
_NAMED = ("uestion", "QUESTION", "uery", "QUERY", "ser ", "ser:", "USER")
"""Most texts hold none of these, and are passed over at once."""
_MOST = 200_000
"""A prompt that is longer is left as it is."""


def question_in(text: str) -> str:
    """Return the question in a prompt that was filled in with context and question; any other text as it is.

    It must name both, the question last: `Context: …`, then `Question: …`, then at most the label of the answer.
    """
    if "\n" not in text or len(text) > _MOST or not any(word in text for word in _NAMED):
        return text
    *_, last = [None, *_QUESTION.finditer(text)]
    if last is None or not _CONTEXT.search(text, 0, last.start()):
        return text
    rest = text[last.end() :]
    end = _ANSWER.search(rest)
    found = rest[: end.start()].strip() if end else rest.strip()
    return found if found and "\n\n" not in found else text


def transcript(text: str) -> list[dict[str, Any]]:
    """Return the turns of a conversation that was written as text (`user: …` and so on); none where it is no such."""
    first = _LABEL.match(text.lstrip()) if ":" in text[:40] else None
    if first is None or len(text) > _MOST:
        return []
    text = text.lstrip()
    found = list(_LABEL.finditer(text))
    ends = [m.start() for m in found[1:]] + [len(text)]
    turns = [(_ROLES[m[1].lower()], text[m.end() : end].strip()) for m, end in zip(found, ends, strict=True)]
    if len(found) < 2 or not any(role == "user" and said for role, said in turns):
        return []
    return [{"role": role, "content": said} for role, said in turns if said]


def last_turn(messages: Sequence[Mapping[str, Any]], said: Any) -> tuple[str, str | None]:
    """Return (question, answer) of a conversation; `said` returns the text of a message."""
    answer: str | None = None
    for message in reversed(messages):
        role = message.get("role")
        if role == "user":
            return question_in(said(message)), answer
        if role == "assistant" and answer is None and (text := said(message)).strip():
            answer = text
    return "", answer
