"""Langfuse dataset items: JSON as `POST /api/public/dataset-items` takes them and the API returns them."""

from __future__ import annotations

from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, conversation
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Told
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, present, told
from flywheel_pipeline.steps.golden.exchange.rows import Row

DATASET = "golden-set"
_KNOWN = (
    "id", "datasetName", "datasetId", "input", "expectedOutput", "metadata", "sourceTraceId", "status", "createdAt",
    "updatedAt", "version",
)  # fmt: skip


def _make(row: Row, carry: Row) -> Item:
    return {
        "datasetName": DATASET, "id": row["case_id"], "input": row["messages"],
        **present({
            "expectedOutput": row["reference"], "sourceTraceId": row["source_trace_id"], "metadata": carry,
        }),
        "status": "ACTIVE",
    }  # fmt: skip


def _tell(item: Item, convert: Convert) -> Told:
    if item.get("status") == "ARCHIVED":
        raise ValueError("it is archived")
    asked = conversation(item.get("input"), convert)
    row = {
        **asked.row, "case_id": item.get("id"), "reference": answer(item.get("expectedOutput")),
        "source_trace_id": item.get("sourceTraceId"),
    }  # fmt: skip
    return told(row, [f"input.{k}" for k in asked.dropped], item, _KNOWN)


FORMAT = Format(
    "langfuse", "json",
    {"case_id": "id", "messages": "input", "input": "input", "reference": "expectedOutput",
     "source_trace_id": "sourceTraceId"},
    _make, _tell, lambda i: "expectedOutput" in i or ("input" in i and ("datasetName" in i or "datasetId" in i)),
    "metadata", held_in("metadata"),
)  # fmt: skip
