"""What the assets are given: the lake, the home, the prompt registry, the models, the settings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
from dagster_duckdb import DuckDBResource

from flywheel_pipeline.adapters.embed import TfidfEmbed, choose_embedder
from flywheel_pipeline.adapters.home import Home
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.llm import ModelClient
from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.flows.engine import build_app, build_client
from flywheel_pipeline.ports import App, Embed
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.steps.cluster import Analyst, ModelAnalyst, WordAnalyst

MODEL_FREE = ("none", "offline/taxonomy")
"""Names of the taxonomy model that mean that none is asked."""


class LakeResource(DuckDBResource):
    """`DuckDBResource` whose connection is in memory and sees every table of the lake as a view.

    No file is locked, so that steps in several processes, and people with a SQL client, never meet.
    """

    database: str = ":memory:"
    root: str

    @property
    def lake(self) -> Lake:
        """The lake itself, for reading and writing tables."""
        return Lake(Path(self.root))

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a connection with all tables as views."""
        with self.lake.connect() as connection:
            yield connection


def utc_now() -> datetime:
    """Return the current time as naive UTC, as tables hold it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


@dataclass(frozen=True)
class Workbench:
    """All that the assets of one home share beside the lake."""

    settings: Settings

    @property
    def home(self) -> Home:
        """The files that people write or review."""
        return Home(self.settings.home)

    @property
    def registry(self) -> Registry:
        """The prompt versions."""
        return Registry(self.settings.home / "prompts")

    @property
    def settle_seconds(self) -> float:
        """How long a file must have rested before it is read."""
        return self.settings.automation.settle_seconds

    @property
    def embed(self) -> TfidfEmbed:
        """Texts to vectors, for drawing batches and choosing cases."""
        return TfidfEmbed()

    @property
    def failure_embed(self) -> tuple[str, Embed]:
        """The name and the embedder by which failures are compared."""
        cache = self.settings.home / "llm_cache" / "embeddings.sqlite"
        return choose_embedder(self.settings.cluster.embedder, cache)

    def analyst(self, lake: Lake, traces: Mapping[str, str]) -> tuple[Analyst, str]:
        """Return who builds the taxonomy, and how it is told: a model, or none; `traces` are {trace_id: text}."""
        (name, embed), model = self.failure_embed, self.model_name("taxonomy")
        if model in MODEL_FREE:
            return WordAnalyst(embed, traces), f"no model, compared by {name}"
        return ModelAnalyst(self.llm(lake), embed, self.settings.app.name), f"{model}, compared by {name}"

    def model_name(self, role: str) -> str:
        """Return the litellm model string of a role."""
        return str(getattr(self.settings.models, role).model)

    def llm(self, lake: Lake) -> ModelClient:
        """Return the models, cached in the home; their calls are logged to `llm_calls`."""
        return build_client(self.settings, utc_now, lambda batch, calls: lake.write("llm_calls", calls, part=batch))

    def app(self, llm: ModelClient) -> App:
        """Return the app under improvement."""
        return build_app(self.settings, llm)


def build_resources(settings: Settings) -> dict[str, Any]:
    """Return the resources of all assets, checks, schedules and sensors."""
    return {"lake": LakeResource(root=str(settings.home / "lake")), "bench": Workbench(settings)}
