"""Dagster's web server and daemon for a home."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from flywheel_pipeline.defs.instance import end_dead_runs, open_instance, prepare_instance
from flywheel_pipeline.settings import load_settings

GRACE_SECONDS = 3
"""What a killed process may take to be gone: its memory is given back first."""


def serve_dagster(home: Path | None, host: str, port: int) -> NoReturn:
    """Replace this process by `dagster dev` on the home; schedules and sensors run as long as it does."""
    root = load_settings(home).home
    folder = prepare_instance(root)
    if "DAGSTER_HOME" not in os.environ:  # an instance of several machines has processes that are not seen from here
        with open_instance(root) as instance:
            end_dead_runs(instance, is_alive, lambda: time.sleep(GRACE_SECONDS))
    environment = {"DAGSTER_HOME": str(folder), **os.environ, "FLYWHEEL_HOME": str(root)}
    where = ["-w", str(folder / "workspace.yaml"), "-h", host, "-p", str(port)]
    os.execve(sys.executable, [sys.executable, "-m", "dagster", "dev", *where], environment)


def is_alive(pid: int) -> bool:
    """Return whether a process works; one that ended and was not yet asked for its end (a zombie) does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (OSError, IndexError):  # somebody else's, or a system without /proc
        return True
    return state not in ("Z", "X")
