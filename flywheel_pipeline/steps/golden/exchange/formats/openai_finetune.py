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
    """Return the conversation; its last answer becomes the reference in `last_turn`."""
    asked = conversation({"messages": item.get("messages")}, convert)
    return parsed(asked.row, asked.dropped, item, ("messages",))


FORMAT = Format(
    "openai-finetune", "jsonl",
    {"messages": "messages", "input": "messages", "reference": "messages, the last"},
    _write, _parse, lambda i: "messages" in i and set(i) <= _EXAMPLE, refuse=_refuse,
)  # fmt: skip
