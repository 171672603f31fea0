"""Langfuse dataset items: JSON as `POST /api/public/dataset-items` takes them and the API returns them."""

from __future__ import annotations

import json
from typing import Any

from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, conversation, unused_outputs
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, one_reference, parsed, present
from flywheel_pipeline.steps.golden.exchange.rows import Row

DATASET = "golden-set"
_KNOWN = (
    "id", "datasetName", "datasetId", "input", "expectedOutput", "metadata", "sourceTraceId", "status", "createdAt",
    "updatedAt", "version",
)  # fmt: skip


def _write(row: Row, carry: Row) -> Item:
    return {
        "datasetName": DATASET, "id": row["case_id"], "input": row["messages"],
        **present({
            "expectedOutput": row["reference"], "sourceTraceId": row["source_trace_id"], "metadata": carry,
        }),
        "status": "ACTIVE",
    }  # fmt: skip


def _parse(item: Item, convert: Convert) -> Parsed:
    if item.get("status") == "ARCHIVED":
        raise ValueError("it is archived")
    asked, expected = conversation(item.get("input"), convert), _decoded(item.get("expectedOutput"))
    row = {
        **asked.row, "case_id": item.get("id"), "reference": answer(expected),
        "source_trace_id": item.get("sourceTraceId"),
    }  # fmt: skip
    dropped = [f"input.{k}" for k in asked.dropped] + unused_outputs(expected, "expectedOutput")
    return parsed(row, dropped, item, _KNOWN)


def _decoded(expected: Any) -> Any:
    """Return the object that an expected output is; exports to a spreadsheet hold it as JSON text."""
    if not isinstance(expected, str) or expected[:1] != "{":
        return expected
    try:
        found = json.loads(expected)
    except (ValueError, RecursionError):
        return expected
    return found if isinstance(found, dict) else expected


FORMAT = Format(
    "langfuse", "json",
    {"case_id": "id", "messages": "input", "input": "input", "reference": "expectedOutput",
     "source_trace_id": "sourceTraceId"},
    _write, _parse, lambda i: "expectedOutput" in i or ("input" in i and ("datasetName" in i or "datasetId" in i)),
    "metadata", held_in("metadata"), changes=one_reference,
)  # fmt: skip
