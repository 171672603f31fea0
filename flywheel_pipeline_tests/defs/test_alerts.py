"""The sensor that alerts people: failed runs of ours, once, with their cause; never those of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.alerts import alert_people
from flywheel_pipeline.errors import BudgetError
from flywheel_pipeline_tests.homes import Place, a_home, an_instance

COVERS = ("defs/alerts.py", "defs/causes.py")

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
NOTHING = "nothing new to alert people of"


@dg.asset(key="eval_results")
def too_dear() -> None:
    raise BudgetError("Stopped: this step's budget (5 USD) is spent.")


@dg.asset(key="annotations")
def labels() -> None:
    """Made, and found wrong."""


@dg.asset_check(asset="annotations", blocking=True)
def failures_explained() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, description="1 of 3 fails has neither comment nor code")


@dg.asset(key="theirs")
def breaks() -> None:
    raise ValueError("not ours")


class Tick:
    """One home, one instance, and what was sent."""

    def __init__(self, place: Place, instance: dg.DagsterInstance) -> None:
        self.place, self.instance, self.cursor = place, instance, ""
        self.sent: list[tuple[str, str]] = []

    def __call__(self) -> str:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor or None)
        said = alert_people(context, self.place.bench, ["nightly_evals", "eval_results", "annotations"], self.post)
        self.cursor = context.cursor or ""
        return str(said.skip_message)

    def post(self, urls: Sequence[str], title: str, text: str) -> list[bool]:
        self.sent.append((title, text))
        return [True] * len(urls)

    def run(self, *assets: Any, **tags: str) -> None:
        """Materialize assets as the Dagster UI does."""
        defs = dg.Definitions([a for a in assets if a is not failures_explained], asset_checks=[failures_explained])
        job = defs.resolve_implicit_global_asset_job_def()
        keys = list(job.asset_layer.selected_asset_keys)
        job.execute_in_process(
            instance=self.instance, run_config=QUIET, raise_on_error=False, tags=tags, asset_selection=keys
        )


@pytest.fixture
def tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tick]:
    monkeypatch.setenv("MY_ALERTS", "json://localhost")
    place = a_home(tmp_path / "home")
    (place.root / "flywheel.yaml").write_text("alerts: {urls_env: MY_ALERTS}")
    with an_instance() as instance:
        yield Tick(place, instance)


def test_runs_of_ours_that_fail_are_reported_once_with_their_cause(tick: Tick) -> None:
    tick.run(too_dear)
    assert tick() == NOTHING  # what failed before alerts were on is not reported
    tick.run(breaks)
    tick.run(too_dear)
    tick.run(labels, failures_explained)
    tick.run(too_dear, **{"dagster/will_retry": "true"})
    assert tick() == "2 alerts sent"
    assert [title for title, _ in tick.sent] == ["The budget is reached: __ASSET_JOB", "A check stopped __ASSET_JOB"]
    assert tick.sent[0][1].startswith("Stopped: this step's budget (5 USD) is spent.")
    assert "failures_explained of annotations: 1 of 3 fails has neither comment nor code" in tick.sent[1][1]
    assert tick() == NOTHING


def test_without_the_variable_nothing_is_sent_or_forgotten_and_the_tick_says_why(
    tick: Tick, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick()
    before = tick.cursor
    monkeypatch.delenv("MY_ALERTS")
    tick.run(too_dear)
    assert tick() == "no alert was sent: alerts.urls_env: the variable MY_ALERTS is not set, or is empty"
    assert tick.cursor == before
    monkeypatch.setenv("MY_ALERTS", "json://localhost")
    assert tick() == "1 alert sent"


def test_a_failed_run_is_reported_also_while_the_home_cannot_be_read(tick: Tick) -> None:
    tick()
    damaged = tick.place.root / "lake" / "production_health" / "all.parquet"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"PAR1 torn")
    tick.run(too_dear)
    assert tick().startswith("1 alert sent; the home cannot be read: ")
    assert tick().startswith(f"{NOTHING}; the home cannot be read: ")


def test_the_sensor_is_there_where_alerts_are_configured(tick: Tick, tmp_path: Path) -> None:
    (sensor,) = [s for s in build_definitions(tick.place.bench.settings).sensors or [] if s.name == "alerts"]
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    other = a_home(tmp_path / "other")
    assert "alerts" not in {s.name for s in build_definitions(other.bench.settings).sensors or []}
