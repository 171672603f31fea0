"""What `records.py` declares of a column is checked on every table, and what breaks it is shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd
import pytest

from flywheel_pipeline.adapters.quality import Expectation, Outcome, expectations, run_expectations
from flywheel_pipeline.records import TABLES
from flywheel_pipeline_tests.builders import an_alignment, an_annotation

COVERS = (
    "adapters/quality/expectations.py",
    "adapters/quality/table.py",
)

# great-expectations imports sre_constants and sre_parse
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

KNOWN = {"failure_taxonomy.mode_id": ["fm-1"], "raw_traces.trace_id": ["t1", "t2"]}


def _run(rows: list[Any], table: str) -> dict[str, Outcome]:
    outcomes = run_expectations(pd.DataFrame([asdict(r) for r in rows]), expectations(table), KNOWN)
    return {o.name: o for o in outcomes}


def test_every_kind_of_declaration_becomes_an_expectation() -> None:
    found = {e.name: e for e in expectations("judge_alignment")}
    assert {"evaluator_present", "evaluator_unique", "n_fail_in_range", "status_allowed", "mode_id_known"} <= set(found)
    assert "fail_recall_present" not in found  # it may be empty
    assert found["mode_id_known"].references == "failure_taxonomy.mode_id"
    assert found["fail_recall_in_range"].kwargs == {"min_value": 0, "max_value": 1}


@pytest.mark.parametrize("table", list(TABLES))
def test_no_two_expectations_of_a_table_share_a_name(table: str) -> None:
    names = [e.name for e in expectations(table)]
    assert len(set(names)) == len(names) > 0


def test_rows_as_declared_pass_every_expectation() -> None:
    rows = [an_alignment(), an_alignment(evaluator="judge:fm-2", fail_recall=None, status="advisory")]
    outcomes = run_expectations(pd.DataFrame([asdict(r) for r in rows]), expectations("judge_alignment"), KNOWN)
    assert [o.name for o in outcomes] == [e.name for e in expectations("judge_alignment")]
    assert [o for o in outcomes if not o.passed or o.problem or o.n_rows != 2] == []


def test_each_kind_of_fault_fails_its_own_expectation_with_the_values_that_break_it() -> None:
    rows = [
        an_alignment(),
        an_alignment(mode_id="fm-9", status="fine"),
        an_alignment(mode_id="fm-9", status=None, fail_recall=1.5, n_fail=-1),
    ]
    found = _run(rows, "judge_alignment")
    failed = {name: (o.n_unexpected, o.examples) for name, o in found.items() if not o.passed}
    assert failed == {
        "evaluator_unique": (3, ("judge:fm-1 (3 times)",)),
        "mode_id_known": (2, ("fm-9 (2 times)",)),
        "n_fail_in_range": (1, ("-1 (1 times)",)),
        "fail_recall_in_range": (1, ("1.5 (1 times)",)),
        "status_allowed": (1, ("fine (1 times)",)),
        "status_present": (1, ("missing (1 times)",)),
    }


def test_a_long_value_that_breaks_an_expectation_is_cut_and_an_empty_one_breaks_no_reference() -> None:
    rows = [an_annotation(verdict="x" * 500), an_annotation(trace_id="t2", code=None)]
    (allowed,) = [o for o in _run(rows, "annotations").values() if not o.passed]
    assert allowed.name == "verdict_allowed"
    assert allowed.examples == ("x" * 80 + " (1 times)",)


def test_a_missing_column_is_reported_by_name_and_the_other_expectations_still_run() -> None:
    wanted = [
        Expectation("gone_present", "gone", "expect_column_values_to_not_be_null"),
        Expectation("here_present", "here", "expect_column_values_to_not_be_null"),
    ]
    gone, here = run_expectations(pd.DataFrame({"here": [1, 2]}), wanted, {})
    assert not gone.passed
    assert "gone" in (gone.problem or "")
    assert "Traceback" not in (gone.problem or "")
    assert here.passed


def test_a_table_without_rows_passes_and_nothing_wanted_is_nothing_found() -> None:
    empty = pd.DataFrame({c: pd.Series(dtype=object) for c in asdict(an_alignment())})
    outcomes = run_expectations(empty, expectations("judge_alignment"), KNOWN)
    assert all(o.passed and o.n_rows == 0 for o in outcomes)
    assert run_expectations(empty, [], {}) == []
