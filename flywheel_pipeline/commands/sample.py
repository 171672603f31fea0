"""A batch for the expert on demand, drawn through Dagster like the usual one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from flywheel_pipeline.commands.turn import QUIET, cause_of
from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.instance import open_instance
from flywheel_pipeline.errors import FlywheelError, HomeError
from flywheel_pipeline.settings import load_settings


def draw_home(home: Path | None, asked: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Draw a batch; `asked` holds what is other than in `flywheel.yaml` (the fields of `BatchConfig`).

    Raises:
        HomeError: there is no home, or it has no traces yet.
        FlywheelError: the draw failed; the text says why.
    """
    settings = load_settings(home)
    if not settings.home.is_dir():
        raise HomeError(f"There is no flywheel home at {settings.home}: make one with `flywheel init`.")
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
        raise HomeError("No traces in these days: put export files into traces/ and run `flywheel run` first.")
    for line in _told(shown, made.metadata["allocation"]):
        say(line)


def _told(shown: Mapping[str, Any], allocation: Any) -> list[str]:
    known = f", beside {shown['n_known']} that were judged before" if shown["n_known"] else ""
    assert isinstance(allocation, dg.TableMetadataValue)
    rows = [list(map(str, record.data.values())) for record in allocation.records]
    names = [c.name for c in allocation.schema.columns]
    widths = [max(len(row[k]) for row in [names, *rows]) for k in range(len(names))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in [names, *rows]]
    return [
        f"{shown['n_sampled']} of {shown['n_frame']} traces to label{known}: samples/{shown['batch']}.jsonl",
        *lines,
        *([f"strata below their minimum: {shown['strata_below_minimum']}"] if "strata_below_minimum" in shown else []),
        f"labelling: {shown['saturation']}",
    ]
