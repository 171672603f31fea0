"""Dagster's own storage inside a flywheel home, so that DAGSTER_HOME does not need to be set."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME

from flywheel_pipeline.atomic_write import replace_text

WORKSPACE = {
    "load_from": [
        {
            "python_module": {
                "module_name": "flywheel_pipeline.definitions",
                "location_name": "flywheel_pipeline",
            }
        }
    ]
}


HOME_TAG = "flywheel/home"
"""The tag of jobs that ask models or decide: of one home, one of them runs at a time."""

OURS = "# Written by flywheel at every start. Remove this line to keep your own changes.\n"


def instance_config(base: str) -> dict[str, Any]:
    """Return the content of `dagster.yaml` with all storage under `base`."""
    artifacts = {
        "module": "dagster._core.storage.root",
        "class": "LocalArtifactStorage",
        "config": {"base_dir": base},
    }
    logs = {
        "module": "dagster._core.storage.local_compute_log_manager",
        "class": "LocalComputeLogManager",
        "config": {"base_dir": f"{base}/logs"},
    }
    return {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "storage": {"sqlite": {"base_dir": base}},
        "local_artifact_storage": artifacts,
        "compute_logs": logs,
        "concurrency": {
            "pools": {"default_limit": 1, "granularity": "op"},
            "runs": {
                "max_concurrent_runs": 4,
                "tag_concurrency_limits": [
                    {"key": HOME_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
                ],
            },
        },
        "freshness": {"enabled": True},
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 180,
            "max_runtime_seconds": 86_400,
            "free_slots_after_run_end_seconds": 300,
        },
        "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
        "python_logs": {"managed_python_loggers": ["flywheel_pipeline"], "python_log_level": "INFO"},
        "retention": {"sensor": {"purge_after_days": {"skipped": 7, "failure": 30, "success": 90}}},
    }


def prepare_instance(home: Path) -> Path:
    """Write `dagster.yaml` and `workspace.yaml` of a home; return the folder that is its DAGSTER_HOME.

    A file that does not begin with `OURS` is a person's and stays as it is.
    """
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("dagster.yaml", instance_config(str(folder))), ("workspace.yaml", WORKSPACE)):
        path, text = folder / name, OURS + yaml.safe_dump(content, sort_keys=False)
        before = path.read_text(encoding="utf-8") if path.exists() else OURS
        if before.startswith(OURS) and before != text:
            replace_text(path, text)
    return folder


def open_instance(home: Path) -> dg.DagsterInstance:
    """Open Dagster's instance of a home; DAGSTER_HOME, where set, wins."""
    return (
        dg.DagsterInstance.get()
        if os.environ.get("DAGSTER_HOME")
        else dg.DagsterInstance.from_config(str(prepare_instance(home)))
    )


@contextmanager
def log_kept_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Keep the SQLite files of a run's event log open, so that closing a connection is cheap; other storages as is.

    Dagster opens a connection for every event. SQLite writes its journal back, and waits for the disk, whenever the
    last connection to a file is closed: with this one beside them, theirs never are the last.
    """
    log = instance.event_log_storage
    with ExitStack() as held:
        if isinstance(log, SqliteEventLogStorage):
            instance.get_records_for_run(run_id, limit=1)  # creates the file
            for shard in (run_id, INDEX_SHARD_NAME):
                connection = held.enter_context(closing(sqlite3.connect(log.path_for_shard(shard), timeout=30)))
                connection.execute("select count(*) from sqlite_master").fetchall()  # only a read opens the journal
        yield


def is_own_instance(instance: dg.DagsterInstance, home: Path) -> bool:
    """Return whether the instance is the home's own, and its runs are ours and on this machine.

    An instance that a person has configured may span machines, and holds runs of other projects.
    """
    return Path(instance.storage_directory()).absolute().parent == home / "dagster"


def end_dead_runs_twice(
    instance: dg.DagsterInstance, is_alive: Callable[[int], bool], pause: Callable[[], None]
) -> list[str]:
    """End dead runs, and those whose process is still being killed, after a `pause`; return their ids."""
    ended = end_dead_runs(instance, is_alive)
    if instance.get_runs(_STARTED, limit=1):
        pause()
        ended += end_dead_runs(instance, is_alive)
    return ended


_STARTED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])


def end_dead_runs(instance: dg.DagsterInstance, is_alive: Callable[[int], bool]) -> list[str]:
    """Mark runs as failed whose process is gone, so that they are retried; return their ids.

    Dagster itself notices only after `max_runtime_seconds`; until then the sensors would wait for such a run.
    """
    ended = []
    for run in instance.get_runs(_STARTED):
        pids = _processes(instance, run.run_id)
        if pids and not any(map(is_alive, pids)):
            why = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
            instance.report_run_failed(run, "The process of this run is gone.", why)
            ended.append(run.run_id)
    _free_pools(instance)
    return ended


def _free_pools(instance: dg.DagsterInstance) -> None:
    """Free the places in pools that runs hold which have ended without giving them back."""
    log = instance.event_log_storage
    for run_id in log.get_concurrency_run_ids() if log.supports_global_concurrency_limits else ():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            log.free_concurrency_slots_for_run(run_id)


def _processes(instance: dg.DagsterInstance, run_id: str) -> set[int]:
    """Return the ids of the processes that work, or worked, on a run."""
    found = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [r.event_log_entry.dagster_event for r in found]
    rows = [e.engine_event_data.metadata.get("pid") for e in events if e]
    return {int(str(t.value)) for t in rows if t and str(t.value).isdecimal()}


def is_alive(pid: int) -> bool:
    """Return whether a process is running; one that ended and was not waited for (a zombie) is not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (OSError, IndexError):  # another user's process, or a system without /proc
        return True
    return state not in ("Z", "X")
