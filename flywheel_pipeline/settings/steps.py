"""One section per step, then schedules and the server."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.settings.models import Model
from flywheel_pipeline.settings.pull import PullSettings
from flywheel_pipeline.settings.section import Section

TraceFormat = Literal[
    "chat", "otlp", "otlp_logs", "jaeger", "logfire", "litellm", "langsmith", "mlflow", "opik", "langfuse",
    "braintrust", "agenta", "otel_sdk", "bedrock", "gemini", "anthropic", "ollama", "cohere", "openai", "sharegpt",
    "feedback", "turns", "table",
]  # fmt: skip
"""The names of the formats in `steps.capture.formats`; importing those here would slow every command."""


def _known_encoding(name: str | None) -> str | None:
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        raise ValueError(f"{name!r} is not an encoding; for example windows-1252, iso-8859-1, utf-16") from None


class SourceSettings(Section):
    """How certain landing files are read: `files` is a pattern such as `crm/*.csv`; the first that fits counts.

    `fields` maps ours to theirs, for example `input: question`; it is meant for files of no known format. `encoding` is
    that of text which is not UTF-8, such as `windows-1252`.
    """

    files: str
    format: TraceFormat | None = None
    fields: dict[str, str] = Field({})
    encoding: Annotated[str | None, AfterValidator(_known_encoding)] = None


RedactionKind = Literal["email", "phone", "card", "iban", "ip", "secret"]


class CaptureSettings(Section):
    """What counts as a trace, how it is read, and what of it is not kept.

    `scales` are those of users' scores by name, where files do not show them: `rating: [1, 5]`, or `grade: [6, 1]`,
    where low is good. `start_date` is the first day that a trace may have, and Dagster's first partition; without it,
    traces from before 2023 are rejected, and the partitions begin with the earliest captured day.
    """

    start_date: date | None = None
    max_line_mb: float = Field(16, gt=0, le=1000)
    max_document_mb: float = Field(200, gt=0, le=2000)
    max_reject_share: float = Field(0.01, ge=0, le=1)
    sources: tuple[SourceSettings, ...] = ()
    pull: tuple[PullSettings, ...] = ()
    scales: dict[str, tuple[float, float]] = Field({})
    redact: tuple[RedactionKind, ...] = ("email", "phone", "card", "iban", "ip", "secret")
    redact_salt: SecretStr = SecretStr("")
    retention_days: int | None = Field(None, ge=1)

    @property
    def first_day(self) -> date:
        """The first day that a trace may have."""
        return self.start_date or date(2023, 1, 1)

    @field_validator("pull")
    @classmethod
    def _names_differ(cls, pull: tuple[PullSettings, ...]) -> tuple[PullSettings, ...]:
        names = [source.name for source in pull]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two sources are called {twice[0]!r}: give each a name of its own")
        return pull


class SampleSettings(Section):
    """The batch for the expert."""

    size: int = Field(100, ge=1, le=2000)
    window_days: int = Field(7, ge=1)
    risk_multiplier: float = Field(10, ge=1)
    uniform_share: float = Field(0.3, ge=0, le=1)
    strata: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field((), max_length=5)
    min_per_stratum: int = Field(3, ge=0)
    seed: int = 1


class AnnotateSettings(Section):
    """Whose verdict counts where people differ."""

    arbiter: str = Field("expert", min_length=1, max_length=80)
    annotators: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...] = ()
    overlap: float = Field(0.2, ge=0, le=1)
    repeated: float = Field(0.1, ge=0, le=1)
    submit_after: int | None = Field(None, ge=1)


LabelColumn = Literal[
    "trace_id", "verdict", "code", "comment", "category", "annotator", "annotator_kind", "labelled_at",
    "first_failure_step", "severity", "rubric_version", "is_repeat", "is_picked", "exported", "extra",
]  # fmt: skip
"""The columns of a label file in `steps.annotate.columns`; importing those here would slow every command."""


class LabelsSettings(Section):
    """How label files are read.

    `columns` maps our columns to those of the files (or the names of scores), or to null where the files have none;
    columns that it does not name are recognised by their usual names.
    """

    columns: dict[LabelColumn, str | None] = Field({})


class ClusterSettings(Section):
    """The size of the taxonomy, how failures are compared, and what a run may do without a person.

    `embedder` is `tfidf`, `minilm`, `litellm:<model>`, or `auto`: MiniLM where its weights are installed, else TF-IDF.
    `apply` is `additions`, new modes, or `all` that a run proposes.
    """

    max_modes: int = Field(10, ge=1, le=30)
    embedder: str = Field("auto", pattern=r"^(auto|tfidf|minilm|litellm:.+)$")
    apply: Literal["additions", "all"] = "additions"


class GoldenSettings(Section):
    """The composition of the golden set."""

    max_per_mode: int = Field(40, ge=1)
    synthetic_per_mode: int = Field(2, ge=0, le=10)
    paraphrases_per_mode: int = Field(1, ge=0, le=10)
    adversarial: int = Field(6, ge=0, le=200)
    dimensions: dict[str, Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]] = Field({}, max_length=8)
    invalid: tuple[Annotated[dict[str, str], Field(min_length=1)], ...] = ()
    max_tuples: int = Field(20, ge=1, le=500)
    min_realism: int = Field(3, ge=1, le=5)
    graduate_after: int = Field(3, ge=2)
    version: str | None = Field(None, min_length=4)

    @model_validator(mode="after")
    def _rules_name_dimensions(self) -> GoldenSettings:
        for rule in self.invalid:
            wrong = [f"{k}: {v}" for k, v in rule.items() if v not in self.dimensions.get(k, ())]
            if wrong and self.dimensions:
                raise ValueError(f"golden.invalid names what golden.dimensions does not have: {', '.join(wrong)}")
        return self


class EvaluateSettings(Section):
    """How often the app is asked every case, and how often a judge every answer, at most.

    `judge_checks` is the number of labelled answers that every judge is asked about again, to measure its consistency.
    `models` are other models for the app, to compare with `models.app`.
    `production_traces` is how many traces of every day are judged, of the newest `production_days` days; 0: none.
    """

    repeats: int = Field(1, ge=1, le=100)
    judge_repeats: int = Field(1, ge=1, le=25)
    judge_checks: int = Field(10, ge=0, le=1_000)
    models: tuple[Model, ...] = Field((), max_length=20)
    production_traces: int = Field(50, ge=0, le=100_000)
    production_days: int = Field(14, ge=1, le=366)


class ImproveSettings(Section):
    """How prompts are proposed, and what they are compared with.

    `improvers` take turns, each from the best prompt so far, and few-shot examples come last. `max_answers` bounds the
    answers that a search asks the app for, cached ones included; 0 is twenty times the number of dev cases. `rounds`
    and `patience` (rounds in a row without a better prompt) end the reflective editor; GEPA ends after three times
    `patience` iterations without one, and reads a `minibatch` of train cases in each. `seed` makes its choices.
    `few_shot_examples` and `max_modes` bound what is appended and shown. `fresh_baseline: true` evaluates the
    production prompt on the test split once more beside every candidate, where the app or the judges are real models.
    """

    improvers: tuple[Literal["reflective", "gepa", "few_shot"], ...] = Field(("reflective", "few_shot"), min_length=1)
    max_answers: int = Field(0, ge=0)
    rounds: int = Field(4, ge=1, le=100)
    patience: int = Field(2, ge=1, le=100)
    minibatch: int = Field(3, ge=1, le=50)
    seed: int = 1
    few_shot_examples: int = Field(3, ge=0, le=10)
    max_modes: int = Field(8, ge=1)
    fresh_baseline: bool = True


class GateSettings(Section):
    """When a candidate may ship (probabilities are posterior, margins are differences of pass rates).

    `consent` names the failure modes that may ship although too few own test cases guard them; `judges_alone: true`
    ships without the expert's labels of the flipped cases.
    """

    min_probability_better: float = Field(0.98, gt=0.5, lt=1)
    margin: float = Field(0.10, gt=0, lt=1)
    max_probability_worse: float = Field(0.005, gt=0, lt=1)
    min_cases_per_mode: int = Field(10, ge=1)
    min_coverage: float = Field(0.95, ge=0.95, le=1)
    max_growth: float = Field(1.2, ge=1)
    max_prompt_characters: int = Field(20_000, ge=1)
    consent: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    judges_alone: bool = False


PromptName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=200)]


class LangfuseSettings(Section):
    """A text prompt of a Langfuse project; the keys are `LANGFUSE_PUBLIC_KEY` and `LANGFUSE_SECRET_KEY`."""

    to: Literal["langfuse"]
    url: str = Field("https://cloud.langfuse.com", pattern=r"^https?://[^@\s]+$")
    name: PromptName | None = None
    label: str = Field("production", pattern=r"^[a-z0-9_.-]+$")


class MlflowSettings(Section):
    """A prompt of an MLflow server; `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `…_PASSWORD`."""

    to: Literal["mlflow"]
    url: str = Field(pattern=r"^https?://[^@\s]+$")
    name: PromptName | None = None
    alias: str = Field("production", pattern=r"^[A-Za-z0-9_-]+$")


class AgentaSettings(Section):
    """The system message of a variant of an Agenta application, in an environment; the key is `AGENTA_API_KEY`."""

    to: Literal["agenta"]
    url: str = Field("https://cloud.agenta.ai", pattern=r"^https?://[^@\s]+$")
    name: PromptName | None = None
    app: str = Field(min_length=1)
    variant: str = Field("default", min_length=1)
    environment: str = Field("production", min_length=1)
    key: str = Field("prompt", min_length=1)


class GitSettings(Section):
    """A file on a branch of a local git repository; `{name}` in the path is the prompt's name."""

    to: Literal["git"]
    repository: Path
    branch: str = Field(min_length=1)
    name: PromptName | None = None
    path: str = Field("prompts/{name}.md", min_length=1)


PublishTo = Annotated[
    LangfuseSettings | MlflowSettings | AgentaSettings | GitSettings,
    Field(discriminator="to"),
]


class CredentialSettings(Section):
    """What publishing authenticates with: from the environment only, and never printed."""

    langfuse_public_key: SecretStr = SecretStr("")
    langfuse_secret_key: SecretStr = SecretStr("")
    mlflow_tracking_token: SecretStr = SecretStr("")
    mlflow_tracking_username: SecretStr = SecretStr("")
    mlflow_tracking_password: SecretStr = SecretStr("")
    agenta_api_key: SecretStr = SecretStr("")


class DeploySettings(Section):
    """Who promotes: a person, or, with `automatic: true`, also a run whose gate says `ship`.

    `publish` are the places that get every promoted prompt. `margin` is the rise of a failure mode's share of traffic
    that must be excluded for `no worse`.
    """

    automatic: bool = False
    margin: float = Field(0.03, gt=0, lt=1)
    publish: tuple[PublishTo, ...] = ()
    credentials: CredentialSettings = CredentialSettings()


class AutomationSettings(Section):
    """Schedules and sensors."""

    default_status: Literal["stopped", "running"] = "stopped"
    settle_seconds: float = Field(5, ge=0)
    sensor_seconds: int = Field(30, ge=1)
    pull_cron: str = "30 0 * * *"
    capture_cron: str = "0 1 * * *"
    evals_cron: str = "0 2 * * *"
    canary_cron: str = "15 * * * *"
    executor: Literal["in_process", "multiprocess"] = "in_process"


AlertKind = Literal["run_failed", "check_failed", "mode_regressed", "judge_lost", "budget_reached", "labels_waiting"]
"""A run failed; a check stopped one; a failure mode got worse in production; a judge may decide no more; a limit on
spending stopped a run; labels wait for the expert."""


class AlertsSettings(Section):
    """What people are alerted of; nothing until `urls_env` names a variable of the environment.

    The variable holds apprise URLs, separated by spaces: they are secrets, which do not belong in a file.
    `labels_waiting` is for traces and flipped cases that have waited for more than `labels_after_days`.
    """

    urls_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    on: tuple[AlertKind, ...] = get_args(AlertKind)
    labels_after_days: float = Field(3, gt=0)

    def urls(self, environ: Mapping[str, str] = os.environ) -> list[str]:
        """Return the addresses.

        Raises:
            SettingsError: no variable is named, or it is not set.
        """
        if self.urls_env is None:
            raise SettingsError(
                "Alerts are off: name a variable of the environment, which holds apprise URLs separated by spaces, in "
                "flywheel.yaml: `alerts: {urls_env: ALERT_URLS}`"
            )
        if not (found := environ.get(self.urls_env, "").split()):
            raise SettingsError(f"alerts.urls_env: the variable {self.urls_env} is not set, or is empty")
        return found


class ServeSettings(Section):
    """The live endpoint; the token comes from `FLYWHEEL_TOKEN` and is never printed.

    `url` is where people reach the pages of `flywheel serve`: links in the Dagster UI and in messages begin with it.
    """

    url: str = Field("http://127.0.0.1:4318", pattern=r"^https?://[\w.:\[\]-]+(/[\w./~-]*)?$", max_length=500)
    max_body_mb: float = Field(16, gt=0, le=1000)
    rotate_mb: float = Field(64, gt=0)
    rotate_seconds: float = Field(300, gt=0)
    token: SecretStr | None = None
