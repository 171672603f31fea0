"""What is exported and read again is the same, in every format, up to what the loss report names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.golden.exchange import FORMATS, export_cases, read_cases
from flywheel_pipeline.steps.golden.exchange.rows import Row, case_of, row_of
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, golden_cases

WHOLE = [f.name for f in FORMATS if f.name != "openai-finetune"]


def read_back(cases: list[GoldenCase], name: str, named: bool = True) -> list[Row]:
    form = BY_NAME[name]
    made = export_cases(cases, form)
    found = read_cases(f"x.{form.container}", made.data, form if named else None, to_messages)
    assert (found.format, found.rejected) == (name, ())
    return [row_of(case_of(r.row)) for r in found.rows]


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60)
@given(cases=st.lists(golden_cases(), min_size=1, max_size=3))
def test_what_is_exported_and_read_again_is_identical(name: Any, cases: Any) -> None:
    assert read_back(cases, name) == [row_of(c) for c in cases]
    assert export_cases(cases, BY_NAME[name]).loss.lost == ()


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=20)
@given(case=golden_cases())
def test_a_file_of_ours_is_recognised_by_its_content(name: Any, case: Any) -> None:
    assert read_back([case], name, named=False) == [row_of(case)]


@settings(max_examples=60)
@given(cases=st.lists(golden_cases(), max_size=4, unique_by=lambda c: c.case_id))
def test_of_fine_tuning_the_conversation_and_the_answer_come_back_and_the_report_names_the_rest(cases: Any) -> None:
    form = BY_NAME["openai-finetune"]
    made = export_cases(cases, form)
    kept = [c for c in cases if c.split == "train" and (c.reference or "").strip()]
    found = read_cases("x.jsonl", made.data, form, to_messages).rows
    lost = {x.what: x.cases for x in made.loss.lost}
    assert made.loss.written == len(found) == len(kept)
    assert sorted(i for x in made.loss.left_out for i in x.case_ids) == sorted(
        c.case_id for c in cases if c not in kept
    )
    for row, case in zip((r.row for r in found), kept, strict=True):
        want = row_of(case)
        assert {k for k in want if row.get(k) != want[k]} <= lost.keys()
        assert (row["messages"], row["reference"]) == (want["messages"], want["reference"])
    filled = {k for c in kept for k, v in asdict(c).items() if v not in (None, "[]")}
    assert not kept or lost.keys() >= filled - {"messages", "input", "reference", "context"}
