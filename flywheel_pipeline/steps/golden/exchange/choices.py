"""Multiple-choice questions: the choices belong to the question, and a letter or index as the answer is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.steps.golden.exchange.field_mapping import conversation_row
from flywheel_pipeline.steps.golden.exchange.rows import Row


def with_choices(row: Row, choices: Sequence[str]) -> Row:
    """Return the conversation with the choices under the question, as Inspect's multiple-choice solver asks it."""
    if not row["messages"]:
        return row
    last = row["messages"][-1]
    listed = "\n".join(f"{letter}) {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False))
    content = last.get("content")
    if isinstance(content, list):
        asked: Any = [*content, {"type": "text", "text": listed}]
    else:
        asked = f"{text_of(content)}\n\n{listed}"
    return conversation_row([*row["messages"][:-1], {**last, "content": asked}])


def resolved(target: Any, choices: Sequence[str]) -> tuple[Any, list[str]]:
    """Return the target with the letters of choices written out; several letters are one answer, all of it needed."""
    if type(target) is int and choices:  # as many data sets on Hugging Face have it
        return (choices[target], []) if 0 <= target < len(choices) else (None, ["the answer (no such choice)"])
    letters = [target] if isinstance(target, str) else target
    if not choices or not isinstance(letters, list) or not all(isinstance(x, str) for x in letters) or not letters:
        return target, []
    if any(x not in ascii_uppercase[: len(choices)] or len(x) != 1 for x in letters):
        return target, [] if target in choices else ["target (no such choice)"]
    chosen = [choices[ascii_uppercase.index(x)] for x in letters]
    return ([chosen[0], letters[0]], []) if len(chosen) == 1 else ("\n".join(chosen), [])
