"""Expectations from the records, run with great-expectations on a frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

from flywheel_pipeline.records import TABLES, columns


@dataclass(frozen=True)
class Expectation:
    """One expectation on a column: `type` is great-expectations' name for it."""

    name: str
    column: str
    type: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    references: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of an expectation; `examples` are values that break it, with how often."""

    name: str
    passed: bool
    n_rows: int
    n_unexpected: int
    examples: tuple[str, ...]
    problem: str | None


def expectations(table: str) -> list[Expectation]:
    """Return the expectations that the record of `table` declares, named `<column>_<kind>`."""
    found = []
    for spec in columns(TABLES[table]):
        c = spec.column
        if not spec.nullable:
            found.append(Expectation(f"{spec.name}_present", spec.name, "expect_column_values_to_not_be_null"))
        if c.unique:
            found.append(Expectation(f"{spec.name}_unique", spec.name, "expect_column_values_to_be_unique"))
        if c.allowed:
            allowed = {"value_set": list(c.allowed)}
            found.append(Expectation(f"{spec.name}_allowed", spec.name, "expect_column_values_to_be_in_set", allowed))
        if c.low is not None or c.high is not None:
            ends = {"min_value": c.low, "max_value": c.high}
            found.append(Expectation(f"{spec.name}_in_range", spec.name, "expect_column_values_to_be_between", ends))
        if c.references:
            kind = "expect_column_values_to_be_in_set"
            found.append(Expectation(f"{spec.name}_known", spec.name, kind, references=c.references))
    return found


def run_expectations(
    frame: pd.DataFrame, wanted: Sequence[Expectation], known: Mapping[str, Collection[Any]]
) -> list[Outcome]:
    """Run `wanted` on `frame`, in order; `known` holds the values behind each `references`."""
    if not wanted:
        return []
    results = _validate(frame, wanted, known)
    return [_outcome(e, results[e.name], len(frame)) for e in wanted]


def _validate(
    frame: pd.DataFrame, wanted: Sequence[Expectation], known: Mapping[str, Collection[Any]]
) -> dict[str, Any]:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    suite = ExpectationSuite(name="records")
    for e in wanted:
        kwargs = {
            "column": e.column,
            **e.kwargs,
            **({"value_set": list(known[e.references])} if e.references else {}),
        }
        suite.add_expectation_configuration(ExpectationConfiguration(type=e.type, kwargs=kwargs, meta={"name": e.name}))
    batch = _frames().get_batch({"dataframe": frame})
    result = batch.validate(suite, result_format={"result_format": "SUMMARY"})
    return {r.expectation_config.meta["name"]: r for r in result.results}


@lru_cache(maxsize=1)
def _frames() -> Any:
    """Return the batch definition that frames are validated through: one context serves a whole process."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("lake").add_dataframe_asset("table")
    return source.add_batch_definition_whole_dataframe("all")


def _outcome(expectation: Expectation, result: Any, n_rows: int) -> Outcome:
    found = result.result or {}
    counts = found.get("partial_unexpected_counts") or []
    examples = tuple(f"{_excerpt(c['value'])} ({c['count']} times)" for c in counts[:5])
    problem = None if found or result.success else _exception(result.exception_info)
    return Outcome(
        expectation.name,
        bool(result.success),
        n_rows,
        int(found.get("unexpected_count") or 0),
        examples,
        problem,
    )


def _excerpt(value: Any) -> str:
    missing = value is None or value != value  # NaN, as pandas has a missing value, is not equal to itself
    return "missing" if missing else str(value)[:80]


def _exception(info: Mapping[str, Any]) -> str:
    """Return the message of the exception, which great-expectations nests under the metric that raised it."""
    entries = [info, *(v for v in info.values() if isinstance(v, Mapping))]
    rows = [str(e["exception_message"]) for e in entries if e.get("exception_message")]
    return rows[0] if rows else "great-expectations gave no result"
