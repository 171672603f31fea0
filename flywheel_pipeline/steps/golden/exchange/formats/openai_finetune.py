"""OpenAI fine-tuning: chat JSONL of the train split, the reference as the answer to learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.steps.golden.exchange.field_mapping import conversation
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import parsed
from flywheel_pipeline.steps.golden.exchange.rows import Row

_EXAMPLE = {"messages", "tools", "parallel_tool_calls", "functions"}
_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


def _write(row: Row, _: Row) -> Item:
    answered = {"role": "assistant", "content": row["reference"]}
    return {"messages": [*(_message(m) for m in row["messages"]), answered]}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    return {k: message[k] for k in _KEYS if k in message}


def _refuse(row: Row) -> str:
    if row["split"] != "train":
        return f"of the {row['split']} split, on which nothing may ever be trained"
    return "" if (row["reference"] or "").strip() else "without a reference answer to learn"


def _parse(item: Item, convert: Convert) -> Parsed:
    """Return the conversation; its last answer becomes the reference in `last_turn`.

    An answer of weight 0 is one that is not to be learnt, and so no reference.
    """
    messages = item.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    unlearnt = isinstance(last, Mapping) and last.get("role") == "assistant" and last.get("weight") == 0
    asked = conversation({"messages": messages[:-1] if unlearnt and isinstance(messages, list) else messages}, convert)
    return parsed(asked.row, [*asked.dropped, *(["an answer of weight 0"] if unlearnt else [])], item, ("messages",))


FORMAT = Format(
    "openai-finetune", "jsonl",
    {"messages": "messages", "input": "messages", "reference": "messages, the last"},
    _write, _parse, lambda i: "messages" in i and set(i) <= _EXAMPLE, refuse=_refuse,
)  # fmt: skip
