"""`offline/generator`: rewords messages by rule and fills templates; it shows how the review works, not how users write."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flywheel_pipeline.adapters.llm.offline.words import content_words, words
from flywheel_pipeline.prompting import read_fence, text_of

PLAIN = {
    "is there": "do you have", "can i": "am i able to", "how do i": "what do i do to", "i want to": "i would like to",
    "do you": "would you happen to", "does it": "will it", "what is": "could you tell me", "please": "if you can",
    "my ": "the ", "cancel": "call off", "buy": "get", "broken": "not working", "refund": "money back",
}  # fmt: skip
"""Words and others for them, which mean the same in most questions."""

OPENINGS = (
    "Sorry to bother you, this may be a silly question.",
    "Writing from my phone, so briefly.",
    "My neighbour said I should ask you.",
)


def reply(messages: list[dict[str, Any]]) -> str:
    """Answer one of the questions of the golden step, distinguished by its data."""
    data = read_fence(text_of(messages[-1].get("content"))) or {}
    answers: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "message": _paraphrase,
        "situation": _phrase,
        "rated_message": _rate,
        "failure_modes": _dimensions,
    }
    return json.dumps(next((answer(data) for key, answer in answers.items() if key in data), {}))


def _paraphrase(data: dict[str, Any]) -> dict[str, Any]:
    text = " ".join(str(data["message"]).split())
    for said, other in PLAIN.items():
        text = re.sub(rf"\b{said}", other, text, flags=re.IGNORECASE)
    ordered = re.split(r"(?<=[.!?])\s+", text)
    turned = " ".join(ordered[::-1]) if len(ordered) > 1 else text
    return {"questions": [f"{OPENINGS[i % len(OPENINGS)]} {turned}" for i in range(int(data["n"]))]}


def _phrase(data: dict[str, Any]) -> dict[str, Any]:
    text = "; ".join(f"{name}: {value}" for name, value in data["situation"].items())
    about = ", ".join(str(v) for v in data["situation"].values())
    return {
        "question": f"I have a question about this: {about}. What should I do?",
        "criteria": f"The answer fits the situation ({text}) and claims nothing that no document says.",
    }


def _rate(data: dict[str, Any]) -> dict[str, Any]:
    """Rate by length and vocabulary: what shares no word with any real message is unlikely to be one."""
    known = {w for m in data["real_messages"] for w in content_words(m)}
    mine = content_words(data["rated_message"])
    likely = 3 <= len(words(data["rated_message"])) <= 300
    score = (4 if not known or mine & known else 3) if likely else 2
    return {"score": score, "reason": "by its length and the words that it shares with real messages"}


def _dimensions(data: dict[str, Any]) -> dict[str, Any]:
    spread = Counter(w for m in data["real_messages"] for w in set(words(m)) if len(w) > 4 and w.isalpha())
    features: Sequence[str] = [w for w, _ in sorted(spread.items(), key=lambda x: (-x[1], x[0]))][:4]
    return {
        "dimensions": [
            {"name": "feature", "values": list(features) if len(features) > 1 else ["a product", "an order"]},
            {"name": "persona", "values": ["first-time customer", "long-standing customer", "angry customer"]},
            {"name": "scenario", "values": ["several questions at once", "something is missing", "asks for a person"]},
        ]
    }
