"""OpenAI evals: JSONL samples of the open framework, and the same as items of the Evals API."""

from __future__ import annotations

from flywheel_pipeline.steps.golden.exchange.criteria import of_rubric, to_rubric
from flywheel_pipeline.steps.golden.exchange.field_mapping import answers, conversation
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, mapping, parsed, present
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("input", "ideal", "criteria", "metadata")
_WHERE = {
    "messages": "input", "input": "input", "reference": "ideal", "reference_alternatives": "ideal",
    "criteria": "criteria", "criteria_kind": "criteria",
}  # fmt: skip


def _write(row: Row, carry: Row) -> Item:
    """Return a sample; `ideal` is there also where it is empty, as the framework requires, and holds every answer."""
    others = row["reference_alternatives"] or []
    ideal = {"ideal": [row["reference"], *others] if row["reference"] and others else row["reference"] or ""}
    return {"input": row["messages"], **ideal, **present({"criteria": to_rubric(row), "metadata": carry})}


def _parse(item: Item, convert: Convert) -> Parsed:
    asked = conversation(item.get("input"), convert)
    criteria = item.get("criteria")
    row = {**asked.row, **answers(item.get("ideal")), **(of_rubric(criteria) if isinstance(criteria, str) else {})}
    return parsed(row, [f"input.{k}" for k in asked.dropped], item, _KNOWN)


SAMPLES = Format(
    "openai-evals", "jsonl", _WHERE, _write, _parse, lambda i: "input" in i and "ideal" in i, "metadata",
    held_in("metadata"),
)  # fmt: skip


def _inner(item: Item) -> Item:
    return dict(mapping(item.get("item"), "item"))


API = Format(
    "openai-evals-api", "jsonl", {k: f"item.{v}" for k, v in _WHERE.items()},
    lambda row, carry: {"item": _write(row, carry)}, lambda item, convert: _parse(_inner(item), convert),
    lambda i: isinstance(i.get("item"), dict), "item.metadata", lambda item: held_in("metadata")(_inner(item)),
)  # fmt: skip
