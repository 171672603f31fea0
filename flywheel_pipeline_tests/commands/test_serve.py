"""`flywheel serve` and `flywheel label`: one server, and who may reach it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from flywheel_pipeline.commands.serve import serve_home
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline_tests.builders import NOON, a_sampled_trace, a_trace
from flywheel_pipeline_tests.homes import Place, a_home


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    made.lake.write("raw_traces", [a_trace()], part=f"{NOON:%Y-%m-%d}")
    made.lake.write("sampled_traces", [a_sampled_trace()])
    return made


def test_flywheel_label_serves_the_page_and_ends_in_order(place: Place) -> None:
    command = (
        sys.executable,
        "-m",
        "flywheel_pipeline.cli",
        "label",
        "--home",
        str(place.root),
        "--port",
        "0",
        "--no-browser",
        "--trace",
        "t1",
        "--note",
        "look at the refund",
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    reported = [process.stdout.readline() for _ in range(2)][1]
    url = reported.removeprefix("Labelling page: ").strip()
    try:
        assert b"<title>Labelling" in urllib.request.urlopen(url, timeout=20).read()
        assert json.load(urllib.request.urlopen(url + "api/queue", timeout=20))["keys"][:2] == ["t1#picked", "t1"]
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_token_is_not_among_the_arguments_of_the_browser(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWHEEL_TOKEN", "s3cret")
    opened: list[str] = []
    said: list[str] = []

    def browse(url: str) -> None:
        opened.append(url)
        raise KeyboardInterrupt  # before it serves

    with pytest.raises(KeyboardInterrupt):
        serve_home(place.root, "127.0.0.1", 0, said.append, browse)
    assert "s3cret" not in "".join([*opened, *said]) and opened[0].endswith("/label/")


def test_without_a_token_other_machines_are_kept_out(place: Place) -> None:
    with pytest.raises(SettingsError, match="FLYWHEEL_TOKEN"):
        serve_home(place.root, "0.0.0.0", 0, print)
