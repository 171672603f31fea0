"""The sensors and schedules, tick by tick."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.assets.eval_results import INPUTS
from flywheel_pipeline.defs.assets.production import ALL_JUDGED
from flywheel_pipeline.defs.assets.sampled_traces import BatchConfig
from flywheel_pipeline.defs.instance import open_instance
from flywheel_pipeline.defs.schedules import request_evals
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.defs.sensors import look, request_days
from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.capture import capture_files, capture_traces, write_days
from flywheel_pipeline.flows.evaluation_inputs import evaluation_inputs
from flywheel_pipeline_tests.builders import a_chat_record, a_prompt, an_annotation, an_eval_result
from flywheel_pipeline_tests.homes import Place, a_home, an_instance, some_traces

COVERS = ("defs/schedules.py", "defs/memory.py", "flows/evaluation_inputs.py")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with an_instance() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = a_home(tmp_path / "home")
    (home.root / "flywheel.yaml").write_text("automation: {settle_seconds: 5}")
    return home


def settled(path: Path) -> Path:
    past = time.time() - 60
    os.utime(path, (past, past))
    return path


def tick(place: Place, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return look(context, place.bench, "labels", "label_files", "label_batch")


def test_a_new_batch_starts_exactly_one_run(place: Place, instance: dg.DagsterInstance) -> None:
    settled(place.put_labels("a.csv", "trace_id,verdict\n"))
    settled(place.put_labels("b.csv", "trace_id,verdict\n"))
    first = tick(place, instance)
    assert isinstance(first, dg.SensorResult) and len(first.run_requests or []) == 1
    second = tick(place, instance, first.cursor)
    assert isinstance(second, dg.SkipReason) and "none new" in str(second.skip_message)


def test_a_half_written_file_waits(place: Place, instance: dg.DagsterInstance) -> None:
    place.put_labels("a.csv", "trace_id,ver")
    skipped = tick(place, instance)
    assert isinstance(skipped, dg.SkipReason) and "still being written: a.csv" in str(skipped.skip_message)


@pytest.mark.parametrize("lock", ["~$a.xlsx", ".~lock.a.xlsx#"])
def test_a_file_that_a_spreadsheet_has_open_waits_until_it_is_closed(
    place: Place, instance: dg.DagsterInstance, lock: str
) -> None:
    settled(place.put_labels("a.xlsx", "PK"))
    beside = place.put_labels(lock, "mira")
    skipped = tick(place, instance)
    assert isinstance(skipped, dg.SkipReason) and "open in a spreadsheet: a.xlsx" in str(skipped.skip_message)
    beside.unlink()
    assert isinstance(tick(place, instance), dg.SensorResult)


def test_a_file_that_is_gone_is_reported_and_starts_nothing(place: Place, instance: dg.DagsterInstance) -> None:
    path = settled(place.put_labels("a.csv", "trace_id,verdict\n"))
    first = tick(place, instance)
    assert isinstance(first, dg.SensorResult)
    path.unlink()
    skipped = tick(place, instance, first.cursor)
    assert isinstance(skipped, dg.SkipReason) and "no longer in labels/: a.csv" in str(skipped.skip_message)


def test_a_corrected_file_starts_a_run_with_another_key(place: Place, instance: dg.DagsterInstance) -> None:
    settled(place.put_labels("a.csv", "trace_id,verdict\nt1,pass\n"))
    first = tick(place, instance)
    assert isinstance(first, dg.SensorResult)
    path = place.put_labels("a.csv", "trace_id,verdict\nt1,fail\n")
    os.utime(path, (time.time() - 30, time.time() - 30))
    second = tick(place, instance, first.cursor)
    assert isinstance(second, dg.SensorResult)
    assert first.run_requests and second.run_requests
    assert first.run_requests[0].run_key != second.run_requests[0].run_key


def test_a_lost_cursor_asks_for_the_same_run_again(place: Place, instance: dg.DagsterInstance) -> None:
    settled(place.put_labels("a.csv", "trace_id,verdict\n"))
    first, again = tick(place, instance), tick(place, instance)
    assert isinstance(first, dg.SensorResult) and isinstance(again, dg.SensorResult)
    assert first.run_requests and again.run_requests
    assert first.run_requests[0].run_key == again.run_requests[0].run_key  # Dagster starts a key only once


def test_a_batch_waits_for_the_run_in_progress(place: Place, instance: dg.DagsterInstance) -> None:
    settled(place.put_labels("a.csv", "trace_id,verdict\n"))
    job = build_definitions(place.bench.settings).resolve_job_def("label_batch")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    skipped = tick(place, instance)
    assert isinstance(skipped, dg.SkipReason) and "run in progress" in str(skipped.skip_message)


def test_a_batch_does_not_wait_for_a_run_whose_process_was_killed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settled(place.put_labels("a.csv", "trace_id,verdict\n"))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with open_instance(place.root) as instance:
        job = build_definitions(place.bench.settings).resolve_job_def("label_batch")
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        data = EngineEventData(metadata={"pid": dg.MetadataValue.text(str(dead.pid))})
        instance.report_engine_event("Started process for run.", run, data)
        assert isinstance(tick(place, instance), dg.SensorResult)
        ended = instance.get_run_by_id(run.run_id)
    assert ended and ended.status == dg.DagsterRunStatus.FAILURE


def test_the_event_makes_the_external_asset_current(place: Place, instance: dg.DagsterInstance) -> None:
    settled(place.put_labels("a.csv", "trace_id,verdict\n"))
    found = tick(place, instance)
    assert isinstance(found, dg.SensorResult)
    assert [e.asset_key for e in found.asset_events] == [dg.AssetKey("label_files")]


def test_days_are_requested_once_they_were_read(place: Place, instance: dg.DagsterInstance) -> None:
    (place.root / "flywheel.yaml").write_text("automation: {settle_seconds: 0}")
    context = dg.build_sensor_context(instance=instance)
    assert isinstance(request_days(context, place.bench), dg.SkipReason)
    place.put_traces("a.jsonl", *some_traces(1, "2025-06-02"), *some_traces(1, "2025-08-01"))
    capture_files(place.bench)
    asked = request_days(context, place.bench)
    assert isinstance(asked, dg.SensorResult) and asked.run_requests
    ranges = [
        (r.tags["dagster/asset_partition_range_start"], r.tags["dagster/asset_partition_range_end"])
        for r in asked.run_requests
    ]
    assert ranges == [("2025-06-02", "2025-06-02"), ("2025-08-01", "2025-08-01")]
    write_days(place.lake, ["2025-06-02", "2025-08-01"])
    assert isinstance(request_days(context, place.bench), dg.SkipReason)


def test_the_first_tick_does_not_read_again_what_a_run_has_read(place: Place, instance: dg.DagsterInstance) -> None:
    settled(place.put_traces("a.jsonl", *some_traces(1, "2025-06-02")))
    settled(place.put_labels("a.csv", "trace_id,verdict\nt0,pass\n"))
    capture_files(place.bench)
    collect_labels(place.bench)
    assert isinstance(tick(place, instance), dg.SkipReason)
    context = dg.build_sensor_context(instance=instance)
    assert isinstance(look(context, place.bench, "traces", "trace_files", "read_trace_files"), dg.SkipReason)
    settled(place.put_labels("a.csv", "trace_id,verdict\nt0,fail\n"))
    assert isinstance(tick(place, instance), dg.SensorResult)


def test_tables_that_are_deleted_are_built_again_once(place: Place, instance: dg.DagsterInstance) -> None:
    settled(place.put_traces("a.jsonl", *some_traces(1, "2025-06-02")))
    cursors: dict[str, str | None] = {"look": None, "days": None}

    def step(sensor: str) -> list[tuple[str | None, str | None]]:
        context = dg.build_sensor_context(instance=instance, cursor=cursors[sensor])
        found = (
            request_days(context, place.bench)
            if sensor == "days"
            else look(context, place.bench, "traces", "trace_files", "read_trace_files")
        )
        cursors[sensor] = (found.cursor if isinstance(found, dg.SensorResult) else None) or context.cursor
        asked = found.run_requests or [] if isinstance(found, dg.SensorResult) else []
        return [(r.job_name, r.run_key) for r in asked]

    (first,) = step("look")
    capture_files(place.bench)
    ((job, key),) = step("days")
    assert job == "capture"
    write_days(place.lake, ["2025-06-02"])
    assert step("look") == step("days") == []
    shutil.rmtree(place.root / "lake")
    (again,) = step("look")
    assert again[1] != first[1], "Dagster starts a key only once"
    assert step("look") == step("days") == []
    capture_files(place.bench)
    ((job_after, key_after),) = step("days")
    assert job_after == "flywheel_turn" and key_after != key
    assert step("days") == [("capture", key_after)]  # a run that failed is not started again
    write_days(place.lake, ["2025-06-02"])
    assert step("look") == step("days") == []


def test_deleted_tables_are_noticed_where_rows_of_a_removed_file_are_kept(
    place: Place, instance: dg.DagsterInstance
) -> None:
    gone = settled(place.put_traces("old.jsonl", a_chat_record(trace_id="t1")))
    settled(place.put_traces("new.jsonl", a_chat_record(trace_id="t2")))
    capture_traces(place.bench)
    gone.unlink()
    capture_traces(place.bench)
    context = dg.build_sensor_context(instance=instance)
    assert isinstance(look(context, place.bench, "traces", "trace_files", "read_trace_files"), dg.SkipReason)
    shutil.rmtree(place.root / "lake")
    again = dg.build_sensor_context(instance=instance, cursor=context.cursor)
    found = look(again, place.bench, "traces", "trace_files", "read_trace_files")
    assert isinstance(found, dg.SensorResult) and found.run_requests
    assert found.run_requests[0].tags["flywheel/files"] == "new.jsonl"


def test_the_nightly_evals_skip_a_night_on_which_nothing_changed_and_say_so(
    place: Place, instance: dg.DagsterInstance
) -> None:
    bench, prompt = place.bench, a_prompt()
    bench.registry.add(prompt)
    bench.registry.promote(prompt.version)
    place.lake.write("eval_results", [an_eval_result(prompt_version=prompt.version)])

    def tonight() -> dg.RunRequest | dg.SkipReason:
        night = datetime(2025, 6, 9, 2, tzinfo=timezone.utc)
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=night)
        return request_evals(context, place.bench, Scope(bench.settings))

    def evaluated(stopped: str = ALL_JUDGED) -> None:
        inputs, judged = {INPUTS: evaluation_inputs(place.bench)}, {"stopped": stopped}
        instance.report_runless_asset_event(dg.AssetMaterialization("eval_results", metadata=inputs))
        instance.report_runless_asset_event(dg.AssetMaterialization("production_verdicts", metadata=judged))

    assert isinstance(tonight(), dg.RunRequest)  # never evaluated
    evaluated()
    skipped = tonight()
    assert isinstance(skipped, dg.SkipReason)
    assert f"nothing has changed since the last evaluation of {prompt.version}" in str(skipped.skip_message)
    evaluated(stopped="this step's budget is spent")
    assert isinstance(tonight(), dg.RunRequest)
    evaluated()
    place.append("golden/golden_set.jsonl", [{"case_id": "new"}])
    assert isinstance(tonight(), dg.RunRequest)
    evaluated()
    place.lake.write("annotations", [an_annotation(is_current=True)])
    assert isinstance(tonight(), dg.RunRequest)
    evaluated()
    assert isinstance(tonight(), dg.SkipReason)
    broken = an_eval_result(prompt_version=prompt.version, label=None, error="timeout")
    place.lake.write("eval_results", [broken])
    assert isinstance(tonight(), dg.RunRequest)


def test_days_before_the_first_partition_wait_for_a_reload(place: Place, instance: dg.DagsterInstance) -> None:
    (place.root / "flywheel.yaml").write_text("automation: {settle_seconds: 0}")
    place.put_traces("a.jsonl", *some_traces(1, "2025-06-02"), *some_traces(1, "2025-08-01"))
    capture_files(place.bench)
    context = dg.build_sensor_context(instance=instance)
    asked = request_days(context, place.bench, "2025-07-01")
    assert isinstance(asked, dg.SensorResult) and len(asked.run_requests or []) == 1
    write_days(place.lake, ["2025-08-01"])
    skipped = request_days(context, place.bench, "2025-07-01")
    assert isinstance(skipped, dg.SkipReason) and "reload the code location" in str(skipped.skip_message)


def test_the_nightly_evals_run_while_no_earlier_evaluation_is_known(place: Place, instance: dg.DagsterInstance) -> None:
    schedule = build_definitions(place.bench.settings).resolve_schedule_def("nightly_evals")
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime(2025, 6, 9, 2, tzinfo=timezone.utc),
        resources={"bench": place.bench},
    )
    assert len(schedule.evaluate_tick(context).run_requests or []) == 1


def test_automation_is_off_until_a_person_switches_it_on(place: Place) -> None:
    defs = build_definitions(place.bench.settings)
    assert {s.default_status for s in defs.sensors or []} == {dg.DefaultSensorStatus.STOPPED}
    (place.root / "flywheel.yaml").write_text("automation: {default_status: running}")
    defs = build_definitions(place.bench.settings)
    assert {s.default_status for s in defs.sensors or []} == {dg.DefaultSensorStatus.RUNNING}
    assert {s.default_status for s in defs.schedules or []} == {dg.DefaultScheduleStatus.RUNNING}


def test_the_launchpad_offers_the_fields_of_a_batch(place: Place) -> None:
    offered = build_definitions(place.bench.settings).resolve_job_def("sample").run_config
    assert offered is not None
    fields = offered["ops"]["sampled_traces"]["config"]
    assert fields.keys() == BatchConfig.model_fields.keys() and set(fields.values()) == {None}
