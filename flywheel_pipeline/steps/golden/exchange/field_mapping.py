"""The usual names under which other tools hold the question, the answer and the documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.steps.golden.exchange.format import Convert, Parsed
from flywheel_pipeline.steps.golden.exchange.messages import held_elsewhere, openai_parts, with_attachments
from flywheel_pipeline.steps.golden.exchange.rows import Row

ROLES = ("system", "developer", "user", "assistant", "tool")
QUESTION_NAMES = ("messages", "input", "question", "query", "user_input", "prompt", "message", "text", "request",
                  "instruction")  # fmt: skip
"""Names of what is asked, in the order tried."""
REFERENCE_NAMES = (
    "correct_answer", "right_answer", "expected_output", "expected_response", "expected_answer", "expected",
    "reference", "reference_answer", "ground_truth", "gold", "gold_answer", "golden_answer", "ideal", "ideal_answer",
    "ideal_response", "target", "answer", "completion", "response", "output", "result",
)  # fmt: skip
"""Names of columns that hold the answer, those that say it is the right one first."""
ANSWER_NAMES = (*REFERENCE_NAMES, "content", "text", "message", "label")
"""Names of the answer within an object of outputs, in the order tried."""


def is_conversation(value: Any) -> bool:
    """Return whether a value is a conversation in our own form, to be kept as it is."""
    return isinstance(value, list) and bool(value) and all(_is_message(m) for m in value)


def _is_message(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.get("role") not in ROLES:
        return False
    content = value.get("content")
    return isinstance(content, str) or isinstance(value.get("tool_calls"), list) or openai_parts(content)


def convert_nothing(_: Any) -> list[dict[str, Any]]:
    """Convert nothing: where our own export is read back, only what is kept as it is counts."""
    return []


def first_of(values: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return the key of `values`, in any case, that is the first of `names` and holds something."""
    held = {plain_name(k): k for k, v in values.items() if v not in (None, "", [], {})}
    return next((held[n] for n in names if n in held), None)


def plain_name(name: object) -> str:
    """Return a name as the lists of names here have it: `Gold answer` is `gold_answer`."""
    return str(name).strip().lower().replace(" ", "_").replace("-", "_")


def conversation(inputs: Any, convert: Convert) -> Parsed:
    """Return the conversation in the inputs of an item, in our fields `messages` and `input`."""
    value: Any = inputs
    dropped: tuple[str, ...] = ()
    if isinstance(inputs, Mapping):
        key = first_of(inputs, QUESTION_NAMES)
        if key is None and len(inputs) == 1:
            key = next(iter(inputs))
        if key is not None:
            value, used = _instructed(inputs, key)
            dropped = tuple(k for k in inputs if k not in used)
    dropped = (*dropped, *held_elsewhere(value))
    if is_conversation(value):
        return Parsed(conversation_row(value), dropped)
    if _is_words(value):
        return Parsed(conversation_row([{"role": "user", "content": value}]), dropped)
    messages, lost = with_attachments(value, convert)
    return Parsed(conversation_row(messages), (*dropped, *lost))


def _instructed(inputs: Mapping[str, Any], key: str) -> tuple[Any, tuple[str, ...]]:
    """Return (what is asked, the keys that it stands in): of an instruction and its input (Alpaca) both are asked."""
    value, instruction = inputs[key], inputs.get("instruction")
    if key == "input" and _is_words(value) and _is_words(instruction):
        return f"{instruction}\n\n{value}", ("instruction", key)
    return value, (key,)


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and value.strip()[:1] not in ("", "{", "[")


def conversation_row(messages: Sequence[Mapping[str, Any]]) -> Row:
    """Return our fields of a conversation."""
    return {"messages": list(messages), "input": text_of(messages[-1].get("content")) if messages else ""}


def answer(value: Any) -> str | None:
    """Return the text of an expected answer: of a conversation its last message, else JSON; None for none."""
    if isinstance(value, Mapping):
        key = answer_key(value)
        return answer(value[key]) if key is not None else json.dumps(value, ensure_ascii=False) if value else None
    if isinstance(value, list) and value and isinstance(value[-1], Mapping) and "content" in value[-1]:
        return answer(value[-1])
    if isinstance(value, list) and len(value) <= 1:
        return answer(value[0]) if value else None
    return None if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def answer_key(value: Mapping[str, Any]) -> str | None:
    """Return the key of an object of outputs that holds the answer; None where several may."""
    key = first_of(value, ANSWER_NAMES)
    return next(iter(value)) if key is None and len(value) == 1 else key


def unused_outputs(value: Any, name: str) -> list[str]:
    """Return the names of what an object of outputs holds beside the answer."""
    key = answer_key(value) if isinstance(value, Mapping) else None
    return [f"{name}.{k}" for k in value if k != key] if key is not None else []


def answers(value: Any) -> Row:
    """Return the reference and its alternatives of an answer or a list of them, each of which is right."""
    several = isinstance(value, list) and not any(isinstance(v, Mapping) for v in value)
    texts = [t for t in map(answer, value if several else [value]) if t]
    others = list(dict.fromkeys(t for t in texts[1:] if t != texts[0]))
    return {"reference": texts[0] if texts else None, "reference_alternatives": others or None}


def documents(value: Any) -> list[Any] | None:
    """Return retrieved documents, as {content} where the item holds texts only; None for none."""
    listed = value if isinstance(value, list) else [value]
    found = [{"content": d} if isinstance(d, str) else d for d in listed if d not in (None, "")]
    return found or None


def last_turn(row: Row) -> tuple[Row, list[str]]:
    """Return the row of another tool's item as a case: no system prompt, the user message under test at the end.

    An answer at its end becomes the reference, if there is no other. The second value names what was left out.

    Raises:
        ValueError: nothing is left, or it ends with something else.
    """
    given = row.get("messages") or []
    messages = [m for m in given if m.get("role") not in ("system", "developer")]
    left = (
        ["a system prompt"] if any(m.get("role") in ("system", "developer") and not _example(m) for m in given) else []
    )
    left += ["examples in the system prompt"] if any(_example(m) for m in given) else []
    reference = row.get("reference")
    while len(messages) > 1 and messages[-1].get("role") == "assistant" and not messages[-1].get("tool_calls"):
        reference = reference or text_of(messages[-1].get("content")) or None
        messages = messages[:-1]
    return {**row, **conversation_row(messages), "reference": reference}, left


def _example(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "system" and str(message.get("name") or "").startswith("example_")


def check_conversation(row: Row) -> None:
    """Raise ValueError unless the row's conversation ends with a message of the user, which is `input`."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, Mapping) for m in messages):
        raise ValueError("no question was found in it")
    if messages[-1].get("role") != "user" or not text_of(messages[-1].get("content")).strip():
        raise ValueError("the conversation must end with a message of the user")
    if row.get("input") != text_of(messages[-1].get("content")):
        raise ValueError("the question and the last message of the conversation differ: change both, or neither")
