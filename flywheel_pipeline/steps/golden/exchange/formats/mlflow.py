"""MLflow evaluation datasets: JSON records for `mlflow.genai.evaluate(data=…)` and `merge_records`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.steps.golden.exchange.criteria import of_rubrics, to_rubric
from flywheel_pipeline.steps.golden.exchange.field_mapping import answer, conversation
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import (
    mapping,
    of_texts,
    one_reference,
    parsed,
    present,
    texts,
)
from flywheel_pipeline.steps.golden.exchange.rows import Row

_KNOWN = ("inputs", "expectations", "tags", "dataset_record_id", "create_time", "last_update_time")
_EXPECTED = ("expected_response", "guidelines", "expected_doc_ids", "expected_facts", "expected_retrieved_context")


def _write(row: Row, carry: Row) -> Item:
    """Return a record; tags hold texts only, and the documents that an answer needs have a name of our own."""
    expected = present({
        "expected_response": row["reference"],
        "guidelines": [rubric] if (rubric := to_rubric(row)) else None,
        "expected_doc_ids": row["expected_doc_ids"],
    })  # fmt: skip
    return {
        "inputs": {"messages": row["messages"]}, "expectations": expected, **present({"tags": texts(carry)}),
    }  # fmt: skip


def _parse(item: Item, convert: Convert) -> Parsed:
    asked = conversation(mapping(item.get("inputs"), "inputs"), convert)
    expected = mapping(item.get("expectations"), "expectations")
    row = {
        **asked.row, "reference": answer(expected.get("expected_response")),
        **of_rubrics([*_lines(expected.get("guidelines")), *map(_fact, _lines(expected.get("expected_facts")))]),
        "expected_doc_ids": expected.get("expected_doc_ids") or _documents(expected.get("expected_retrieved_context")),
    }  # fmt: skip
    further = [f"expectations.{k}" for k in expected if k not in _EXPECTED]
    return parsed(row, [*(f"inputs.{k}" for k in asked.dropped), *further], item, _KNOWN)


def _lines(value: Any) -> list[str]:
    """Return guidelines or facts; they may have names, as the guidelines of several scorers have."""
    if isinstance(value, Mapping):
        return [line for held in value.values() for line in _lines(held)]
    listed = value if isinstance(value, list) else [value]
    return [line for line in listed if isinstance(line, str) and line]


def _fact(text: str) -> str:
    return f"The answer states this fact: {text}"


def _documents(value: Any) -> list[str] | None:
    """Return the ids of the documents that an answer needs, from {doc_uri, content} as MLflow has them."""
    listed = value if isinstance(value, list) else []
    return [str(d["doc_uri"]) for d in listed if isinstance(d, Mapping) and d.get("doc_uri")] or None


FORMAT = Format(
    "mlflow", "json",
    {"messages": "inputs.messages", "input": "inputs.messages", "reference": "expectations.expected_response",
     "criteria": "expectations.guidelines", "criteria_kind": "expectations.guidelines",
     "expected_doc_ids": "expectations.expected_doc_ids"},
    _write, _parse, lambda i: "inputs" in i and "expectations" in i,
    "tags", lambda item: of_texts(mapping(item.get("tags"), "tags")), changes=one_reference,
)  # fmt: skip
