"""`flywheel sql` and `flywheel settings`: tables as text, and every setting with its value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.commands.query import run_query
from flywheel_pipeline.errors import QueryError
from flywheel_pipeline_tests.builders import a_trace, an_annotation
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


def test_cells_of_csv_are_no_formulas(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    shown = run_query(place.bench, """select '=1+1' as "@a", -1 as b, 'x' as c""", "csv")
    assert shown == "'@a,b,c\n'=1+1,-1,x"


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('{file}')",
        "select * from '{file}'",
        "copy (select 1) to '{folder}/x.csv'",
        "copy (select 1) to '{lake}/annotations/all.parquet' (format parquet)",
        "select 1; drop view annotations",
        "attach '{folder}/x.db'",
        "set enable_external_access = true",
        "explain analyze copy (select 1) to '{lake}/x.csv'",
        "install httpfs",
        "select * from read_parquet('http://127.0.0.1:9/x.parquet')",
        "",
    ],
)
def test_a_query_that_may_only_read_reads_the_tables_and_nothing_else(tmp_path: Path, query: str) -> None:
    place = a_home(tmp_path / "home")
    place.lake.write("annotations", [an_annotation()])
    secret = place.root / "flywheel.yaml"
    secret.write_text("{}")
    shown = run_query(place.bench, "select verdict from annotations", "csv", read_only=True)
    with pytest.raises(QueryError):
        query = query.format(file=secret, folder=tmp_path, lake=place.lake.root)
        run_query(place.bench, query, "table", read_only=True)
    assert run_query(place.bench, "from annotations select verdict", "csv", read_only=True) == shown
    assert not list(tmp_path.glob("x.*")) and not list(place.lake.root.glob("x.*"))
