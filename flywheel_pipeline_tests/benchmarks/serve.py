"""The live endpoint as applications use it: small spans, one a request, from several connections that stay open.

The clients are a process of their own. The second run kills the endpoint with SIGKILL in the middle and starts it
again; the clients send again what was not acknowledged. Lost are spans that were acknowledged and are in no file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from flywheel_pipeline_tests.web.capture.sender import Sender
from flywheel_pipeline_tests.web.serving import serving, spans_of

SPANS, CONNECTIONS = 30_000, 16


def send(port: int) -> None:
    """Send from this process; prints what was acknowledged, and how long it took."""
    senders = [Sender(port, range(k, SPANS, CONNECTIONS)) for k in range(CONNECTIONS)]
    threads = [threading.Thread(target=s.run) for s in senders]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    took = sorted(t for s in senders for t in s.took)
    print(json.dumps({"seconds": seconds, "numbers": [n for s in senders for n in s.acknowledged], "took": took}))


def measure(kill: bool) -> dict[str, Any]:
    """Return the figures of one run."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with serving(home) as server:
            command = (sys.executable, "-m", "flywheel_pipeline_tests.benchmarks.serve", str(server.port))
            client = subprocess.Popen(command, stdout=subprocess.PIPE)
            if kill:
                wait_for_lines(home, SPANS // 2)
                server.kill()
                server.start()
            reported = json.loads(client.communicate()[0])
        landed = {int(s["spanId"], 16) - 1 for s in spans_of(home)}
    took = reported["took"]
    return {
        "rate": len(took) / reported["seconds"],
        "p50": took[len(took) // 2] * 1000,
        "p99": took[len(took) * 99 // 100] * 1000,
        "acknowledged": len(reported["numbers"]),
        "lost": len(set(reported["numbers"]) - landed),
    }


def wait_for_lines(home: Path, n: int) -> None:
    """Return when the endpoint has written `n` lines."""
    while sum(p.read_bytes().count(b"\n") for p in (home / "traces").iterdir()) < n:
        time.sleep(0.2)


def main() -> None:
    """Measure and print."""
    print(f"{'':24}{'spans/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'acknowledged':>14}{'lost':>6}")
    for name, kill in (("one span a request", False), ("the same, kill -9", True)):
        found = measure(kill)
        print(
            f"{name:24}{found['rate']:9.0f}{found['p50']:9.1f}{found['p99']:9.1f}"
            f"{found['acknowledged']:14}{found['lost']:6}"
        )


if __name__ == "__main__":
    send(int(sys.argv[1])) if sys.argv[1:] else main()
