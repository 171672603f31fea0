"""`flywheel.yaml` and `FLYWHEEL_*` variables -> `Settings`; the only reader of the environment.

| variable | meaning |
|---|---|
| `FLYWHEEL_HOME` | the flywheel home; default `data` in the current folder |
| `FLYWHEEL_MODEL` | the model of every role |
| `FLYWHEEL_<ROLE>_MODEL` | the model of one role: `APP`, `JUDGE`, `TAXONOMY`, `IMPROVER`, `GENERATOR` |
| `FLYWHEEL_AUTOMATION` | `running`: schedules and sensors start switched on |
| `FLYWHEEL_EXECUTOR` | `in_process` or `multiprocess` |
| `FLYWHEEL_TOKEN` | what clients of `flywheel serve` must send: `Authorization: Bearer <token>`; never in the file |
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.records import ROLES

SETTINGS_FILE = "flywheel.yaml"


class Section(BaseModel):
    """A part of `flywheel.yaml`; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSettings(Section):
    """An endpoint that answers as the app; `${NAME}` in a header is a variable of the environment."""

    url: str = Field(pattern=r"^https?://")
    body: dict[str, Any] = {"prompt": "{{prompt}}", "messages": "{{messages}}"}
    response: str = ""
    headers: dict[str, str] = {}
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
    parameters: dict[str, Any] = {}
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
    `daily_budget_usd` and `daily_max_calls` all that a home spends in 24 hours. An evaluation that is estimated to
    cost more than `max_estimate_usd` does not start.
    """

    concurrency: int = Field(16, ge=1, le=512)
    retries: int = Field(4, ge=0, le=10)
    timeout_seconds: float = Field(60, gt=0, le=3600)
    budget_usd: float = Field(5.0, ge=0)
    max_calls: int = Field(0, ge=0)
    daily_budget_usd: float = Field(0.0, ge=0)
    daily_max_calls: int = Field(0, ge=0)
    max_estimate_usd: float = Field(0.0, ge=0)


TraceFormat = Literal[
    "chat", "otlp", "otlp_logs", "jaeger", "logfire", "litellm", "langsmith", "mlflow", "opik", "langfuse",
    "braintrust", "agenta", "otel_sdk", "bedrock", "gemini", "anthropic", "ollama", "cohere", "openai", "feedback",
    "table",
]  # fmt: skip
"""The names of the formats in `steps.capture.formats`; importing those here would slow every command."""


class SourceSettings(Section):
    """How certain landing files are read: `files` is a pattern such as `crm/*.csv`; the first that fits counts.

    `fields` maps ours to theirs, for example `input: question`; it is meant for files of no known format.
    """

    files: str
    format: TraceFormat | None = None
    fields: dict[str, str] = {}


RedactionKind = Literal["email", "phone", "card", "iban", "ip", "secret"]


class CaptureSettings(Section):
    """What counts as a trace, how it is read, and what of it is not kept.

    `scales` are those of users' scores by name, where files do not show them: `rating: [1, 5]`, or `grade: [6, 1]`,
    where low is good.
    """

    start_date: date = date(2023, 1, 1)
    max_line_mb: float = Field(16, gt=0, le=1000)
    max_document_mb: float = Field(200, gt=0, le=2000)
    max_reject_share: float = Field(0.01, ge=0, le=1)
    sources: tuple[SourceSettings, ...] = ()
    scales: dict[str, tuple[float, float]] = {}
    redact: tuple[RedactionKind, ...] = ("email", "phone", "card", "iban", "ip", "secret")
    redact_salt: SecretStr = SecretStr("")
    retention_days: int | None = Field(None, ge=1)


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
    "first_failure_step", "severity", "rubric_version", "is_repeat", "exported", "extra",
]  # fmt: skip
"""The columns of a label file in `steps.annotate.columns`; importing those here would slow every command."""


class LabelsSettings(Section):
    """How label files are read.

    `columns` maps our columns to those of the files (or the names of scores), or to null where the files have none;
    columns that it does not name are recognised by their usual names.
    """

    columns: dict[LabelColumn, str | None] = {}


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
    """How often the app is asked every case, and how often a judge every answer, at most."""

    repeats: int = Field(1, ge=1, le=100)
    judge_repeats: int = Field(1, ge=1, le=25)


class ImproveSettings(Section):
    """How prompts are proposed."""

    few_shot_examples: int = Field(3, ge=0, le=10)
    max_modes: int = Field(8, ge=1)


class GateSettings(Section):
    """When a candidate may ship (probabilities are posterior, margins are differences of pass rates).

    `consent` names the failure modes that may ship although too few own test cases guard them; `judges_alone: true`
    ships without the expert's labels of the flipped cases.
    """

    min_probability_better: float = Field(0.98, gt=0.5, lt=1)
    margin: float = Field(0.10, gt=0, lt=1)
    max_probability_worse: float = Field(0.005, gt=0, lt=1)
    min_cases_per_mode: int = Field(10, ge=1)
    min_coverage: float = Field(0.95, ge=0, le=1)
    max_growth: float = Field(1.2, ge=1)
    max_prompt_characters: int = Field(20_000, ge=1)
    consent: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    judges_alone: bool = False


class AutomationSettings(Section):
    """Schedules and sensors."""

    default_status: Literal["stopped", "running"] = "stopped"
    settle_seconds: float = Field(5, ge=0)
    sensor_seconds: int = Field(30, ge=1)
    capture_cron: str = "0 1 * * *"
    evals_cron: str = "0 2 * * *"
    executor: Literal["in_process", "multiprocess"] = "in_process"


class ServeSettings(Section):
    """The live endpoint; the token comes from `FLYWHEEL_TOKEN` and is never printed."""

    max_body_mb: float = Field(16, gt=0, le=1000)
    rotate_mb: float = Field(64, gt=0)
    rotate_seconds: float = Field(300, gt=0)
    token: SecretStr | None = None


class Settings(Section):
    """All settings of one flywheel home."""

    home: Path
    app: AppSettings = AppSettings()
    models: ModelsSettings = ModelsSettings()
    llm: LLMSettings = LLMSettings()
    capture: CaptureSettings = CaptureSettings()
    sample: SampleSettings = SampleSettings()
    annotate: AnnotateSettings = AnnotateSettings()
    labels: LabelsSettings = LabelsSettings()
    cluster: ClusterSettings = ClusterSettings()
    golden: GoldenSettings = GoldenSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    improve: ImproveSettings = ImproveSettings()
    gate: GateSettings = GateSettings()
    automation: AutomationSettings = AutomationSettings()
    serve: ServeSettings = ServeSettings()


def load_settings(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of `home` (default: `FLYWHEEL_HOME`, else `data`); a missing file means defaults.

    Raises:
        SettingsError: the file is not YAML, or a key or value is wrong.
    """
    home = (home or Path(environ.get("FLYWHEEL_HOME") or "data")).absolute()
    path = home / SETTINGS_FILE
    values = _read_yaml(path) if path.exists() else {}
    try:
        return Settings.model_validate({**_with_environment(values, environ), "home": home})
    except ValidationError as error:
        raise SettingsError(_explain(path, error)) from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(values, dict | None):
        raise SettingsError(f"{path} must be a mapping of sections, for example `app:`, not {type(values).__name__}")
    if "home" in (values or {}):
        raise SettingsError(f"{path}: unknown key `home`; the home is the folder of this file")
    if isinstance(serve := (values or {}).get("serve"), dict) and "token" in serve:
        raise SettingsError(f"{path}: a token does not belong in a file: remove serve.token and set FLYWHEEL_TOKEN")
    return values or {}


def _with_environment(values: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    merged = dict(values)
    names = {role: environ.get(f"FLYWHEEL_{role.upper()}_MODEL") or environ.get("FLYWHEEL_MODEL") for role in ROLES}
    if any(names.values()) and isinstance(merged.get("models", {}), dict):
        merged["models"] = {**(merged.get("models") or {}), **{r: m for r, m in names.items() if m}}
    for key, variable in (("default_status", "FLYWHEEL_AUTOMATION"), ("executor", "FLYWHEEL_EXECUTOR")):
        if environ.get(variable) and isinstance(merged.get("automation") or {}, dict):
            merged["automation"] = {**(merged.get("automation") or {}), key: environ[variable]}
    if (token := environ.get("FLYWHEEL_TOKEN", "").strip()) and isinstance(merged.get("serve") or {}, dict):
        merged["serve"] = {**(merged.get("serve") or {}), "token": token}
    return merged


def _explain(path: Path, error: ValidationError) -> str:
    lines = [f"{path} (or a FLYWHEEL_* variable) has {error.error_count()} wrong setting(s):"]
    for e in error.errors():
        keys = [str(k) for k in e["loc"]]
        hint = f"; allowed keys: {', '.join(_keys_of(keys[:-1]))}" if e["type"] == "extra_forbidden" else ""
        problem = "unknown key" if e["type"] == "extra_forbidden" else f"{e['msg']} (got {e['input']!r})"
        lines.append(f"  {'.'.join(keys)}: {problem}{hint}")
    return "\n".join(lines)


def _keys_of(path: list[str]) -> list[str]:
    section: Any = Settings
    for key in path:
        hint = section.model_fields[key].annotation
        section = next(
            (a for a in (hint, *get_args(hint)) if isinstance(a, type) and issubclass(a, BaseModel)), Section
        )
    return [k for k in section.model_fields if k != "home"]
