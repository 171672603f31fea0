"""`flywheel serve` as a process of its own on a free port, and what it landed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Serving:
    """The process; it can be killed and started again on the same port."""

    def __init__(self, home: Path, environment: Mapping[str, str], limit: Callable[[], None] | None) -> None:
        self.home, self.environment, self.limit = home, environment, limit
        self.port = self.grpc_port = 0
        self.process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        ports = ("--port", str(self.port), "--grpc-port", str(self.grpc_port))
        command = ("-m", "flywheel_pipeline.cli", "serve", "--home", str(self.home), *ports)
        with (self.home / "stderr.txt").open("a") as log:
            self.process = subprocess.Popen(
                (sys.executable, *command),
                env={**os.environ, **self.environment},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=self.limit,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.match(r"Listening on http://127.0.0.1:(\d+)", line)
        assert found, line + self.said()
        self.port = int(found[1])
        self.grpc_port = int(self.process.stdout.readline().rpartition(":")[2])

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as a service manager does; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode

    def said(self) -> str:
        """What it wrote to stderr."""
        return (self.home / "stderr.txt").read_text("utf-8")


@contextmanager
def serving(
    home: Path, environment: Mapping[str, str] | None = None, limit: Callable[[], None] | None = None
) -> Iterator[Serving]:
    """Serve the home until the end of the block; `limit` runs in the process before it starts."""
    (home / "traces").mkdir(parents=True, exist_ok=True)
    server = Serving(home, environment or {}, limit)
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def landed(home: Path, prefix: str = "otlp") -> list[dict[str, Any]]:
    """The lines of all files of one kind that capture would read, each a JSON object."""
    files = sorted((home / "traces").glob(f"{prefix}-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def spans_of(home: Path) -> list[dict[str, Any]]:
    """All spans that landed."""
    parts = [part for line in landed(home) for part in line["resourceSpans"]]
    return [span for part in parts for scope in part["scopeSpans"] for span in scope["spans"]]


def attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span or resource, with the value of whatever type they have."""
    return {a["key"]: next(iter(a["value"].values())) for a in holder.get("attributes", [])}
