"""One flywheel in a code location: its settings, and how its definitions are named beside those of others."""

from dataclasses import dataclass

import dagster as dg

from flywheel_pipeline.defs.metadata import definition_metadata
from flywheel_pipeline.records import TABLES
from flywheel_pipeline.settings import Settings

APP_TAG = "flywheel/app"
"""The tag of all assets of an app, by which they are selected in the UI: `tag:"flywheel/app"="support_bot"`."""

READS_UPSTREAM = "capture_log"
"""The asset that reads what an upstream asset of the project has exported."""


@dataclass(frozen=True)
class Scope:
    """One flywheel in a code location.

    With a `prefix`, asset keys begin with it as `prefix/raw_traces`, and everything else as `prefix_flywheel_turn`;
    without one, names stay as they are. `upstream` are assets of the project whose exports land in `traces/`, `owners`
    take the place of ours, and `pool` bounds the model calls of all flywheels that name the same one.
    """

    settings: Settings
    prefix: str | None = None
    upstream: tuple[dg.AssetKey, ...] = ()
    owners: tuple[str, ...] = ()
    pool: str | None = None

    def key(self, name: str) -> dg.AssetKey:
        """Return the key of an asset of ours."""
        return dg.AssetKey([self.prefix, name] if self.prefix else [name])

    def name(self, name: str) -> str:
        """Return the name of a job, sensor, schedule, resource, op or asset group of ours."""
        return f"{self.prefix}_{name}" if self.prefix else name

    @property
    def models_pool(self) -> str:
        """The concurrency pool of the steps that ask models."""
        return self.pool or f"{self.prefix or 'flywheel'}_models"

    def spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Return the specification of an asset under its names here, with its columns from the records."""
        table = spec.key.path[-1]
        columns = definition_metadata(table, self.key) if table in TABLES else {}
        upstream = self.upstream if table == READS_UPSTREAM else ()
        return spec.replace_attributes(
            key=self.key(table),
            deps=[*(self.key(d.asset_key.path[-1]) for d in spec.deps), *upstream],
            group_name=self.name(spec.group_name or "default"),
            metadata={**spec.metadata, **columns},
            owners=self.owners or spec.owners,
            tags={APP_TAG: self.prefix} if self.prefix else {},
        )
