"""The app under improvement, the models, and how they are called."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.settings.section import Section


class HttpSettings(Section):
    """An endpoint that answers as the app; `${NAME}` in a header is a variable of the environment."""

    url: str = Field(pattern=r"^https?://")
    body: dict[str, Any] = Field({"prompt": "{{prompt}}", "messages": "{{messages}}"})
    response: str = ""
    headers: dict[str, str] = Field({})
    version: str = ""

    def resolved_headers(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the headers with the values of the environment.

        Raises:
            SettingsError: a header names a variable that is not set.
        """
        names = {n for v in self.headers.values() for n in re.findall(r"\$\{(\w+)\}", v)}
        if missing := sorted(names - set(environ)):
            raise SettingsError(f"app.http.headers needs {' and '.join(missing)} in the environment")
        return {k: re.sub(r"\$\{(\w+)\}", lambda m: environ[m[1]], v) for k, v in self.headers.items()}


class RetrievalSettings(Section):
    """Your own retrieval, to measure other settings of it: `module:function`, and the values of each option.

    The function is called with the question, and with each option by its name; the first value is that of today.
    """

    function: str = Field(pattern=r"^[\w.]+:[\w.]+$")
    grid: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field({})


class AppSettings(Section):
    """The app under improvement: a prompt and the model `models.app`, unless one of the other ways is named.

    `function` is a Python callable, `module:function`, looked for in the home first; `recorded` a JSON Lines file of
    answers in the home. `tools` are offered to the model, in OpenAI's form. `workers` bounds the calls at once of an
    app of your own.
    """

    name: str = "app"
    prompt_name: str = "system"
    function: str | None = Field(None, pattern=r"^[\w.]+:[\w.]+$")
    http: HttpSettings | None = None
    recorded: str | None = None
    retrieval: RetrievalSettings | None = None
    tools: tuple[dict[str, Any], ...] = ()
    workers: int = Field(8, ge=1, le=512)

    @model_validator(mode="after")
    def _one_way(self) -> AppSettings:
        ways = [n for n in ("function", "http", "recorded") if getattr(self, n)]
        if len(ways) > 1:
            raise ValueError(f"app has {' and '.join(ways)}; name one way to run it")
        return self


class PriceSettings(Section):
    """Dollars per million tokens, for a model whose price litellm's list does not have."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class ModelSettings(Section):
    """The model of one role: any litellm model string, and where to find it.

    `api_key_env` names the environment variable of the key; `parameters` go into every request, for example `top_p`.
    """

    model: str = Field(min_length=1)
    api_base: str | None = None
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(4000, ge=1)
    parameters: dict[str, Any] = Field({})
    api_key_env: str | None = None
    price: PriceSettings | None = None


def _model(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


Model = Annotated[ModelSettings, BeforeValidator(_model)]


class ModelsSettings(Section):
    """One model per role; the default is the offline stand-in, which needs no key and no network.

    The stand-in of `taxonomy`, also called `none`, is the model-free path: words are counted, no model is asked.
    """

    app: Model = ModelSettings(model="offline/app")
    judge: Model = ModelSettings(model="offline/judge")
    taxonomy: Model = ModelSettings(model="offline/taxonomy")
    improver: Model = ModelSettings(model="offline/improver")
    generator: Model = ModelSettings(model="offline/generator")

    @model_validator(mode="before")
    @classmethod
    def _improver_writes_cases(cls, values: Any) -> Any:
        """Let a real improver write the test cases where no generator is named: the stand-in's are for the demo."""
        if not isinstance(values, dict) or "generator" in values or "improver" not in values:
            return values
        named = values["improver"].get("model") if isinstance(values["improver"], dict) else values["improver"]
        stand_in = isinstance(named, str) and named.startswith("offline/")
        return values if stand_in else {**values, "generator": values["improver"]}


class LLMSettings(Section):
    """How models are called; a limit of 0 means no limit.

    `concurrency` is the calls in flight at one endpoint, `budget_usd` and `max_calls` bound one step of a run,
    `turn_budget_usd` and `turn_max_calls` all steps of a run together, `daily_budget_usd` and `daily_max_calls` all
    that a home spends in 24 hours. An evaluation that is estimated to
    cost more than `max_estimate_usd` does not start.
    """

    concurrency: int = Field(16, ge=1, le=512)
    retries: int = Field(4, ge=0, le=10)
    timeout_seconds: float = Field(60, gt=0, le=3600)
    budget_usd: float = Field(5.0, ge=0)
    max_calls: int = Field(0, ge=0)
    turn_budget_usd: float = Field(0.0, ge=0)
    turn_max_calls: int = Field(0, ge=0)
    daily_budget_usd: float = Field(0.0, ge=0)
    daily_max_calls: int = Field(0, ge=0)
    max_estimate_usd: float = Field(0.0, ge=0)
