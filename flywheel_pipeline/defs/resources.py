"""What the assets are given: the workbench of a home, and its lake as a DuckDB resource."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.instance import log_kept_open
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.settings import Settings


class LakeResource(DuckDBResource):
    """`DuckDBResource` whose connection is in memory and sees every table of the lake as a view.

    No file is locked, so that steps in several processes, and people with a SQL client, never meet.
    """

    database: str = ":memory:"
    root: str

    @cached_property
    def lake(self) -> Lake:
        """The lake itself, for reading and writing tables."""
        return Lake(Path(self.root))

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a connection with all tables as views."""
        with self.lake.connect() as connection:
            yield connection


def build_resources(scope: Scope) -> dict[str, Any]:
    """Return the resources of all assets, checks, schedules and sensors of a flywheel."""
    settings = scope.settings
    lake = LakeResource(root=str(settings.home / "lake"))
    return {scope.name("lake"): lake, scope.name("bench"): _bench_of(settings)}


def _bench_of(settings: Settings) -> dg.ResourceDefinition:
    """Return the workbench as a resource that knows when the run began: all its steps share the limits of a turn."""

    def bench(context: dg.InitResourceContext) -> Iterator[Workbench]:
        record = context.instance.get_run_record_by_id(context.run.run_id) if context.instance and context.run else None
        began = record and (record.start_time or record.create_timestamp.timestamp())
        at = datetime.fromtimestamp(began, timezone.utc).replace(tzinfo=None) if began else None
        run, instance = context.run, context.instance
        with log_kept_open(instance, run.run_id) if instance and run else nullcontext():
            yield Workbench(settings, turn_began=at)

    return dg.ResourceDefinition(bench, description="The flywheel home.")
