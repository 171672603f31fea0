"""MLflow evaluation datasets: JSON records for `mlflow.genai.evaluate(data=…)` and `merge_records`."""

from __future__ import annotations

from typing import Any

from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, as_rubric, conversation, of_rubric
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Told
from flywheel_pipeline.steps.golden.exchange.formats.common import mapping, of_texts, present, texts, told
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("inputs", "expectations", "tags", "dataset_record_id", "create_time", "last_update_time")
_EXPECTED = ("expected_response", "guidelines", "expected_doc_ids")


def _make(row: Row, carry: Row) -> Item:
    """Tags hold texts only; documents that an answer needs are an expectation of our own name."""
    expected = present({
        "expected_response": row["reference"],
        "guidelines": [as_rubric(row["criteria"])] if row["criteria"] else None,
        "expected_doc_ids": row["expected_doc_ids"],
    })  # fmt: skip
    return {
        "inputs": {"messages": row["messages"]}, "expectations": expected, **present({"tags": texts(carry)}),
    }  # fmt: skip


def _tell(item: Item, convert: Convert) -> Told:
    asked = conversation(mapping(item.get("inputs"), "inputs"), convert)
    expected = mapping(item.get("expectations"), "expectations")
    row = {
        **asked.row, "reference": answer(expected.get("expected_response")),
        "criteria": _guidelines(expected.get("guidelines")), "expected_doc_ids": expected.get("expected_doc_ids"),
    }  # fmt: skip
    further = [f"expectations.{k}" for k in expected if k not in _EXPECTED]
    return told(row, [*(f"inputs.{k}" for k in asked.dropped), *further], item, _KNOWN)


def _guidelines(value: Any) -> str | None:
    lines = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return "\n".join(of_rubric(line) for line in lines if isinstance(line, str)) or None


FORMAT = Format(
    "mlflow", "json",
    {"messages": "inputs.messages", "input": "inputs.messages", "reference": "expectations.expected_response",
     "criteria": "expectations.guidelines", "expected_doc_ids": "expectations.expected_doc_ids"},
    _make, _tell, lambda i: "inputs" in i and "expectations" in i,
    "tags", lambda item: of_texts(mapping(item.get("tags"), "tags")),
)  # fmt: skip
