"""Flywheels in anyone's Dagster project: named apart, beside assets and jobs that are not ours, at work at once."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster.components.component_scaffolding import scaffold_object
from dagster.components.core.component_tree import ComponentTree

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.component import FlywheelComponent
from flywheel_pipeline.defs.instance import HOME_TAG
from flywheel_pipeline.defs.partitions import first_partition, range_tags
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline_tests.homes import Place, a_home, an_instance, some_traces

COVERS = (
    "__init__.py",
    "defs/build.py",
    "defs/component.py",
    "defs/factory.py",
    "defs/jobs.py",
    "defs/scope.py",
    "flows/home.py",
)

APPS = {"support_bot": "2025-06-02", "shop_bot": "2025-07-01"}


@dg.asset(key=["warehouse", "logs"])
def logs() -> None:
    """An export of the project."""


@dg.asset(deps=[["support_bot", "prompt_candidate"], ["shop_bot", "production_prompt"]])
def release_notes() -> None:
    """What the project makes of ours."""


@dg.job
def nightly_report() -> None:
    """A job of the project."""


def an_app(home: Path, app: str, **attributes: Any) -> dg.Definitions:
    made = FlywheelComponent.from_attributes_dict(attributes={"home": str(home), "app": app, **attributes})
    return made.build_defs(ComponentTree.for_test().load_context)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    made = {app: a_home(tmp_path_factory.mktemp(app) / "home") for app in APPS}
    for app, day in APPS.items():
        made[app].put_traces("a.jsonl", *some_traces(3, day))
    return made


@pytest.fixture(scope="module")
def project(places: dict[str, Place]) -> dg.Definitions:
    """A code location with two apps and definitions of its own, among them resources with our names."""
    theirs = dg.Definitions([logs, release_notes], jobs=[nightly_report], resources={"lake": "theirs", "bench": 1})
    ours = [an_app(places[app].root, app, upstream=["warehouse/logs"], owners=["team:ml"], pool="llm") for app in APPS]
    return dg.Definitions.merge(theirs, *ours)


def test_two_apps_share_a_code_location_with_definitions_that_are_not_ours(project: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(project)
    graph = project.resolve_asset_graph()
    keys = {k.to_user_string() for k in graph.get_all_asset_keys()} - {"warehouse/logs", "release_notes"}
    assert {k.partition("/")[0] for k in keys} == set(APPS) and "support_bot/raw_traces" in keys
    assert graph.get(dg.AssetKey(["shop_bot", "capture_log"])).parent_keys >= {logs.key}
    assert release_notes.key in graph.get(dg.AssetKey(["support_bot", "prompt_candidate"])).child_keys
    names = [d.name for d in (*(project.sensors or []), *(project.schedules or []))]
    assert len(names) == len(set(names)) and all(n.startswith(tuple(APPS)) for n in names)
    turn = project.resolve_job_def("shop_bot_flywheel_turn")
    assert {k.path[0] for k in turn.asset_layer.selected_asset_keys} == {"shop_bot"}
    node = graph.get(dg.AssetKey(["shop_bot", "eval_results"]))
    assert node.tags["flywheel/app"] == "shop_bot" and node.kinds == {"litellm"}
    assert node.pools == {"llm"} and list(node.owners) == ["team:ml"]
    lineage = node.metadata["dagster/column_lineage"].deps_by_column["case_id"]
    assert lineage[0].asset_key == dg.AssetKey(["shop_bot", "golden_set"])


def test_jobs_of_the_project_keep_their_executor(project: dg.Definitions) -> None:
    assert project.executor is None
    assert project.resolve_job_def("nightly_report").executor_def.name == "multi_or_in_process_executor"
    assert project.resolve_job_def("shop_bot_capture").executor_def.name == "in_process"


def test_two_apps_run_at_once_and_each_fills_its_own_home(project: dg.Definitions, places: dict[str, Place]) -> None:
    with an_instance() as instance:
        for job in ("read_trace_files", "capture"):
            runs = []
            for app, day in APPS.items():
                whole = project.resolve_job_def(f"{app}_{job}")
                made = whole.get_subset(
                    asset_selection=whole.asset_layer.selected_asset_keys, asset_check_selection=set()
                )
                run = instance.create_run_for_job(made, tags=range_tags([day]) if job == "capture" else {})
                runs.append((run, execute_run_iterator(InMemoryJob(made), run, instance)))
            for _ in zip_longest(*(events for _, events in runs)):  # one event of each in turn
                pass
            ended = [instance.get_run_by_id(run.run_id) for run, _ in runs]
            assert [r.status for r in ended if r] == [dg.DagsterRunStatus.SUCCESS] * 2
    for app, day in APPS.items():
        assert places[app].lake.frame("select distinct started_at::date::varchar as d from raw_traces")["d"][0] == day
        assert first_partition(places[app].bench.settings) == date.fromisoformat(day)


def test_without_a_prefix_names_stay_as_they_are(places: dict[str, Place]) -> None:
    settings = places["shop_bot"].bench.settings
    defs = build_definitions(settings)
    assert dg.AssetKey("raw_traces") in defs.resolve_asset_graph().get_all_asset_keys()
    assert defs.resolve_job_def("flywheel_turn").tags[HOME_TAG] == str(settings.home)
    assert set(defs.resources or {}) == {"bench", "lake"}
    assert Scope(settings).models_pool == "flywheel_models" and Scope(settings, "a").models_pool == "a_models"


def test_a_name_that_dagster_would_not_take_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'support-bot' cannot begin the names of jobs"):
        an_app(tmp_path, "support-bot")


def test_scaffolding_writes_the_yaml_and_creates_the_home_outside_the_definitions(tmp_path: Path) -> None:
    folder = tmp_path / "defs" / "support_bot"
    scaffold_object(folder, "flywheel_pipeline.FlywheelComponent", None, "yaml", tmp_path)
    written = yaml.safe_load((folder / "defs.yaml").read_text("utf-8"))
    assert written["type"] == "flywheel_pipeline.FlywheelComponent"
    assert (tmp_path / written["attributes"]["home"] / "flywheel.yaml").is_file()


def test_the_component_is_found_by_dg_and_importing_the_package_stays_free() -> None:
    code = (
        "import sys, flywheel_pipeline; print('dagster' in sys.modules, 'FlywheelComponent' in dir(flywheel_pipeline))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
    declared = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert (
        '[project.entry-points."dagster_dg_cli.registry_modules"]\nflywheel_pipeline = "flywheel_pipeline"' in declared
    )
