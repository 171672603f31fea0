"""Runs that meet, are cancelled, fail or are killed leave the lake right, and the next one completes it.

Elsewhere: a daemon killed in a run (`test_running`), Ctrl-C in the middle of model calls (`commands/test_interrupt`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import ReexecutionOptions, execute_job, execute_run_iterator

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.instance import end_dead_runs
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.homes import Place, a_home, an_instance, some_traces


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A home whose traces are captured, and whose labels are not read yet."""
    home = a_home(tmp_path_factory.mktemp("recovery") / "home")
    home.put_traces("a.jsonl", *some_traces(6))
    rows = [f"2025-06-02-{i},{'fail,made up a plan' if i < 3 else 'pass,'}" for i in range(6)]
    home.put_labels("a.csv", "\n".join(["trace_id,verdict,code", *rows]))
    capture_traces(home.bench)
    return home


@pytest.fixture
def instance(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("FLYWHEEL_HOME", str(place.root))
    with an_instance() as made:
        yield made


def label_batch() -> dg.JobDefinition:
    """The job without its checks, as a process of its own would load it."""
    job = build_definitions(load_settings()).resolve_job_def("label_batch")
    return job.get_subset(asset_selection=job.asset_layer.selected_asset_keys, asset_check_selection=set())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Dagster's own generator of the step
def test_a_run_that_is_cancelled_between_steps_leaves_whole_tables_alone(
    place: Place, instance: dg.DagsterInstance
) -> None:
    job = label_batch()
    run = instance.create_run_for_job(job)
    events = execute_run_iterator(InMemoryJob(job), run, instance)
    next(e for e in events if e.is_step_success and e.step_key == "annotations")
    instance.report_run_canceling(run)
    assert isinstance(events, Generator)
    events.throw(DagsterExecutionInterruptedError())  # what the step meets when a person presses "Terminate"
    list(events)
    ended = instance.get_run_by_id(run.run_id)
    assert ended and ended.status == dg.DagsterRunStatus.CANCELED
    assert place.one("select count(*) from annotations") == 6
    assert place.one("select count(*) from failure_taxonomy") == 0


def test_a_re_execution_from_failure_begins_with_the_step_that_failed(
    place: Place, instance: dg.DagsterInstance
) -> None:
    reviewed = place.root / "taxonomy" / "failure_modes.yaml"
    reviewed.write_text("modes: [")
    job = dg.reconstructable(label_batch)
    with execute_job(job, instance, raise_on_error=False) as failed:
        assert not failed.success
    assert place.one("select count(*) from annotations") == 6
    assert place.one("select count(*) from golden_set") == 0
    reviewed.unlink()
    options = ReexecutionOptions.from_failure(failed.run_id, instance)
    with execute_job(job, instance, reexecution_options=options) as again:
        done = {e.step_key for e in again.all_events if e.is_step_success}
    assert again.success and done == {"build_failure_taxonomy", "golden_set"}
    assert place.one("select count(*) from golden_set") > 0


def test_a_killed_run_does_not_keep_its_place_in_the_pool(instance: dg.DagsterInstance) -> None:
    log = instance.event_log_storage
    log.set_concurrency_slots("flywheel_models", 1)
    run = instance.create_run_for_job(label_batch(), status=dg.DagsterRunStatus.STARTED)
    assert log.claim_concurrency_slot("flywheel_models", run.run_id, "golden_set").is_claimed
    assert not log.claim_concurrency_slot("flywheel_models", "other", "golden_set").is_claimed
    instance.report_run_failed(run)
    end_dead_runs(instance, lambda _: False)
    assert log.claim_concurrency_slot("flywheel_models", "other", "golden_set").is_claimed


def test_of_one_home_two_steps_that_ask_models_never_run_at_once_whatever_the_instance_limits(place: Place) -> None:
    met: list[bool] = []
    both = threading.Barrier(2)

    def one() -> None:
        try:
            both.wait(0.5)
            met.append(True)
        except threading.BrokenBarrierError:
            met.append(False)

    def two() -> None:
        one()

    def run_at_once(*steps: tuple[Callable[[], None], Place]) -> list[bool]:
        met.clear()
        both.reset()
        made = [asset(group_name="g", pool=True)(step).build(Scope(where.bench.settings)) for step, where in steps]
        threads = [threading.Thread(target=m) for m in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return met

    other = a_home(place.root.parent / "other")
    assert run_at_once((one, place), (two, other)) == [True, True]
    assert run_at_once((one, place), (two, place)) == [False, False]
