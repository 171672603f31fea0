"""What is said: the conversation, the answer and the criteria in the fields of other tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.steps.golden.exchange.format import Convert, Told
from flywheel_pipeline.steps.golden.exchange.rows import Row

ROLES = ("system", "developer", "user", "assistant", "tool")
ASKED = ("messages", "input", "question", "query", "user_input", "prompt", "message", "text", "request")
"""Names under which other tools' inputs hold what is asked, in the order tried."""
EXPECTED = (
    "correct_answer", "expected_output", "expected_response", "expected_answer", "expected", "reference",
    "ground_truth", "ideal", "target", "answer", "completion", "response", "output", "result",
)  # fmt: skip
"""Names of columns that hold the answer, those that say it is the right one first."""
ANSWERED = (*EXPECTED, "content", "text", "message", "label")
"""Names under which other tools' outputs hold the answer, in the order tried."""

RUBRIC = "A right answer does not repeat the fault that an expert found in an earlier answer: "
"""What turns an expert's criticism into a criterion that a grader of another tool understands."""


def as_rubric(criteria: str) -> str:
    """Return the expert's criticism as a criterion."""
    return RUBRIC + criteria


def of_rubric(text: str) -> str:
    """Return the criticism of a criterion; one that was written elsewhere stays as it is."""
    return text[len(RUBRIC) :] if text.startswith(RUBRIC) else text


def exact(value: Any) -> bool:
    """Return whether a value is a conversation as we keep it, to be taken word for word."""
    return isinstance(value, list) and bool(value) and all(_is_message(m) for m in value)


def _is_message(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.get("role") not in ROLES:
        return False
    return isinstance(value.get("content"), str) or isinstance(value.get("tool_calls"), list)


def none(_: Any) -> list[dict[str, Any]]:
    """Convert nothing: where our own export is read, only what is word for word counts."""
    return []


def named(values: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return the key of `values` that is the first of `names`, in capitals or not, to hold something."""
    held = {str(k).strip().lower(): k for k, v in values.items() if v not in (None, "", [], {})}
    return next((held[n] for n in names if n in held), None)


def conversation(inputs: Any, convert: Convert) -> Told:
    """Return the conversation in the inputs of an item, in our fields `messages` and `input`."""
    value, dropped = inputs, ()
    if isinstance(inputs, Mapping):
        key = named(inputs, ASKED)
        if key is None and len(inputs) == 1:
            key = next(iter(inputs))
        if key is not None:
            value, dropped = inputs[key], tuple(k for k in inputs if k != key)
    messages = value if exact(value) else [{"role": "user", "content": value}] if _is_words(value) else convert(value)
    return Told(said(messages), dropped)


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and value.strip()[:1] not in ("", "{", "[")


def said(messages: Sequence[Mapping[str, Any]]) -> Row:
    """Return our fields of a conversation."""
    return {"messages": list(messages), "input": text_of(messages[-1].get("content")) if messages else ""}


def answer(value: Any) -> str | None:
    """Return the text of an expected answer; of several, the first; None for none."""
    if isinstance(value, Mapping):
        key = named(value, ANSWERED)
        if key is None and len(value) == 1:
            key = next(iter(value))
        return answer(value[key]) if key is not None else json.dumps(value, ensure_ascii=False) if value else None
    if isinstance(value, list):
        last = value[-1] if value and isinstance(value[-1], Mapping) else None
        return answer(last if last is not None else value[0]) if value else None
    return None if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def documents(value: Any) -> list[Any] | None:
    """Return retrieved documents, as {content} where the item holds texts only; None for none."""
    listed = value if isinstance(value, list) else [value]
    found = [{"content": d} if isinstance(d, str) else d for d in listed if d not in (None, "")]
    return found or None


def last_turn(row: Row) -> tuple[Row, str]:
    """Return the row of another tool's item as a case is: no system prompt, ending with the user message under test.

    An answer at its end is the reference, if there is no other. The second value says what was left out.

    Raises:
        ValueError: nothing is left, or it ends with something else.
    """
    messages = [m for m in row.get("messages") or [] if m.get("role") not in ("system", "developer")]
    without = "a system prompt" if len(messages) < len(row.get("messages") or []) else ""
    reference = row.get("reference")
    while len(messages) > 1 and messages[-1].get("role") == "assistant" and not messages[-1].get("tool_calls"):
        reference = reference or text_of(messages[-1].get("content")) or None
        messages = messages[:-1]
    return {**row, **said(messages), "reference": reference}, without


def check_conversation(row: Row) -> None:
    """Raise ValueError unless the row's conversation is one that ends with a message of the user, which is `input`."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, Mapping) for m in messages):
        raise ValueError("no question was found in it")
    if messages[-1].get("role") != "user" or not text_of(messages[-1].get("content")).strip():
        raise ValueError("the conversation must end with a message of the user")
    if row.get("input") != text_of(messages[-1].get("content")):
        raise ValueError("the question and the last message of the conversation differ: change both, or neither")
