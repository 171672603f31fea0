"""A conversation as HTML, in pieces: no answer is much longer than `Allowance.n_left`, however long the trace is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from flywheel_pipeline.web.annotate.conversation import ROLES, Conversation, Message, Text, role_of
from flywheel_pipeline.web.annotate.markdown import render_markdown
from flywheel_pipeline.web.templates import render
from flywheel_pipeline.words import direction_of

OPEN, FOLDED, LONGEST_PIECE = 20_000, 2_000, 200_000
"""Characters that are sent at first of a text that stands open, of one that is folded, and of a text on demand."""
MOST_MESSAGES = 200


@dataclass
class Allowance:
    """How many characters of texts one answer may still hold."""

    n_left: int = 200_000

    def take(self, n: int) -> int:
        """Return how many of `n` characters may be sent."""
        allowed = max(0, min(n, self.n_left))
        self.n_left -= allowed
        return allowed


@dataclass(frozen=True)
class Shown:
    """The beginning of a text; `next` is where the rest begins, None where there is none."""

    text: Text
    body: str | Markup
    next: int | None

    @property
    def n_more(self) -> int:
        """Return how many characters are missing."""
        return 0 if self.next is None else len(self.text.content) - self.next

    @property
    def direction(self) -> str:
        """Return the direction of the text; a browser needs a minute to find that of every paragraph of a long one."""
        if self.text.kind == "json":
            return "ltr"
        return "auto" if len(self.text.content) <= OPEN else direction_of(self.text.content)


@dataclass(frozen=True)
class MessageView:
    """A message, and (call, result) for each of its calls."""

    step: int
    role: str
    name: str
    texts: list[Shown]
    exchanges: list[tuple[Shown, MessageView | None]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Return the class that the message is drawn as."""
        return self.role if self.role in ROLES else "other"


def render_piece(conversation: Conversation, start: int = 0, end: int | None = None) -> dict[str, Any]:
    """Return the messages from step `start` on, up to step `end`: {html, first, next}.

    `first` is the step of the first message of the HTML (its call's, where `start` is a result), `next` where to go on,
    None at the end. The documents come with the beginning, the error that ended the trace with the end.
    """
    allowance = Allowance()
    documents = [
        _begin(conversation.document(n), allowance) for n in range(len(conversation.documents) if not start else 0)
    ]
    steps = conversation.steps
    at = max((n for n, step in enumerate(steps) if step <= start), default=0)
    messages: list[MessageView] = []
    for step in steps[at:]:
        if messages and (allowance.n_left <= 0 or len(messages) >= MOST_MESSAGES or (end is not None and step > end)):
            break
        messages.append(_view(conversation, step, allowance))
    following = at + len(messages)
    next_step = steps[following] if following < len(steps) else None
    error = _begin(conversation.error, allowance) if next_step is None else None
    html = render(
        "annotate/conversation.html", documents=documents, messages=messages, error=error,
        next_step=next_step, last=max(conversation.messages, default=0),
    )  # fmt: skip
    return {"html": html, "first": messages[0].step if messages else 0, "next": next_step}


def render_answers(answers: Sequence[Sequence[Text]]) -> str:
    """Return the answers of an item as HTML, side by side, each with the buttons of its verdict."""
    allowance = Allowance()
    shown = [[_begin(text, allowance) for text in answer] for answer in answers]
    return render("annotate/answers.html", answers=shown)


def read_piece(conversation: Conversation, address: str, start: int) -> dict[str, Any]:
    """Return a piece of a text: {text, next, n_more}; `next` is where the rest begins, None at the end.

    Raises:
        LookupError: there is no such text.
    """
    content = conversation.text(address).content
    end = start + LONGEST_PIECE
    return {
        "text": content[start:end],
        "next": end if end < len(content) else None,
        "n_more": max(0, len(content) - end),
    }


def _view(conversation: Conversation, step: int, allowance: Allowance) -> MessageView:
    message: Message = conversation.messages[step]
    texts = [_begin(t, allowance) for t in conversation.texts(step) if t.content.strip()]
    exchanges = [
        (_begin(c.text, allowance), _view(conversation, c.result[0], allowance) if c.result else None)
        for c in conversation.calls(step)
    ]
    name = str(message.get("name") or "")[:80]
    return MessageView(step, role_of(message), name, texts, exchanges)


def _begin(text: Text, allowance: Allowance) -> Shown:
    size = len(text.content)
    n = allowance.take(min(size, FOLDED if text.title else OPEN))
    if text.kind == "markdown" and n == size:
        return Shown(text, render_markdown(text.content), None)
    return Shown(text, text.content[:n], n if n < size else None)
