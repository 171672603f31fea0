"""Fern: retrieves three documents for a message, and answers from them under a system prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from flywheel_pipeline.adapters.apps import app_ask
from flywheel_pipeline.ports import LLM

FIRST_PROMPT = (
    "You are Fern, the friendly support assistant of Fernwater, which makes a smart watering kit for gardens. "
    "Help the customer with their question in a warm and positive tone."
)
RETRIEVED = 3


@cache
def documents() -> tuple[dict[str, str], ...]:
    """Return the support pages as {id, title, content}."""
    found = []
    for page in sorted(files(__package__).joinpath("documents").iterdir(), key=lambda p: p.name):
        title, _, content = page.read_text(encoding="utf-8").partition("\n")
        found.append({"id": page.name.removesuffix(".md"), "title": title.strip("# "), "content": content.strip()})
    return tuple(found)


def retrieve(message: str) -> list[dict[str, Any]]:
    """Return the pages closest to a message (TF-IDF over words and word stems), with their scores."""
    vectors, vectorizer = _index()
    scores = (vectors @ vectorizer.transform([_words(message)]).T).toarray().ravel()
    best = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:RETRIEVED]
    return [{**documents()[i], "score": round(float(scores[i]), 4)} for i in best]


@cache
def _index() -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(stop_words="english", sublinear_tf=True)
    return vectorizer.fit_transform(
        _words(f"{d['title']} {d['title']} {d['content']}") for d in documents()
    ), vectorizer


def _words(text: str) -> str:
    return re.sub(r"(\w{3,}?)(ing|ed|es|s)\b", r"\1", text.lower())


@dataclass
class Chat:
    """A conversation as it grows: the messages so far, and the documents of the last turn."""

    turns: Sequence[str]
    messages: list[dict[str, str]] = field(default_factory=list)
    retrieved: list[dict[str, Any]] = field(default_factory=list)


def hold_chats(chats: Sequence[Chat], prompt: str, llm: LLM) -> None:
    """Let the assistant answer every turn of every chat, all chats at once, turn by turn.

    Raises:
        RuntimeError: the model failed; a recording with holes would be no recording.
    """
    for turn in range(max(len(c.turns) for c in chats)):
        speaking = [c for c in chats if turn < len(c.turns)]
        for chat in speaking:
            chat.messages.append({"role": "user", "content": chat.turns[turn]})
            chat.retrieved = retrieve(chat.turns[turn])
        asks = [app_ask(prompt, c.messages, c.retrieved) for c in speaking]
        for chat, reply in zip(speaking, llm.ask(asks), strict=True):
            if reply.text is None:
                raise RuntimeError(f"the demo assistant did not answer: {reply.error}")
            chat.messages.append({"role": "assistant", "content": reply.text})
