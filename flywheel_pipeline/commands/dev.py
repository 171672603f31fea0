"""Dagster's web server and daemon for a home."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from flywheel_pipeline.defs.instance import end_dead_runs, open_instance, prepare_instance
from flywheel_pipeline.settings import load_settings


def serve_dagster(home: Path | None, host: str, port: int) -> NoReturn:
    """Replace this process by `dagster dev` on the home; schedules and sensors run as long as it does."""
    root = load_settings(home).home
    folder = prepare_instance(root)
    if "DAGSTER_HOME" not in os.environ:  # an instance of several machines has processes that are not seen from here
        with open_instance(root) as instance:
            end_dead_runs(instance, _is_alive)
    environment = {"DAGSTER_HOME": str(folder), **os.environ, "FLYWHEEL_HOME": str(root)}
    where = ["-w", str(folder / "workspace.yaml"), "-h", host, "-p", str(port)]
    os.execve(sys.executable, [sys.executable, "-m", "dagster", "dev", *where], environment)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's, but there
        return True
    return True
