"""Dagster's own storage inside a flywheel home, so that nobody needs to set DAGSTER_HOME."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

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
            "runs": {"max_concurrent_runs": 4},
        },
        "run_monitoring": {"enabled": True, "start_timeout_seconds": 180},
        "retention": {"sensor": {"purge_after_days": {"skipped": 7, "failure": 30, "success": 90}}},
    }


def prepare_instance(home: Path) -> Path:
    """Write `dagster.yaml` and `workspace.yaml` of a home; returns the folder that is its DAGSTER_HOME."""
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(
        yaml.safe_dump(instance_config(str(folder)), sort_keys=False), encoding="utf-8"
    )
    (folder / "workspace.yaml").write_text(yaml.safe_dump(WORKSPACE, sort_keys=False), encoding="utf-8")
    return folder


def open_instance(home: Path) -> dg.DagsterInstance:
    """Open Dagster's instance of a home; DAGSTER_HOME, where set, wins."""
    return (
        dg.DagsterInstance.get()
        if os.environ.get("DAGSTER_HOME")
        else dg.DagsterInstance.from_config(str(prepare_instance(home)))
    )
