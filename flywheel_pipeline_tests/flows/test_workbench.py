"""What a home has: it must be there, its clock is UTC, and calls to models are logged in its lake."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.workbench import Workbench, timestamp, utc_now
from flywheel_pipeline.steps.cluster import WordAnalyst
from flywheel_pipeline_tests.homes import a_home


def test_a_folder_that_is_not_there_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(HomeError) as refused:
        Workbench.of(tmp_path / "no where")
    assert str(refused.value).endswith(f"create one with `flywheel init '{tmp_path}/no where'`.")


def test_times_are_naive_utc_and_whole_seconds_in_files() -> None:
    now = utc_now()
    assert now.tzinfo is None
    parsed = datetime.strptime(timestamp(), "%Y-%m-%dT%H:%M:%SZ")
    assert abs((parsed - now).total_seconds()) < 5


def test_the_lake_is_made_once_and_belongs_to_the_home(tmp_path: Path) -> None:
    bench = a_home(tmp_path / "home").bench
    assert bench.lake is bench.lake
    assert bench.lake.root == bench.settings.home / "lake"


def test_without_a_model_words_alone_build_the_taxonomy(tmp_path: Path) -> None:
    analyst, described = a_home(tmp_path / "home").bench.analyst()
    assert isinstance(analyst, WordAnalyst)
    assert described.startswith("no model")
