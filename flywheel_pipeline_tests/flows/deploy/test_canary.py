"""A canary on a home: started, looked at, and ended where sessions go wrong more often."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.errors import GateError
from flywheel_pipeline.flows.deploy.canary import look_at_canary, start_canary, stop_canary
from flywheel_pipeline.flows.deploy.promote import Mover
from flywheel_pipeline.records import CanaryHealth, RawTrace
from flywheel_pipeline_tests.builders import a_prompt, a_trace
from flywheel_pipeline_tests.homes import Place, a_home, an_instance

COVERS = ("defs/assets/canary_health.py", "defs/checks/deploy.py")
OLD, NEW = a_prompt("Be kind."), a_prompt("Be brief.")
MIRA = Mover("mira", "to see")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    for prompt in (OLD, NEW):
        place.bench.registry.add(prompt)
    place.bench.registry.promote(OLD.version)
    return place


def sessions(version: str, n: int, n_bad: int, **changes: Any) -> list[RawTrace]:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    found = []
    for i in range(n):
        name = f"{version}-{changes.get('suffix', '')}{i}"
        bad = {"feedback_score": 0.0} if i < n_bad and i % 2 else {"error": "timeout"} if i < n_bad else {}
        found.append(
            a_trace(trace_id=name, session_id=name, prompt_version=version, started_at=changes.get("at", now), **bad)
        )
    return found


def put(place: Place, *rows: RawTrace) -> None:
    place.lake.write("raw_traces", rows, part="2026-01-01")


def test_a_canary_that_harms_is_ended_and_the_history_says_so(place: Place) -> None:
    start_canary(place.bench, NEW.version, 0.2, MIRA)
    put(place, *sessions(NEW.version, 120, 60), *sessions(OLD.version, 480, 48))
    look = look_at_canary(place.bench)
    assert look and look.report.decision == "roll back" and look.report.canary.n == 120
    now = place.bench.registry.labels().now()["production"]
    assert (now.version, now.canary, now.by) == (OLD.version, None, "the gate") and "harm is shown" in now.message
    assert look_at_canary(place.bench) is None
    (row,) = place.lake.read("canary_health", CanaryHealth)
    assert (row.n_canary, row.n_canary_bad, row.n_control, row.n_control_bad) == (120, 60, 480, 48)


def test_a_canary_without_harm_goes_on_and_the_same_counts_are_one_row(place: Place) -> None:
    start_canary(place.bench, NEW.version, 0.2, MIRA)
    put(place, *sessions(NEW.version, 120, 12), *sessions(OLD.version, 480, 48))
    for _ in range(3):
        look = look_at_canary(place.bench)
        assert look and look.report.decision == "go on"
    assert len(place.lake.read("canary_health", CanaryHealth)) == 1
    assert stop_canary(place.bench, MIRA).version == NEW.version
    with pytest.raises(GateError, match="No canary runs"):
        stop_canary(place.bench, MIRA)


def test_sessions_from_before_and_sessions_with_both_prompts_do_not_count(place: Place) -> None:
    start_canary(place.bench, NEW.version, 0.2, MIRA)
    before = sessions(NEW.version, 50, 50, at=datetime(2025, 1, 1), suffix="old-")
    both = [
        a_trace(trace_id=f"{v}-m{i}", session_id=f"m{i}", prompt_version=v, started_at=datetime(2100, 1, 1), error="x")
        for i in range(40)
        for v in (OLD.version, NEW.version)
    ]
    put(place, *before, *both, *sessions(NEW.version, 30, 3))
    look = look_at_canary(place.bench)
    assert look and (look.report.canary.n, look.report.canary.n_bad, look.report.control.n) == (30, 3, 0)


@pytest.mark.parametrize(
    ("version", "share", "why"),
    [(NEW.version, 0, "between 0 and 1"), (NEW.version, 1, "between 0 and 1"), (OLD.version, 0.1, "itself")],
)
def test_what_cannot_be_a_canary_is_refused(place: Place, version: str, share: float, why: str) -> None:
    with pytest.raises(GateError, match=why):
        start_canary(place.bench, version, share, MIRA)


def test_there_is_one_canary_at_a_time_and_none_without_a_production_prompt(place: Place, tmp_path: Path) -> None:
    start_canary(place.bench, NEW.version, 0.1, MIRA)
    with pytest.raises(GateError, match="runs already"):
        start_canary(place.bench, NEW.version, 0.1, MIRA)
    with pytest.raises(GateError, match="no production prompt"):
        start_canary(a_home(tmp_path / "new").bench, NEW.version, 0.1, MIRA)


def test_the_commands_start_look_and_stop(place: Place) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["canary", words[0], "--home", str(place.root), *words[1:]])
        assert done.exit_code == 0, done.output
        return done.output

    assert "No canary runs" in run("check")
    assert f"{NEW.version} answers 20% of sessions now" in run("start", NEW.version[:6], "--share", "0.2")
    assert "go on, too few sessions" in run("check")
    assert f"{NEW.version} gets no traffic" in run("stop")


def test_dagster_looks_at_the_canary_and_its_check_fails_where_harm_is_shown(place: Place) -> None:
    start_canary(place.bench, NEW.version, 0.2, MIRA)
    put(place, *sessions(NEW.version, 120, 60), *sessions(OLD.version, 480, 48))
    job = build_definitions(place.bench.settings).resolve_job_def("watch_canary")
    with an_instance() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
        (made,) = result.asset_materializations_for_node("canary_health")
    assert not checks["canary_does_no_harm"].passed
    assert made.metadata["n_canary"] == dg.MetadataValue.int(120)
    assert place.bench.registry.labels().now()["production"].canary is None
