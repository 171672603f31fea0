"""The demo's turn as a user runs it: seconds, peak memory and model calls, cold and again; loading the definitions."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flywheel_pipeline.adapters.lake import Lake

LOAD = "import flywheel_pipeline.definitions as d; d.defs()"


def measure(*command: str) -> tuple[float, float]:
    """Run a command; returns its wall seconds and its peak memory in MB (Linux counts it in KiB)."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def calls_made(home: Path) -> int:
    """Return the calls to models that were not answered from the cache."""
    ((n,),) = Lake(home / "lake").frame("select count(*) from llm_calls where not cached").values.tolist()
    return int(n)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        demo = (sys.executable, "-m", "flywheel_pipeline.cli", "demo", "--home", str(home))
        rows = []
        for name in ("demo, cold", "demo, again"):
            before = calls_made(home) if home.exists() else 0
            seconds, megabytes = measure(*demo)
            rows.append((name, seconds, megabytes, calls_made(home) - before))
        rows.append(("load the definitions", *measure(sys.executable, "-c", LOAD), 0))
    print(f"{'':24}{'seconds':>9}{'peak MB':>9}{'model calls':>13}")
    for name, seconds, megabytes, calls in rows:
        print(f"{name:24}{seconds:9.1f}{megabytes:9.0f}{calls:13}")


if __name__ == "__main__":
    main()
