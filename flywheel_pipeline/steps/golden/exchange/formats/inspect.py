"""Inspect samples: JSONL that `inspect_ai.dataset.json_dataset` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.steps.golden.exchange.field_mapping import RUBRIC, answer, as_rubric, conversation, of_rubric
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Told
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, present, told
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("id", "input", "target", "metadata")


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as Inspect has it: content is always text, a tool call flat, its arguments open."""
    calls = [_call(c) for c in message.get("tool_calls") or [] if isinstance(c, Mapping)]
    made = {"role": message.get("role"), "content": text_of(message.get("content"))}
    tool = {"tool_call_id": message.get("tool_call_id"), "function": message.get("name")}
    return {**made, **({"tool_calls": calls} if calls else {}), **(present(tool) if made["role"] == "tool" else {})}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"] if isinstance(call.get("function"), Mapping) else call
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (TypeError, ValueError):
        arguments = None
    opened = arguments if isinstance(arguments, dict) else {"arguments": text_of(function.get("arguments"))}
    return {
        "id": str(call.get("id") or ""), "function": str(function.get("name") or ""), "arguments": opened,
        "type": "function",
    }  # fmt: skip


def _make(row: Row, carry: Row) -> Item:
    """The target is the reference, else the criterion for a grader (`model_graded_qa` takes either)."""
    target = row["reference"] if row["reference"] is not None else as_rubric(row["criteria"]) if row["criteria"] else ""
    messages = [_message(m) for m in row["messages"]]
    return {"id": row["case_id"], "input": messages, "target": target, **present({"metadata": carry})}


def _tell(item: Item, convert: Convert) -> Told:
    asked = conversation(item.get("input"), convert)
    target = answer(item.get("target")) or None
    is_rubric = target is not None and target.startswith(RUBRIC)
    row = {
        **asked.row, "case_id": None if item.get("id") is None else str(item["id"]),
        "reference": None if is_rubric else target, "criteria": of_rubric(target) if target and is_rubric else None,
    }  # fmt: skip
    return told(row, [f"input.{k}" for k in asked.dropped], item, _KNOWN)


FORMAT = Format(
    "inspect", "jsonl",
    {"case_id": "id", "messages": "input", "input": "input", "reference": "target", "criteria": "target"},
    _make, _tell, lambda i: "input" in i and "target" in i, "metadata", held_in("metadata"),
)  # fmt: skip
