"""The tables as declared: every column has a type and a meaning, every reference leads somewhere."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

from flywheel_pipeline.records import TABLES, Column, ColumnSpec, Json, PromptVersion, RawTrace, columns
from flywheel_pipeline_tests import builders

COVERS = (
    "records/annotate.py",
    "records/capture.py",
    "records/cluster.py",
    "records/deploy.py",
    "records/evaluate.py",
    "records/golden.py",
    "records/improve.py",
    "records/llm.py",
    "records/sample.py",
    "records/schema.py",
)

A_DOC = Column("What it means", low=0)


@dataclass(frozen=True)
class Sample:
    text: Annotated[str, A_DOC]
    text_or_not: Annotated[str | None, A_DOC]
    json: Annotated[Json, A_DOC]
    json_or_not: Annotated[Json | None, A_DOC]
    whole: Annotated[int, A_DOC]
    whole_or_not: Annotated[int | None, A_DOC]
    number: Annotated[float | None, A_DOC]
    flag: Annotated[bool, A_DOC]
    moment: Annotated[datetime | None, A_DOC]


def test_columns_come_in_order_with_type_nullability_and_meaning() -> None:
    assert columns(Sample) == (
        ColumnSpec("text", "VARCHAR", False, A_DOC),
        ColumnSpec("text_or_not", "VARCHAR", True, A_DOC),
        ColumnSpec("json", "VARCHAR", False, A_DOC),
        ColumnSpec("json_or_not", "VARCHAR", True, A_DOC),
        ColumnSpec("whole", "BIGINT", False, A_DOC),
        ColumnSpec("whole_or_not", "BIGINT", True, A_DOC),
        ColumnSpec("number", "DOUBLE", True, A_DOC),
        ColumnSpec("flag", "BOOLEAN", False, A_DOC),
        ColumnSpec("moment", "TIMESTAMP", True, A_DOC),
    )


def test_a_type_that_no_table_can_hold_is_refused() -> None:
    @dataclass(frozen=True)
    class Wrong:
        values: Annotated[bytes, A_DOC]

    with pytest.raises(KeyError):
        columns(Wrong)


def test_the_columns_of_a_trace_are_what_its_record_says() -> None:
    found = {s.name: (s.sql_type, s.nullable) for s in columns(RawTrace)}
    assert found["trace_id"] == ("VARCHAR", False)
    assert found["started_at"] == ("TIMESTAMP", False)
    assert found["latency_ms"] == ("DOUBLE", True)
    assert found["input_tokens"] == ("BIGINT", True)
    assert found["tags"] == ("VARCHAR", False)
    assert list(found) == [f.name for f in fields(RawTrace)]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_frozen_record_with_a_docstring_and_a_meaning_for_every_column(table: Any) -> None:
    record: Any = TABLES[table]
    assert is_dataclass(TABLES[table])
    assert record.__dataclass_params__.frozen
    assert record.__doc__
    assert not record.__doc__.startswith(record.__name__ + "(")
    for spec in columns(record):
        assert spec.column.doc.strip(), spec.name
        assert not spec.column.doc.endswith("."), spec.name


@pytest.mark.parametrize("table", TABLES)
def test_names_say_their_unit(table: Any) -> None:
    for spec in columns(TABLES[table]):
        assert spec.name.endswith("_at") == (spec.sql_type == "TIMESTAMP"), spec.name
        if spec.name.startswith("n_"):
            assert (spec.sql_type, spec.nullable) == ("BIGINT", False), spec.name
            assert spec.column.low is not None, spec.name
        if spec.name.endswith(("_usd", "_ms")):
            assert (spec.sql_type, spec.column.low) == ("DOUBLE", 0), spec.name


@pytest.mark.parametrize("table", TABLES)
def test_bounds_and_allowed_values_fit_the_type(table: Any) -> None:
    for spec in columns(TABLES[table]):
        if spec.column.low is not None or spec.column.high is not None:
            assert spec.sql_type in ("BIGINT", "DOUBLE"), spec.name
        if spec.column.allowed is not None:
            assert spec.sql_type == "VARCHAR", spec.name
            assert len(set(spec.column.allowed)) == len(spec.column.allowed) > 0, spec.name


REFERENCES = [(t, s.name, s.column.references) for t in TABLES for s in columns(TABLES[t]) if s.column.references]


@pytest.mark.parametrize(("table", "column", "target"), REFERENCES)
def test_every_reference_names_a_column_of_a_table_of_the_same_type(table: Any, column: Any, target: Any) -> None:
    other, _, name = target.partition(".")
    assert other in TABLES
    named = {s.name: s for s in columns(TABLES[other])}
    assert name in named
    here = next(s for s in columns(TABLES[table]) if s.name == column)
    assert named[name].sql_type == here.sql_type
    assert not named[name].nullable


def test_what_is_judged_sampled_and_assigned_leads_back_to_its_trace_and_mode() -> None:
    assert {(t, c): r for t, c, r in REFERENCES} == {
        ("sampled_traces", "trace_id"): "raw_traces.trace_id",
        ("annotations", "trace_id"): "raw_traces.trace_id",
        ("evaluator_scores", "trace_id"): "raw_traces.trace_id",
        ("failure_assignments", "trace_id"): "annotations.trace_id",
        ("failure_assignments", "mode_id"): "failure_taxonomy.mode_id",
        ("golden_set", "mode_id"): "failure_taxonomy.mode_id",
        ("answers", "case_id"): "golden_set.case_id",
        ("eval_results", "case_id"): "golden_set.case_id",
        ("eval_results", "answer_id"): "answers.answer_id",
        ("judge_alignment", "mode_id"): "failure_taxonomy.mode_id",
        ("improvement_plan", "mode_id"): "failure_taxonomy.mode_id",
        ("judge_verdicts", "mode_id"): "failure_taxonomy.mode_id",
        ("production_verdicts", "trace_id"): "raw_traces.trace_id",
        ("judge_verdicts", "trace_id"): "raw_traces.trace_id",
    }


BUILT = [
    builders.a_trace(), builders.an_annotation(), builders.an_evaluator_score(),
    builders.a_sampled_trace(), builders.a_mode(), builders.a_case(),
    builders.an_eval_result(), builders.an_alignment(), builders.a_prompt(), builders.a_candidate(),
    builders.a_prompt_trial(),
]  # fmt: skip


@pytest.mark.parametrize("record", BUILT, ids=lambda r: type(r).__name__)
def test_every_built_record_is_of_a_table_and_holds_what_its_columns_allow(record: Any) -> None:
    assert type(record) in TABLES.values()
    kind: type = type(record)
    for spec in columns(kind):
        value: Any = getattr(record, spec.name)
        if value is None:
            assert spec.nullable, spec.name
            continue
        assert isinstance(value, _python_type(type(record), spec.name)), spec.name
        assert spec.column.allowed is None or value in spec.column.allowed, spec.name
        assert spec.column.low is None or value >= spec.column.low, spec.name
        assert spec.column.high is None or value <= spec.column.high, spec.name


def _python_type(record: type, name: str) -> Any:
    hint = get_type_hints(record)[name]
    members = get_args(hint) if isinstance(hint, types.UnionType) or get_origin(hint) is not None else (hint,)
    kind = next(m for m in members if m is not type(None))
    return str if kind is Json else kind


def test_equal_texts_are_the_same_prompt_version_and_other_texts_another() -> None:
    one = PromptVersion.of("fern", "Be kind.", None, "")
    assert PromptVersion.of("fern", "  Be kind.\n", "p0", "again").version == one.version
    assert PromptVersion.of("fern", "  Be kind.\n", "p0", "again").text == "Be kind."
    assert PromptVersion.of("fern", "Be brief.", None, "").version != one.version
