"""DeepEval goldens: the JSON list that `EvaluationDataset.add_goldens_from_json_file` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, conversation, documents
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Told
from flywheel_pipeline.steps.golden.exchange.formats.common import held_in, present, told
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("id", "input", "expected_output", "context", "comments", "name", "additional_metadata")
_MARKS = ("actual_output", "expected_output", "additional_metadata", "retrieval_context", "expected_tools")


def _make(row: Row, carry: Row) -> Item:
    """What production answered is not `actual_output`: DeepEval would take it for the answer to judge."""
    return present({
        "input": row["input"], "expected_output": row["reference"],
        "context": [_content(d) for d in row["context"]] or None if isinstance(row["context"], list) else None,
        "comments": row["criteria"], "name": row["case_id"], "additional_metadata": carry,
    })  # fmt: skip


def _content(document: Any) -> str:
    return text_of(document.get("content")) if isinstance(document, Mapping) else text_of(document)


def _tell(item: Item, convert: Convert) -> Told:
    asked = conversation(item.get("input"), convert)
    row = {
        **asked.row, "reference": answer(item.get("expected_output")), "criteria": item.get("comments"),
        "case_id": item.get("name"), "context": documents(item.get("context")),
    }  # fmt: skip
    return told(row, asked.dropped, item, _KNOWN)


def _altered(row: Row) -> dict[str, str]:
    turns = len(row["messages"])
    return {"conversation": "a golden has one message: earlier turns are in the metadata only"} if turns > 1 else {}


FORMAT = Format(
    "deepeval", "json",
    {"case_id": "name", "input": "input", "reference": "expected_output", "context": "context", "criteria": "comments"},
    _make, _tell, lambda i: "input" in i and any(k in i for k in _MARKS),
    "additional_metadata", held_in("additional_metadata"), altered=_altered,
)  # fmt: skip
