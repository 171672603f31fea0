"""All that a home has, handed to every flow: settings, files, lake, prompt registry, models, embedders."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from flywheel_pipeline.adapters.embed import TfidfEmbed, choose_embedder
from flywheel_pipeline.adapters.home import Home
from flywheel_pipeline.adapters.home.files import TEMPLATES_FILE
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.llm import CallMeter, ModelClient
from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.engine import build_app, build_client
from flywheel_pipeline.ports import App, Embed
from flywheel_pipeline.settings import Settings, load_settings
from flywheel_pipeline.steps.cluster import Analyst, ModelAnalyst, WordAnalyst
from flywheel_pipeline.steps.deploy.templates import ACCEPTED, Template, load_templates

MODEL_FREE = ("none", "offline/taxonomy")
"""Names of the taxonomy model for which no model is asked."""


def utc_now() -> datetime:
    """Return the current time as naive UTC, as tables hold it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def timestamp() -> str:
    """Return the current time as files hold it: ISO 8601, UTC, whole seconds."""
    return f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Workbench:
    """All that a home has; `turn_began` (UTC) is when the run that uses it began, for the limits of a turn."""

    settings: Settings
    turn_began: datetime | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, home: Path | None) -> Workbench:
        """Return that of a home; None is the home that the settings name.

        Raises:
            HomeError: there is no such folder.
        """
        settings = load_settings(home)
        if not settings.home.is_dir():
            make = f"flywheel init {shlex.quote(str(settings.home))}"
            raise HomeError(f"There is no flywheel home at {settings.home}: create one with `{make}`.")
        return cls(settings)

    @cached_property
    def lake(self) -> Lake:
        """The tables."""
        return Lake(self.settings.home / "lake")

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
        """How long a file must not have changed before it is read."""
        return self.settings.automation.settle_seconds

    @property
    def embed(self) -> TfidfEmbed:
        """The embedder for drawing batches and choosing cases."""
        return TfidfEmbed()

    def failure_embed(self, llm: ModelClient | None = None) -> tuple[str, Embed]:
        """Return the name and the embedder by which failures are compared; its calls count as those of `llm`."""
        return self.embedder(self.settings.cluster.embedder, llm)

    def embedder(self, name: str, llm: ModelClient | None = None) -> tuple[str, Embed]:
        """Return the embedder that a setting names, and what it is called; its vectors are cached in the home."""
        cache = self.settings.home / "llm_cache" / "embeddings.sqlite"
        return choose_embedder(name, cache, meter=lambda model: CallMeter(llm or self.llm(), "embedding", model))

    def analyst(self, llm: ModelClient | None = None) -> tuple[Analyst, str]:
        """Return what builds the taxonomy (a model, or words alone) and its description."""
        llm = llm or self.llm()
        (name, embed), model = self.failure_embed(llm), self.model_name("taxonomy")
        if model in MODEL_FREE:
            return WordAnalyst(embed), f"no model, compared by {name}"
        return ModelAnalyst(llm, embed, self.settings.app.name), f"{model}, compared by {name}"

    def model_name(self, role: str) -> str:
        """Return the litellm model string of a role."""
        return str(getattr(self.settings.models, role).model)

    def page(self, name: str) -> str:
        """Return the address of a page of `flywheel serve`."""
        return f"{self.settings.serve.url.rstrip('/')}/{name}/"

    def llm(self) -> ModelClient:
        """Return the models, cached in the home; their calls are added to `llm_calls`."""
        keep = lambda batch, calls: self.lake.write("llm_calls", calls, batch)  # noqa: E731
        return build_client(self.settings, utc_now, keep, self.turn_began)

    def app(self, llm: ModelClient) -> App:
        """Return the app under improvement."""
        return build_app(self.settings, llm, frozenset(name for t in self.accepted_templates() for name in t.names))

    def accepted_templates(self) -> list[Template]:
        """Return the prompt templates that a person accepted.

        Raises:
            CorruptFileError: their file cannot be read.
        """
        found = load_templates(self.home.reviewed(TEMPLATES_FILE).read().value, TEMPLATES_FILE)
        return [t for t, status in found if status == ACCEPTED]
