"""Submitted labels of flipped cases start the gate again, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from flywheel_pipeline.commands.dagster_runs import QUIET
from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.sensors import request_decision
from flywheel_pipeline.flows.flips import flips_to_label
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.flows.comparing import a_home_with_flips, candidate, label_all
from flywheel_pipeline_tests.homes import Place, an_instance


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home_with_flips(tmp_path / "home")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with an_instance() as made:
        yield made


def tick(place: Place, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    return request_decision(dg.build_sensor_context(instance=instance, cursor=cursor), place.bench)


def run(place: Place, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_definitions(load_settings(place.root, {})).resolve_job_def("gate_on_labels")
    config = {**QUIET, "ops": {"prompt_candidate": {"config": {"on_labels": True}}}}
    return job.execute_in_process(instance=instance, run_config=config)


def test_labels_start_one_run_that_decides_and_calls_nothing(place: Place, instance: dg.DagsterInstance) -> None:
    waiting = tick(place, instance)
    assert isinstance(waiting, dg.SkipReason) and "20 flips are waiting" in str(waiting.skip_message)
    label_all(place, flips_to_label(place.bench))
    first = tick(place, instance)
    assert isinstance(first, dg.SensorResult) and len(first.run_requests or []) == 1
    assert isinstance(tick(place, instance, first.cursor), dg.SkipReason)
    assert run(place, instance).success
    assert candidate(place).decision == "ship"
    assert place.one("select count(*) from llm_calls") == 0
    done = tick(place, instance, first.cursor)
    assert isinstance(done, dg.SkipReason) and "asks for no labels" in str(done.skip_message)


def test_the_job_decides_on_labels_without_any_configuration(place: Place, instance: dg.DagsterInstance) -> None:
    """As a sensor or a person in the UI starts it."""
    label_all(place, flips_to_label(place.bench))
    job = build_definitions(load_settings(place.root, {})).resolve_job_def("gate_on_labels")
    assert job.execute_in_process(instance=instance).success
    assert candidate(place).decision == "ship"


def test_the_check_and_the_asset_say_how_many_flips_wait_and_where(place: Place, instance: dg.DagsterInstance) -> None:
    label_all(place, flips_to_label(place.bench)[:19])
    result = run(place, instance)
    (made,) = result.asset_materializations_for_node("prompt_candidate")
    assert made.metadata["labelling_page"] == dg.MetadataValue.url("http://127.0.0.1:4318/label/")
    assert str(made.metadata["labelling"].value).startswith("1 flip is waiting on the labelling page")
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "gate")
    assert not check.passed and "1 flip is waiting on the labelling page" in str(check.description)
    assert check.metadata["labelling_page"] == dg.MetadataValue.url("http://127.0.0.1:4318/label/")
