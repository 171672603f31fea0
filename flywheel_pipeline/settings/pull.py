"""Where traces are fetched from by themselves, and the keys for it, which are in the environment only."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.settings.section import Section

PullKind = Literal["langfuse", "langsmith", "phoenix", "mlflow", "agenta"]
URLS: Mapping[str, str] = {
    "langfuse": "https://cloud.langfuse.com",
    "langsmith": "https://api.smith.langchain.com",
    "phoenix": "http://localhost:6006",
    "mlflow": "http://localhost:5000",
    "agenta": "https://cloud.agenta.ai/api",
}
KEYS: Mapping[str, tuple[str, ...]] = {
    "langfuse": ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"),
    "langsmith": ("LANGSMITH_API_KEY",),
    "phoenix": ("PHOENIX_API_KEY",),
    "mlflow": ("MLFLOW_TRACKING_TOKEN",),
    "agenta": ("AGENTA_API_KEY",),
}
WITHOUT_KEY = ("phoenix", "mlflow")
"""Tools whose servers may be open: a key that is not set, and not named in `keys`, is left out."""
PROJECTS: Mapping[str, str] = {"phoenix": "default", "mlflow": "0"}


def _no_password(url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("a url must hold no user or password: name variables of the environment in `keys`")
    return url


class PullSettings(Section):
    """One source of traces, for example a project of Langfuse.

    `name` is that of its folder, `traces/pulled/<name>/`. `project` is the project's name or id (LangSmith, Phoenix),
    or the experiment's id (MLflow). `keys` names the variables that hold the key: public and secret key for Langfuse,
    a token, or user and password, for MLflow. `since` is the first day that is fetched, 7 days before the first pull
    by default. The last `overlap_hours` before the last pull are fetched again. A run stops after `max_rows`.
    """

    kind: PullKind
    name: str = Field("", pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*)?$", max_length=60)
    url: Annotated[str, Field(pattern=r"^(https?://.+)?$"), AfterValidator(_no_password)] = ""
    project: str = ""
    keys: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], ...] = Field((), max_length=2)
    since: date | None = None
    overlap_hours: float = Field(24, ge=0)
    max_rows: int = Field(100_000, ge=1)
    page_size: int | None = Field(None, ge=1, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_kind(cls, values: object) -> object:
        if not isinstance(values, dict) or not isinstance(kind := values.get("kind"), str):
            return values
        defaults = {"name": kind, "url": URLS.get(kind, ""), "project": PROJECTS.get(kind, "")}
        return {**defaults, **values}

    @model_validator(mode="after")
    def _has_project(self) -> PullSettings:
        if self.kind == "langsmith" and not self.project:
            raise ValueError("a source of kind langsmith needs its project: a name or an id")
        return self

    def headers(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the headers that hold the key.

        Raises:
            SettingsError: a variable with a key is not set.
        """
        names = self.keys or KEYS[self.kind]
        values = [environ.get(name, "").strip() for name in names]
        if not self.keys and self.kind in WITHOUT_KEY and not any(values):
            return {}
        if missing := [name for name, value in zip(names, values, strict=True) if not value]:
            raise SettingsError(f"the source {self.name!r} of capture.pull needs {' and '.join(missing)} to be set")
        if self.kind == "langsmith":
            return {"X-API-Key": values[0]}
        if self.kind == "agenta":
            return {"Authorization": f"ApiKey {values[0]}"}
        if len(values) == 2:
            return {"Authorization": "Basic " + base64.b64encode(":".join(values).encode()).decode()}
        return {"Authorization": f"Bearer {values[0]}"}
