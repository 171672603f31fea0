"""`flywheel sql` and `flywheel settings`: tables as text, and every setting with its value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline_tests.builders import a_trace
from flywheel_pipeline_tests.homes import Place, a_home

ALL = "select trace_id, n_turns from raw_traces order by 1"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    place.lake.write("raw_traces", [a_trace(trace_id="t1"), a_trace(trace_id="t,2")], part="2025-06-02")
    return place


def ask(place: Place, query: str, *options: str) -> str:
    done = CliRunner().invoke(main, ["sql", "--home", str(place.root), *options, query])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_result_is_printed_as_a_table_as_json_or_as_csv(place: Place) -> None:
    assert ask(place, ALL).splitlines()[-1] == "(2 rows)"
    assert [row["trace_id"] for row in json.loads(ask(place, ALL, "--format", "json"))] == ["t,2", "t1"]
    assert ask(place, ALL, "--format", "csv").splitlines()[:2] == ["trace_id,n_turns", '"t,2",1']


def test_a_result_without_rows_names_its_columns(place: Place) -> None:
    assert ask(place, "select trace_id from annotations") == "no rows (trace_id)\n"
    assert json.loads(ask(place, "select trace_id from annotations", "--format", "json")) == []


def test_a_query_that_cannot_be_run_is_an_error_that_names_the_tables(place: Place) -> None:
    done = CliRunner().invoke(main, ["sql", "--home", str(place.root), "select * from traces"])
    assert done.exit_code == 1 and "raw_traces" in done.output and "Traceback" not in done.output


def test_all_settings_are_printed_with_their_values(place: Place) -> None:
    done = CliRunner().invoke(main, ["settings", "--home", str(place.root)])
    assert yaml.safe_load(done.output)["automation"]["settle_seconds"] == 0
