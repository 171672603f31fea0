"""One turn of the flywheel in this process, through Dagster, and what it found in plain words."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.commands.summary import count_calls, summarize
from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.instance import open_instance
from flywheel_pipeline.defs.partitions import contiguous, range_tags
from flywheel_pipeline.errors import FlywheelError, HomeError
from flywheel_pipeline.event_days import due_days, due_inputs
from flywheel_pipeline.settings import Settings, load_settings

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Say = Callable[[str], None]


@dataclass(frozen=True)
class TurnResult:
    """What a turn came to: whether every step and every blocking check passed, and what stopped it if not."""

    success: bool
    stopped_by: tuple[str, ...]


def run_turn(settings: Settings, say: Say) -> TurnResult:
    """Read new files, write the days that they touch, and run everything that follows, in one Dagster run.

    Raises:
        HomeError: the landing folder holds no trace.
    """
    if not settings.home.is_dir():
        raise HomeError(f"There is no flywheel home at {settings.home}: make one with `flywheel init`.")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    say = _once(say)
    defs, lake = build_definitions(settings), Lake(settings.home / "lake")
    with open_instance(settings.home) as instance:
        read = _run(defs, instance, "read_trace_files", {}, say)
        groups = contiguous(due_days(lake)) or contiguous(sorted(due_inputs(lake))[-1:])
        if not groups:
            raise HomeError(
                f"No traces: put export files into {settings.home / 'traces'} and run again. {_why(lake)}".strip()
            )
        earlier = [_run(defs, instance, "capture", range_tags(days), say) for days in groups[:-1]]
        last = _run(defs, instance, "flywheel_turn", range_tags(groups[-1]), say)
    results = [read, *earlier, last]
    return TurnResult(all(r.success for r in results), tuple(s for r in results for s in r.stopped_by))


def _once(say: Say) -> Say:
    """Return `say` without repetitions: a check that runs in two jobs of a turn is told once."""
    said: set[str] = set()

    def tell(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return tell


def _why(lake: Lake) -> str:
    reasons = lake.frame(
        "select file, line, reason from rejects where source = 'traces' order by all limit 3"
    ).values.tolist()
    return " ".join(f"{f}, line {n}: {why}." for f, n, why in reasons)


def _run(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, tags: dict[str, str], say: Say) -> TurnResult:
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, tags=tags, run_config=QUIET, raise_on_error=False
    )
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            level = "error" if check.severity == dg.AssetCheckSeverity.ERROR else "warning"
            say(f"{level}: check {check.check_name} of {check.asset_key.to_user_string()} failed: {check.description}")
    return TurnResult(result.success, tuple(cause_of(e) for e in result.all_events if e.is_step_failure))


def cause_of(event: dg.DagsterEvent) -> str:
    """Return what stopped a step: our own error in full, else the step and the exception's text."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return f"{event.step_key} failed"
    if error.cls_name == "DagsterAssetCheckFailedError":
        return f"a blocking check ({event.step_key}): what follows would rest on wrong data, so it was not run"
    text = error.message.strip()
    ours = {c.__name__ for c in FlywheelError.__subclasses__()}
    return text.split(": ", 1)[-1] if error.cls_name in ours else f"{event.step_key}: {text}"


def turn_home(home: Path | None, say: Say) -> bool:
    """Run one turn in a home and say what it found; returns whether nothing stopped it."""
    settings = load_settings(home)
    logging.getLogger("flywheel_pipeline").addHandler(logging.StreamHandler())
    before, started = count_calls(settings.home), time.monotonic()
    result = run_turn(settings, say)
    for line in summarize(settings.home, before):
        say(line)
    took = time.monotonic() - started
    say(f"{'done' if result.success else 'stopped'} in {took:.0f} s; tables in {settings.home / 'lake'}")
    for cause in result.stopped_by:
        say(f"stopped by {cause}")
    return result.success
