"""A running Dagster: a label file dropped into the home is picked up without a hand on the keyboard."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline_tests.homes import Place, a_home, some_traces

FAST = "automation: {default_status: running, settle_seconds: 1, sensor_seconds: 5}\n"
RUNS = "{ runsOrError { ... on Runs { results { jobName status } } } }"
TICKS = """{ sensorOrError(sensorSelector: {
    repositoryName: "__repository__", repositoryLocationName: "flywheel_pipeline", sensorName: "new_label_files"
}) { ... on Sensor { sensorState { ticks(limit: 5) { skipReason } } } } }"""
NODES = "{ assetNodes { assetKey { path } groupName } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, query: str) -> Any:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["data"]


def wait_for(condition: Callable[[], bool], seconds: float, every: float = 1) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(every)
    return False


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home = a_home(tmp_path_factory.mktemp("running") / "home")
    (home.root / "flywheel.yaml").write_text(FAST)
    home.put_traces("a.jsonl", *some_traces(8))
    return home


class Dev:
    """`flywheel dev` as a user starts it, with the automation on."""

    def __init__(self, place: Place) -> None:
        self.place, self.port = place, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["dev", "--home", str(self.place.root), "-p", str(self.port)]
        with (self.place.root.parent / "dev.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flywheel_pipeline.cli", *words],
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        assert wait_for(lambda: bool(ask(self.port, "{ version }")), 120), log_of(self.place)

    def kill(self) -> None:
        """End it, and whatever it started, without a word."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


@pytest.fixture(scope="module")
def dev(place: Place) -> Iterator[Dev]:
    made = Dev(place)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def log_of(place: Place) -> str:
    return Path(place.root.parent / "dev.log").read_text("utf-8", "replace")[-3000:]


def finished(port: int, job: str) -> list[str]:
    return [r["status"] for r in ask(port, RUNS)["runsOrError"]["results"] if r["jobName"] == job]


def test_the_graph_is_served(dev: Dev, place: Place) -> None:
    nodes = {tuple(n["assetKey"]["path"]): n["groupName"] for n in ask(dev.port, NODES)["assetNodes"]}
    assert nodes["raw_traces",] == "capture_and_label"
    assert nodes["prompt_candidate",] == "improve"
    ours = build_definitions(place.bench.settings).resolve_asset_graph().get_all_asset_keys()
    assert set(nodes) == {tuple(key.path) for key in ours}


def test_traces_and_labels_are_picked_up_by_the_sensors_once_also_when_the_daemon_is_killed_in_a_run(
    dev: Dev, place: Place
) -> None:
    assert wait_for(lambda: "SUCCESS" in finished(dev.port, "capture"), 150), log_of(place)
    assert place.one("select count(*) from raw_traces") == 8
    rows = ["trace_id,verdict,code", "2025-06-02-0,fail,made up an answer", "2025-06-02-1,pass,"]
    place.put_labels("batch.csv", "\n".join(rows))
    assert wait_for(lambda: "SUCCESS" in finished(dev.port, "label_batch"), 150), log_of(place)
    assert place.one("select count(*) from annotations") == 2
    assert place.one("select count(*) from golden_set") > 0
    place.put_labels("second.csv", "trace_id,verdict\n2025-06-02-2,pass\n")
    place.put_labels("third.jsonl", '{"trace_id": "2025-06-02-3", "verdict": "pass"}\n')
    assert wait_for(lambda: finished(dev.port, "label_batch") == ["STARTED", "SUCCESS"], 150, every=0.2), log_of(place)
    dev.kill()
    dev.start()
    done = ["SUCCESS", "FAILURE", "SUCCESS"]  # the newest first: the run that was killed was tried again, once
    assert wait_for(lambda: finished(dev.port, "label_batch") == done, 150), finished(dev.port, "label_batch")
    assert place.one("select count(*) from annotations where is_current") == 4


def test_a_corrected_file_opens_its_batch_again_a_locked_one_waits_and_a_deleted_one_is_reported(
    dev: Dev, place: Place
) -> None:
    lock = place.put_labels(".~lock.fourth.csv#", "mira")
    place.put_labels("fourth.csv", "trace_id,verdict\n2025-06-02-4,pass\n")
    (place.root / "labels" / "third.jsonl").unlink()
    place.put_labels("batch.csv", "trace_id,verdict,code\n2025-06-02-0,pass,\n2025-06-02-1,pass,\n")
    before = ["SUCCESS", "FAILURE", "SUCCESS"]
    assert wait_for(lambda: finished(dev.port, "label_batch") == ["SUCCESS", *before], 150), log_of(place)
    said = "select verdict from annotations where trace_id = '2025-06-02-0' and "
    assert place.one(said + "is_current") == "pass" and place.one(said + "is_superseded") == "fail"
    assert place.one("select count(*) from annotations where is_current and source_file = 'third.jsonl'") == 1
    assert place.one("select count(*) from annotations where source_file = 'fourth.csv'") == 0
    reported = "open in a spreadsheet: fourth.csv; no longer in labels/: third.jsonl"
    assert wait_for(lambda: reported in str(ask(dev.port, TICKS)), 60), ask(dev.port, TICKS)
    lock.unlink()
    assert wait_for(lambda: finished(dev.port, "label_batch") == ["SUCCESS"] * 2 + before, 150), log_of(place)
    assert place.one("select count(*) from annotations where source_file = 'fourth.csv'") == 1
