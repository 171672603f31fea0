"""The one place where a command starts Dagster: a turn, a batch on demand, the web server."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
from dagster._core.utils import make_new_run_id

from flywheel_pipeline.commands.addresses import check_port, is_loopback
from flywheel_pipeline.commands.progress import StepLines, terminal_lines
from flywheel_pipeline.commands.summary import count_calls, summarize
from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.causes import cause_of
from flywheel_pipeline.defs.instance import (
    end_dead_runs,
    end_dead_runs_twice,
    is_alive,
    is_own_instance,
    log_kept_open,
    open_instance,
    prepare_instance,
)
from flywheel_pipeline.defs.jobs import decide_on_labels
from flywheel_pipeline.defs.partitions import first_partition, range_tags
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.errors import FlywheelError, HomeError, SettingsError
from flywheel_pipeline.flows.capture import due_days, due_inputs, group_days
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.words import count

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Say = Callable[[str], None]
GRACE_SECONDS = 3
"""How long a killed process may take to be gone: its memory is released first."""


@dataclass(frozen=True)
class TurnResult:
    """Whether every step and every blocking check passed, what stopped it if not, and whether the gate decided."""

    success: bool
    stopped_by: tuple[str, ...]
    decided: bool = False


def run_turn(bench: Workbench, say: Say, lines: StepLines | None = None) -> TurnResult:
    """Read new files, write the days that they touch, and run everything that follows, in one Dagster run.

    `lines` are shown what each step does as it does it.

    Raises:
        HomeError: the landing folder holds no trace.
    """
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    say, lake, home = _once(say), bench.lake, bench.settings.home
    defs, first_day = build_definitions(bench.settings), first_partition(bench.settings)
    with open_instance(home) as instance:
        if is_own_instance(instance, home):
            end_dead_runs(instance, is_alive)  # one that was killed may still hold a place in a pool
        read = _run(defs, instance, say, lines, "read_trace_files", {})
        if first_partition(bench.settings) != first_day:  # what was read begins on another day
            defs = build_definitions(bench.settings)
        run = partial(_run, defs, instance, say, lines)
        groups = group_days(due_days(lake)) or group_days(sorted(due_inputs(lake))[-1:])
        if not groups:
            raise HomeError(_no_traces(bench))
        earlier = [run("capture", range_tags(days)) for days in groups[:-1]]
        last = run("flywheel_turn", range_tags(groups[-1]))
    results = [read, *earlier, last]
    return TurnResult(all(r.success for r in results), tuple(s for r in results for s in r.stopped_by), last.decided)


def _once(say: Say) -> Say:
    """Return `say` without repetitions: a check that runs in two jobs of a turn is reported once."""
    said: set[str] = set()

    def tell(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return tell


def _no_traces(bench: Workbench) -> str:
    """Return why there is nothing to run on: no file, files that are not read yet, or files without a usable trace."""
    folder, names = bench.settings.home / "traces", {f.name for f in bench.home.files("traces")}
    if not names:
        return f"No traces: put export files into {folder} and run again."
    if waiting := sorted(names - {name for (name,) in bench.lake.rows("select source_file from capture_log")}):
        return f"Not read yet, because it may still be being written: {', '.join(waiting[:3])}. Run again in a moment."
    reasons = bench.lake.rows("select file, line, reason from rejects where source = 'traces' order by all limit 3")
    why = " ".join(f"{f}, line {n}: {why.removesuffix('.')}." for f, n, why in reasons) or "They hold no rows."
    held = f"the {count(len(names), 'file')} in {folder}"
    return f"No usable trace in {held}. {why} Correct the file or add another, and run again."


def _run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    say: Say,
    lines: StepLines | None,
    job: str,
    tags: dict[str, str],
) -> TurnResult:
    run_id = make_new_run_id()
    if lines:
        instance.add_event_listener(run_id, partial(_show, lines))
    with log_kept_open(instance, run_id), lines.shown() if lines else nullcontext():
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance, tags=tags, run_config=QUIET, raise_on_error=False, run_id=run_id
        )
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            level = "error" if check.severity == dg.AssetCheckSeverity.ERROR else "warning"
            say(f"{level}: check {check.check_name} of {check.asset_key.to_user_string()} failed: {check.description}")
    made = {e.asset_key for e in result.all_events if e.is_step_materialization}
    causes = tuple(cause_of(e) for e in result.all_events if e.is_step_failure)
    return TurnResult(result.success, causes, dg.AssetKey("prompt_candidate") in made)


def _show(lines: StepLines, entry: dg.EventLogEntry) -> None:
    """Show a step's event in the lines of a run."""
    event = entry.dagster_event
    if event is None or event.step_key is None:
        return
    if event.is_step_start:
        lines.started(event.step_key)
    elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
        made = event.step_materialization_data.materialization
        lines.made(event.step_key, made.asset_key.path[-1], {k: v.value for k, v in made.metadata.items()})
    elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        lines.checked(event.asset_check_evaluation_data.passed)
    elif event.is_step_success or event.is_step_failure:
        lines.finished(event.step_key, event.is_step_success)


def turn_home(home: Path | None, say: Say) -> bool:
    """Run one turn in a home and report what it found; return whether nothing stopped it.

    Raises:
        HomeError: there is no home, or it has no traces.
    """
    bench = Workbench.of(home)
    before, started, lines = count_calls(bench), time.monotonic(), terminal_lines()
    result = run_turn(bench, say, lines)
    lines.ended()
    for line in summarize(bench, before, result.decided):
        say(line)
    took = time.monotonic() - started
    say(f"{'done' if result.success else 'stopped'} in {took:.0f} s; tables in {bench.settings.home / 'lake'}")
    for cause in result.stopped_by:
        say(f"stopped by {cause}")
    return result.success


def draw_home(home: Path | None, asked: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Draw a batch; `asked` holds what is other than in `flywheel.yaml` (the fields of `BatchConfig`).

    Raises:
        HomeError: there is no home, or it has no traces yet.
        FlywheelError: the draw failed; the text says why.
    """
    settings = Workbench.of(home).settings
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    config = {**QUIET, "ops": {"sampled_traces": {"config": {k: v for k, v in asked.items() if v is not None}}}}
    job = build_definitions(settings).resolve_job_def("sample")
    with open_instance(settings.home) as instance:
        result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
    if not result.success:
        raise FlywheelError("; ".join(cause_of(e) for e in result.all_events if e.is_step_failure))
    (made,) = result.asset_materializations_for_node("sampled_traces")
    shown = {name: value.value for name, value in made.metadata.items()}
    if not shown["n_frame"]:
        raise HomeError(
            f"No traces in these days: put export files into {settings.home / 'traces'} and run `flywheel run` first."
        )
    for line in _batch_lines(shown, made.metadata["allocation"]):
        say(line)


def decide_home(home: Path | None) -> Workbench:
    """Let the gate decide again on the last candidate, as a Dagster run, so that its UI shows the same decision.

    Raises:
        HomeError: there is no home.
        FlywheelError: there is no candidate to decide on; the text says why.
    """
    bench = Workbench.of(home)
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    job, config = (
        build_definitions(bench.settings).resolve_job_def("gate_on_labels"),
        {**QUIET, **decide_on_labels(Scope(bench.settings))},
    )
    with open_instance(bench.settings.home) as instance:
        result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
    failures = [cause_of(e) for e in result.all_events if e.is_step_failure]
    if failures:
        raise FlywheelError("; ".join(failures))
    return bench


def _batch_lines(shown: Mapping[str, Any], allocation: Any) -> list[str]:
    known = f", beside {shown['n_known']} judged before" if shown["n_known"] else ""
    assert isinstance(allocation, dg.TableMetadataValue)
    rows = [list(map(str, record.data.values())) for record in allocation.records]
    names = [c.name for c in allocation.schema.columns]
    widths = [max(len(row[k]) for row in [names, *rows]) for k in range(len(names))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in [names, *rows]]
    return [
        f"{shown['n_sampled']} of {shown['n_frame']} traces to label{known}: samples/{shown['batch']}.jsonl",
        *lines,
        *([f"strata below their minimum: {shown['strata_below_minimum']}"] if "strata_below_minimum" in shown else []),
        f"labelling  {shown['saturation']}",
        "Next: `flywheel label` opens the labelling page.",
    ]


def serve_dagster(home: Path | None, host: str, port: int, trust_network: bool = False) -> NoReturn:
    """Replace this process by `dagster dev` on the home; schedules and sensors run as long as it does.

    Raises:
        HomeError: there is no home.
        SettingsError: the port is taken, or the address can be reached from other machines and no one has said that
            this network is trusted: Dagster's UI has no password.
    """
    root = Workbench.of(home).settings.home
    if not trust_network and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached from other machines, and whoever opens Dagster's UI can start runs: listen on "
            "127.0.0.1, put a proxy that asks for a password in front, or say --trust-network."
        )
    check_port(host, port)
    folder = prepare_instance(root)
    with open_instance(root) as instance:
        if is_own_instance(instance, root):
            end_dead_runs_twice(instance, is_alive, lambda: time.sleep(GRACE_SECONDS))
    environment = {"DAGSTER_HOME": str(folder), **os.environ, "FLYWHEEL_HOME": str(root)}
    where = ["-w", str(folder / "workspace.yaml"), "-h", host, "-p", str(port)]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it, and Dagster then SIGTERM, too
    os.execve(sys.executable, [sys.executable, "-m", "dagster", "dev", *where], environment)
