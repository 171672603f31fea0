"""`flywheel pull`, and the asset that does the same."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.defs.assets.pulled_traces import pulled_traces
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline_tests.flows.capture.test_pull import KEYS, a_place, rows
from flywheel_pipeline_tests.flows.capture.tool_servers import LangfuseServer, running
from flywheel_pipeline_tests.homes import an_instance

COVERS = ("commands/pull.py", "defs/assets/pulled_traces.py")


def test_traces_are_counted_then_pulled_by_the_command_and_by_the_asset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = LangfuseServer()
    server.add("t1", datetime.now(timezone.utc) - timedelta(hours=1))
    with running(server):
        place = a_place(tmp_path, server, "langfuse")
        home = ["--home", str(place.root)]
        counted = CliRunner().invoke(main, ["pull", *home, "--dry-run"])
        assert counted.exit_code == 0 and "prod: 1 traces since 20" in counted.output and not rows(place)
        done = CliRunner().invoke(main, ["pull", *home, "prod"])
        assert (done.exit_code, done.output) == (0, "prod: 2 rows of 1 traces, 1 file changed\n")
        server.add("t2", datetime.now(timezone.utc) - timedelta(hours=1))
        asset = pulled_traces.build(Scope(place.bench.settings))
        with an_instance() as instance:
            result = dg.materialize([asset], resources={"bench": place.bench}, instance=instance)
        (event,) = result.get_asset_materialization_events()
        assert event.materialization.metadata["n_traces"].value == 2 and len(rows(place)) == 4
    failed = CliRunner().invoke(main, ["pull", *home])
    assert failed.exit_code == 1 and "does not answer" in failed.output and "sk-1" not in failed.output


def test_without_sources_it_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["pull", "--home", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, "capture.pull in flywheel.yaml names no source.\n")
