"""DeepEval goldens and conversational goldens: the JSON list that `add_goldens_from_json_file` reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.steps.golden.exchange.criteria import of_remark, to_remark
from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, conversation, documents
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, one_reference, parsed, present
from flywheel_pipeline.steps.golden.exchange.messages import has_attachments
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("id", "input", "expected_output", "context", "name", "additional_metadata", "expected_tools")
_MARKS = ("actual_output", "expected_output", "additional_metadata", "retrieval_context", "expected_tools")
_TURNS = ("turns", "goldens", "messages")
_CONVERSATION = ("id", "name", "expected_outcome", "context", "additional_metadata", *_TURNS)
_IMAGE = re.compile(r"\[DEEPEVAL:(IMAGE|PDF):")


def _write(row: Row, carry: Row) -> Item:
    """Leave out `actual_output`: DeepEval would judge what production answered."""
    return present({
        "input": row["input"], "expected_output": row["reference"],
        "context": [_content(d) for d in row["context"]] or None if isinstance(row["context"], list) else None,
        "comments": to_remark(row), "name": row["case_id"], "additional_metadata": carry,
    })  # fmt: skip


def _content(document: Any) -> str:
    return text_of(document.get("content")) if isinstance(document, Mapping) else text_of(document)


def _snake(item: Mapping[str, Any]) -> Item:
    """Return the item with the names of Python: what is uploaded has them in camel case."""
    return {re.sub(r"(?<=[a-z])[A-Z]", lambda m: f"_{m[0].lower()}", str(k)): v for k, v in item.items()}


def _is_conversational(item: Mapping[str, Any]) -> bool:
    return "input" not in item and ("scenario" in item or any(_of_deepeval(item.get(k)) for k in _TURNS))


def _of_deepeval(turns: Any) -> bool:
    return isinstance(turns, list) and bool(turns) and isinstance(turns[0], Mapping) and "input" in turns[0]


def _parse(item: Item, convert: Convert) -> Parsed:
    held = _snake(item)
    if _is_conversational(held):
        return _parse_conversation(held, convert)
    asked = conversation(held.get("input"), convert)
    remark = of_remark(held.get("comments"))
    row = {
        **asked.row, "reference": answer(held.get("expected_output")), **remark, "case_id": held.get("name"),
        "context": documents(held.get("context")),
        "expected_tool_calls": _expected_calls(held.get("expected_tools")),
    }  # fmt: skip
    images = ["an image of the input"] if _IMAGE.search(str(held.get("input"))) else []
    return parsed(row, [*asked.dropped, *images], held, (*_KNOWN, *(["comments"] if remark else [])))


def _expected_calls(tools: Any) -> list[dict[str, Any]] | None:
    """Return the expected tool calls of a golden, in our form.

    Raises:
        ValueError: they are no list of {name, input_parameters}.
    """
    if tools in (None, []):
        return None
    listed = tools if isinstance(tools, list) else [tools]
    if not all(isinstance(t, Mapping) and isinstance(t.get("name"), str) for t in listed):
        raise ValueError("expected_tools must be a list of {name, input_parameters}")
    held = [_snake(t) for t in listed]
    return [{"name": t["name"], "arguments": t.get("input_parameters") or {}} for t in held]


def _parse_conversation(item: Item, convert: Convert) -> Parsed:
    """Return a conversational golden: the turns so far are the question, the expected outcome is a requirement.

    Raises:
        ValueError: it has no turns; a scenario is played by DeepEval's simulator and is no question.
    """
    key = next((k for k in _TURNS if item.get(k)), None)
    if key is None:
        raise ValueError("a conversational golden without turns: write the user's first message as a turn")
    turns = item[key]
    asked = conversation(_messages(turns) if _of_deepeval(turns) else turns, convert)
    outcome, last = item.get("expected_outcome"), turns[-1] if _of_deepeval(turns) else {}
    row = {
        **asked.row, "context": documents(item.get("context")),
        "reference": answer(last.get("expected_output")),
        **({"criteria": outcome, "criteria_kind": "requirement"} if outcome else {}),
    }  # fmt: skip
    further = [f"{key}.{k}" for k in dict.fromkeys(k for t in turns if isinstance(t, Mapping) for k in _snake(t))
               if k not in ("role", "content", "input", "actual_output", "expected_output")]  # fmt: skip
    return parsed(row, [*asked.dropped, *further], item, _CONVERSATION)


def _messages(turns: Any) -> list[dict[str, Any]]:
    """Return the conversation of goldens, one per turn: what the user writes and what was answered."""
    messages: list[dict[str, Any]] = []
    for n, turn in enumerate(map(_snake, turns), 1):
        messages.append({"role": "user", "content": text_of(turn.get("input"))})
        answered = turn.get("actual_output") or turn.get("expected_output")
        if answered and n < len(turns):
            messages.append({"role": "assistant", "content": text_of(answered)})
    return messages


def _changes(row: Row) -> dict[str, str]:
    turns = {"conversation": "a golden has one message: earlier turns are in the metadata only"}
    attachments = {"attachments": "a golden has text only: images and files are in the metadata only"}
    return {
        **(turns if len(row["messages"]) > 1 else {}), **one_reference(row),
        **(attachments if has_attachments(row["messages"]) else {}),
    }  # fmt: skip


FORMAT = Format(
    "deepeval", "json",
    {"case_id": "name", "input": "input", "reference": "expected_output", "context": "context", "criteria": "comments",
     "criteria_kind": "comments"},
    _write, _parse,
    lambda i: ("input" in i and any(k in _snake(i) for k in _MARKS)) or _is_conversational(_snake(i)),
    "additional_metadata", lambda item: held_in("additional_metadata")(_snake(item)), changes=_changes,
)  # fmt: skip
