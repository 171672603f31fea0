"""Files that are still being written are not read."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from flywheel_pipeline.adapters.home import Home


def test_a_file_just_written_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.csv").write_text("trace_id,verdict")
    started = time.monotonic()
    assert [f.name for f in Home(tmp_path).settled_files("labels", 0.6)] == ["a.csv"]
    assert time.monotonic() - started >= 0.5


def test_a_file_that_is_written_all_the_time_is_left_out_and_the_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "done.csv").write_text("trace_id,verdict")
    stop = threading.Event()

    def write() -> None:
        with (tmp_path / "labels" / "slow.csv").open("a") as file:
            while not stop.wait(0.05):
                file.write("x")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.2)
        assert [f.name for f in Home(tmp_path).settled_files("labels", 0.5)] == ["done.csv"]
    finally:
        stop.set()
        writer.join()


def test_a_file_that_a_clock_ahead_of_ours_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    path = tmp_path / "labels" / "a.csv"
    path.write_text("trace_id,verdict")
    os.utime(path, (time.time() + 3600, time.time() + 3600))
    assert [f.name for f in Home(tmp_path).settled_files("labels", 5)] == ["a.csv"]
