"""Inspect samples: JSONL that `inspect_ai.dataset.json_dataset` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.steps.golden.exchange.choices import resolved, with_choices
from flywheel_pipeline.steps.golden.exchange.criteria import of_remark, to_remark
from flywheel_pipeline.steps.golden.exchange.field_mapping import answers, conversation
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, parsed, present
from flywheel_pipeline.steps.golden.exchange.messages import inspect_parts, openai_parts
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("id", "input", "target", "choices", "metadata")


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as Inspect has it: a tool call flat, its arguments decoded."""
    calls = [_call(c) for c in message.get("tool_calls") or [] if isinstance(c, Mapping)]
    content = message.get("content")
    written = inspect_parts(content) if isinstance(content, list) and openai_parts(content) else text_of(content)
    made = {"role": message.get("role"), "content": written}
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


def _write(row: Row, carry: Row) -> Item:
    """Return a sample: its target is the reference, or all of them, else a criterion (`model_graded_qa` takes both)."""
    others = row["reference_alternatives"] or []
    target = [row["reference"], *others] if row["reference"] and others else row["reference"]
    messages = [_message(m) for m in row["messages"]]
    sample = {"id": row["case_id"], "input": messages, "target": to_remark(row) or "" if target is None else target}
    return {**sample, **present({"metadata": carry})}


def _parse(item: Item, convert: Convert) -> Parsed:
    asked = conversation(item.get("input"), convert)
    choices = [text_of(c) for c in item.get("choices") or [] if isinstance(c, str)]
    target, unknown = resolved(item.get("target"), choices)
    remark = of_remark(target)
    row = {
        **(with_choices(asked.row, choices) if choices else asked.row), **(remark or answers(target)),
        "case_id": None if item.get("id") is None else str(item["id"]),
    }  # fmt: skip
    return parsed(row, [*(f"input.{k}" for k in asked.dropped), *unknown], item, _KNOWN)


FORMAT = Format(
    "inspect", "jsonl",
    {"case_id": "id", "messages": "input", "input": "input", "reference": "target",
     "reference_alternatives": "target", "criteria": "target", "criteria_kind": "target"},
    _write, _parse, lambda i: "input" in i and "target" in i, "metadata", held_in("metadata"),
)  # fmt: skip
