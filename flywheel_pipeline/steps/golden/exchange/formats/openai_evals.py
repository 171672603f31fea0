"""OpenAI evals: JSONL samples of the open framework, and the same as items of the Evals API."""

from __future__ import annotations

from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, conversation
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Told
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, mapping, present, told
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("input", "ideal", "criteria", "metadata")
_WHERE = {"messages": "input", "input": "input", "reference": "ideal", "criteria": "criteria"}


def _make(row: Row, carry: Row) -> Item:
    """`ideal` is there also where it is empty: the framework asks for it."""
    ideal = {"ideal": row["reference"] or ""}
    return {"input": row["messages"], **ideal, **present({"criteria": row["criteria"], "metadata": carry})}


def _tell(item: Item, convert: Convert) -> Told:
    asked = conversation(item.get("input"), convert)
    row = {**asked.row, "reference": answer(item.get("ideal")) or None, "criteria": item.get("criteria")}
    return told(row, [f"input.{k}" for k in asked.dropped], item, _KNOWN)


SAMPLES = Format(
    "openai-evals", "jsonl", _WHERE, _make, _tell, lambda i: "input" in i and "ideal" in i, "metadata",
    held_in("metadata"),
)  # fmt: skip


def _inner(item: Item) -> Item:
    return dict(mapping(item.get("item"), "item"))


API = Format(
    "openai-evals-api", "jsonl", {k: f"item.{v}" for k, v in _WHERE.items()},
    lambda row, carry: {"item": _make(row, carry)}, lambda item, convert: _tell(_inner(item), convert),
    lambda i: isinstance(i.get("item"), dict), "item.metadata", lambda item: held_in("metadata")(_inner(item)),
)  # fmt: skip
