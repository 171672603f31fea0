"""A run whose process was killed is not waited for, and is tried again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.instance import (
    end_dead_runs,
    end_dead_runs_twice,
    is_alive,
    is_own_instance,
    open_instance,
    prepare_instance,
)
from flywheel_pipeline_tests.homes import Place, a_home, an_instance


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


@pytest.fixture
def instance(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with open_instance(place.root) as made:
        yield made


def a_run(place: Place, instance: dg.DagsterInstance, *pids: int) -> dg.DagsterRun:
    job = build_definitions(place.bench.settings).resolve_job_def("label_batch")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    for pid in pids:
        data = EngineEventData(metadata={"pid": dg.MetadataValue.text(str(pid))})
        instance.report_engine_event(f"Started process for run (pid: {pid}).", run, data)
    return run


def test_runs_whose_process_is_gone_end_and_are_to_be_retried(place: Place, instance: dg.DagsterInstance) -> None:
    dead, alive, resumed, unknown = (a_run(place, instance, *pids) for pids in ((7,), (8,), (7, 8), ()))
    assert end_dead_runs(instance, lambda pid: pid == 8) == [dead.run_id]
    statuses = [instance.get_run_by_id(r.run_id) for r in (dead, alive, resumed, unknown)]
    assert [s.status.value for s in statuses if s] == ["FAILURE", "STARTED", "STARTED", "STARTED"]
    ended = instance.get_run_by_id(dead.run_id)
    assert ended and ended.tags["dagster/failure_reason"] == "UNEXPECTED_TERMINATION"
    assert ended.tags["dagster/will_retry"] == "true"
    job = build_definitions(place.bench.settings).resolve_job_def("label_batch")
    assert job.tags["dagster/retry_strategy"] == "ALL_STEPS"


def test_a_process_that_is_just_being_killed_is_looked_at_again(place: Place, instance: dg.DagsterInstance) -> None:
    run, living = a_run(place, instance, 7), {7}
    assert end_dead_runs_twice(instance, living.__contains__, living.clear) == [run.run_id]


def test_nobody_waits_where_nothing_runs(instance: dg.DagsterInstance) -> None:
    waited: list[str] = []
    assert end_dead_runs_twice(instance, lambda _: True, lambda: waited.append("long")) == waited == []


def test_a_process_that_has_ended_is_not_alive_also_before_anybody_asked_for_its_end() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(process.pid) and is_alive(os.getpid())
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert not is_alive(process.pid)
    process.communicate()
    assert not is_alive(process.pid)


def test_a_run_that_a_check_stopped_is_not_tried_again(instance: dg.DagsterInstance) -> None:
    assert instance.run_retries_enabled and instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure


def test_only_runs_of_the_homes_own_instance_are_ended(place: Place, instance: dg.DagsterInstance) -> None:
    assert is_own_instance(instance, place.root)
    with an_instance() as theirs:
        assert not is_own_instance(theirs, place.root)


def test_a_persons_dagster_yaml_is_kept_and_ours_is_brought_up_to_date(place: Place) -> None:
    path = prepare_instance(place.root) / "dagster.yaml"
    ours = path.read_text("utf-8")
    path.write_text(ours + "# an older version\n", "utf-8")
    prepare_instance(place.root)
    assert path.read_text("utf-8") == ours
    mine = ours.partition("\n")[2].replace("max_concurrent_runs: 4", "max_concurrent_runs: 1")
    path.write_text(mine, "utf-8")
    prepare_instance(place.root)
    assert path.read_text("utf-8") == mine
