"""The items of each format, field for field, as its tool reads them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

import yaml

from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.golden.exchange import FORMATS, export_cases
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, a_real_case

COVERS = (
    "steps/golden/exchange/formats/__init__.py",
    "steps/golden/exchange/formats/common.py",
    "steps/golden/exchange/formats/openai_finetune.py",
)
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "hub"}'}}
TURNS: list[dict[str, Any]] = [
    {"role": "user", "content": "Find the hub."},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "A hub.", "tool_call_id": "c1", "name": "find"},
    {"role": "user", "content": "And its price?"},
]
CASE = a_real_case(
    TURNS, kind="failure", reference="It costs 79 euros.", criteria="It made up a price.", split="train",
    context=Json('[{"id": "d1", "content": "The hub: 79 euros."}]'), expected_doc_ids=Json('["d1"]'),
)  # fmt: skip
RUBRIC = "A right answer does not repeat the fault that an expert found in an earlier answer: It made up a price."
ASK = json.dumps(TURNS)
CARRIED = {
    k: v for k, v in asdict(CASE).items()
    if isinstance(v, str) and k not in ("case_id", "input", "messages", "context", "reference", "criteria",
                                        "criteria_kind", "expected_doc_ids", "split", "source_trace_id")
}  # fmt: skip
"""What no tool but ours has a field for."""
DOCS = {"context": [{"id": "d1", "content": "The hub: 79 euros."}]}
IDS = {"expected_doc_ids": ["d1"]}
TRACE, SPLIT = {"source_trace_id": "t1"}, {"split": "train"}
FAULT = {"criteria": "It made up a price.", "criteria_kind": "criticism"}
NAME = {"case_id": CASE.case_id}


def test_what_no_tool_has_a_field_for_is_among_what_is_carried() -> None:
    assert CARRIED.keys() >= {"kind", "mode_id", "observed_output", "family", "added_in"}


def item(name: str) -> Any:
    """The only item of an export of the case."""
    form = BY_NAME[name]
    text = export_cases([CASE], form).data.decode()
    if form.container == "csv":
        (row,) = csv.DictReader(io.StringIO(text, newline=""))
        return {k: v for k, v in row.items() if v}
    (found,) = [json.loads(text)] if form.container == "jsonl" else yaml.safe_load(text)
    return found


def test_promptfoo() -> None:
    assert item("promptfoo") == {
        "description": "failure: And its price?",
        "vars": {"input": "And its price?", "messages": ASK, "context": json.dumps(DOCS["context"])},
        "assert": [{"type": "llm-rubric", "value": RUBRIC}, {"type": "factuality", "value": "It costs 79 euros."}],
        "metadata": {**NAME, **CARRIED, **TRACE, **SPLIT, "expected_doc_ids": '["d1"]'},
    }


def test_promptfoo_csv() -> None:
    carried = {**NAME, **CARRIED, **TRACE, **SPLIT, "expected_doc_ids": '["d1"]'}
    assert item("promptfoo-csv") == {
        "input": "And its price?", "messages": ASK, "context": json.dumps(DOCS["context"]),
        "__description": "failure: And its price?", "__expected1": f"llm-rubric:{RUBRIC}",
        "__expected2": "factuality:It costs 79 euros.", **{f"__metadata:{k}": v for k, v in carried.items()},
    }  # fmt: skip


def test_agenta() -> None:
    assert item("agenta") == {
        "input": "And its price?", "messages": ASK, "correct_answer": "It costs 79 euros.",
        "__dedup_id__": CASE.case_id, **CARRIED, **TRACE, **SPLIT, **FAULT,
        "context": json.dumps(DOCS["context"]), "expected_doc_ids": '["d1"]',
    }  # fmt: skip


def test_langfuse() -> None:
    assert item("langfuse") == {
        "datasetName": "golden-set", "id": CASE.case_id, "input": TURNS, "expectedOutput": "It costs 79 euros.",
        "sourceTraceId": "t1", "metadata": {**CARRIED, **SPLIT, **FAULT, **DOCS, **IDS}, "status": "ACTIVE",
    }  # fmt: skip


def test_langsmith() -> None:
    found = item("langsmith")
    assert found.pop("id") == item("langsmith")["id"]
    assert found == {
        "inputs": {"messages": TURNS}, "outputs": {"answer": "It costs 79 euros."}, "split": "train",
        "metadata": {**NAME, **CARRIED, **TRACE, **FAULT, **DOCS, **IDS},
    }  # fmt: skip


def test_inspect() -> None:
    flat = {"id": "c1", "function": "find", "arguments": {"q": "hub"}, "type": "function"}
    assert item("inspect") == {
        "id": CASE.case_id, "target": "It costs 79 euros.",
        "input": [
            TURNS[0], {"role": "assistant", "content": "", "tool_calls": [flat]},
            {"role": "tool", "content": "A hub.", "tool_call_id": "c1", "function": "find"}, TURNS[3],
        ],
        "metadata": {**CARRIED, **TRACE, **SPLIT, **FAULT, **DOCS, **IDS, "messages": TURNS},
    }  # fmt: skip


def test_deepeval() -> None:
    assert item("deepeval") == {
        "name": CASE.case_id, "input": "And its price?", "expected_output": "It costs 79 euros.",
        "context": ["The hub: 79 euros."], "comments": RUBRIC,
        "additional_metadata": {**CARRIED, **TRACE, **SPLIT, **DOCS, **IDS, "messages": TURNS},
    }  # fmt: skip


def test_mlflow() -> None:
    tags = {**NAME, **CARRIED, **TRACE, **SPLIT, "context": json.dumps(DOCS["context"])}
    expected = {"expected_response": "It costs 79 euros.", "guidelines": [RUBRIC], **IDS}
    found = item("mlflow")
    assert found.pop("tags").items() >= tags.items()
    assert found == {"inputs": {"messages": TURNS}, "expectations": expected}


def test_openai_evals_and_its_api() -> None:
    carried = {**NAME, **CARRIED, **TRACE, **SPLIT, **DOCS, **IDS}
    sample = {"input": TURNS, "ideal": "It costs 79 euros.", "criteria": RUBRIC, "metadata": carried}
    assert item("openai-evals") == sample
    assert item("openai-evals-api") == {"item": sample}


def test_openai_fine_tuning() -> None:
    answer = {"role": "assistant", "content": "It costs 79 euros."}
    assert item("openai-finetune") == {"messages": [*TURNS, answer]}


def test_our_own_rows() -> None:
    row = {
        **NAME, **CARRIED, **TRACE, **SPLIT, **FAULT, **DOCS, **IDS, "messages": TURNS, "input": "And its price?",
        "reference": "It costs 79 euros.",
    }  # fmt: skip
    assert item("jsonl").items() >= row.items()
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()}
    assert item("csv").items() >= texts.items()


def test_no_two_formats_share_a_name() -> None:
    assert len(BY_NAME) == len(FORMATS)
