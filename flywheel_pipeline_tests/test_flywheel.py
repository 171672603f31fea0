"""The Python API: tables as frames, steps without Dagster, errors that say what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flywheel_pipeline.errors import HomeError, QueryError
from flywheel_pipeline.flywheel import STEPS, Flywheel
from flywheel_pipeline_tests.conftest import REPO
from flywheel_pipeline_tests.homes import Place, a_home, some_traces


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def test_a_turn_without_dagster_fills_the_tables(place: Place) -> None:
    place.put_traces("a.jsonl", *some_traces(12))
    fw = Flywheel(place.root)
    fw.run()
    assert len(fw.table("raw_traces")) == 12
    assert len(fw.table("sampled_traces")) == 12
    assert list(fw.table("production_prompt")["text"]) == ["Be helpful."]
    assert fw.sql("select count(*) as n from raw_traces where n_turns = 1")["n"].tolist() == [12]
    assert not (place.root / "dagster").exists()


def test_one_step_runs_alone(place: Place) -> None:
    place.put_traces("a.jsonl", *some_traces(3))
    fw = Flywheel(str(place.root))
    fw.run("capture")
    assert len(fw.table("raw_traces")) == 3
    assert fw.table("sampled_traces").empty
    assert fw.home == place.root
    assert repr(fw) == f"Flywheel({str(place.root)!r})"


def test_an_unknown_step_table_or_home_is_named_with_what_there_is(place: Place) -> None:
    fw = Flywheel(place.root)
    with pytest.raises(HomeError, match="no step 'label'; there are: capture, sample"):
        fw.run("label")
    with pytest.raises(HomeError, match=r"no table 'traces'; there are: .*raw_traces"):
        fw.table("traces")
    with pytest.raises(QueryError):
        fw.sql("select * from traces")
    with pytest.raises(HomeError, match="flywheel init"):
        Flywheel(place.root / "elsewhere")


def test_the_steps_are_those_of_the_package() -> None:
    folders = {p.name for p in (REPO / "flywheel_pipeline" / "steps").iterdir() if (p / "__init__.py").exists()}
    assert set(STEPS) == folders


def test_dagster_is_not_imported() -> None:
    code = "import sys, flywheel_pipeline.flywheel; print([m for m in sys.modules if m.split('.')[0] == 'dagster'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
