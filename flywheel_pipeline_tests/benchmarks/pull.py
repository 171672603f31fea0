"""20,000 traces pulled from a scripted Langfuse server, which is written to meanwhile, fails, and has a rate limit.

The pull is a process of its own and is killed three times. Then everything is captured, and every trace is looked for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline_tests.flows.capture.test_pull import KEYS, a_place, rows
from flywheel_pipeline_tests.flows.capture.tool_servers import LangfuseServer, running

TRACES, RATE, KILLS = 20_000, 240 / 60, 3
"""The limit is below what a machine does that has other work as well, so that the pull has to wait for it."""


def main() -> None:
    """Measure and print."""
    server = LangfuseServer(rate=RATE)
    now = datetime.now(timezone.utc)
    for n in range(TRACES):
        server.add(f"t{n:05}", now - timedelta(seconds=4 * (TRACES - n)), score=n % 2 if n % 10 == 0 else None)
    n_late = 0

    def disturb(n: int) -> None:
        nonlocal n_late
        server.add(f"late-{n:05}", now - timedelta(days=3) + timedelta(seconds=n))  # moves every page number
        n_late += 1
        if n % 50 == 0:
            server.faults.append((500 if n % 100 else 503, {}))

    server.before = disturb
    with tempfile.TemporaryDirectory() as folder, running(server):
        place = a_place(Path(folder), server, "langfuse")
        command = (sys.executable, "-m", "flywheel_pipeline.cli", "pull", "--home", str(place.root))
        seconds = 0.0
        for kill in range(KILLS + 1):
            asked = len(server.asked)
            process = subprocess.Popen(command, env={**os.environ, **KEYS})
            while kill < KILLS and process.poll() is None and len(server.asked) < asked + 120:
                time.sleep(0.05)
            if kill < KILLS:
                process.send_signal(signal.SIGKILL)
            process.wait()
            seconds += server.times[-1] - server.times[asked]  # without what starting takes
        counted = Counter(row["id"] for row in rows(place) if "traceId" not in row)
        wanted = [f"t{n:05}" for n in range(TRACES)]
        capture_traces(place.bench)
        whole = place.one(
            "select count(*) from raw_traces where input like 'Where is parcel t%' and output = 'In Kiel.'"
            " and trace_id like 't%'"
        )
        scored = place.one("select count(feedback_score) from raw_traces where trace_id like 't%'")
    print(f"{'traces there from the beginning':40}{TRACES:>10,}   (and {n_late:,} that arrived meanwhile)")
    print(f"{'of these pulled once':40}{sum(counted[i] == 1 for i in wanted):>10,}")
    n_missing, n_twice = sum(i not in counted for i in wanted), sum(n > 1 for n in counted.values())
    print(f"{'missing, more than once':40}{n_missing:>10,}{n_twice:>6,}")
    print(f"{'captured whole, with their scores':40}{whole:>10,}{scored:>8,} of {TRACES // 10:,}")
    print(f"{'requests, refused by the limit':40}{len(server.asked):>10,}{server.refused:>6,}")
    print(f"{'requests a minute, of a limit of':40}{len(server.asked) / seconds * 60:>10,.0f}{RATE * 60:>8,.0f}")
    print(f"{'seconds':40}{seconds:>10,.0f}")


if __name__ == "__main__":
    main()
