"""LangSmith examples: JSONL with `inputs`, `outputs`, `metadata` and `split`, as `create_examples` takes them."""

from __future__ import annotations

import uuid

from flywheel_pipeline.records import SPLITS
from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, conversation, unused_outputs
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, mapping, one_reference, parsed, present
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = (
    "id", "dataset_id", "inputs", "outputs", "reference_outputs", "metadata", "split", "source_run_id", "created_at",
    "modified_at", "name",
)  # fmt: skip


def _write(row: Row, carry: Row) -> Item:
    """Ids must be UUIDs: this one follows from ours, so that a second upload replaces the example."""
    outputs = None if row["reference"] is None else {"answer": row["reference"]}
    return present({
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"golden_set/{row['case_id']}")),
        "inputs": {"messages": row["messages"]}, "outputs": outputs, "metadata": carry,
        "split": row["split"],
    })  # fmt: skip


def _parse(item: Item, convert: Convert) -> Parsed:
    asked = conversation(mapping(item.get("inputs"), "inputs"), convert)
    split, outputs = item.get("split"), item.get("reference_outputs") or item.get("outputs")
    row = {
        **asked.row, "reference": answer(outputs),
        "split": split if split in SPLITS else None, "source_trace_id": item.get("source_run_id"),
    }  # fmt: skip
    dropped = [f"inputs.{k}" for k in asked.dropped] + unused_outputs(outputs, "outputs")
    return parsed(row, dropped, item, _KNOWN)


FORMAT = Format(
    "langsmith", "jsonl",
    {"messages": "inputs.messages", "input": "inputs.messages", "reference": "outputs.answer", "split": "split"},
    _write, _parse, lambda i: "inputs" in i and "expectations" not in i, "metadata", held_in("metadata"),
    changes=one_reference,
)  # fmt: skip
