"""`flywheel.yaml` and `FLYWHEEL_*` variables -> `Settings`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.records import ROLES
from flywheel_pipeline.settings.models import AppSettings, LLMSettings, ModelsSettings
from flywheel_pipeline.settings.section import Section
from flywheel_pipeline.settings.steps import (
    AlertsSettings,
    AnnotateSettings,
    AutomationSettings,
    CaptureSettings,
    ClusterSettings,
    CredentialSettings,
    DeploySettings,
    EvaluateSettings,
    GateSettings,
    GoldenSettings,
    ImproveSettings,
    LabelsSettings,
    SampleSettings,
    ServeSettings,
)

SETTINGS_FILE = "flywheel.yaml"


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
    deploy: DeploySettings = DeploySettings()
    automation: AutomationSettings = AutomationSettings()
    alerts: AlertsSettings = AlertsSettings()
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
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(values, dict | None):
        raise SettingsError(f"{path} must be a mapping of sections, for example `app:`, not {type(values).__name__}")
    if "home" in (values or {}):
        raise SettingsError(f"{path}: unknown key `home`; the home is the folder of this file")
    if isinstance(serve := (values or {}).get("serve"), dict) and "token" in serve:
        raise SettingsError(f"{path}: a token does not belong in a file: remove serve.token and set FLYWHEEL_TOKEN")
    if isinstance(alerts := (values or {}).get("alerts"), dict) and "://" in str(alerts.get("urls_env")):
        raise SettingsError(f"{path}: an alert URL does not belong in a file: alerts.urls_env names the variable")
    if isinstance(deploy := (values or {}).get("deploy"), dict) and "credentials" in deploy:
        names = ", ".join(name.upper() for name in CredentialSettings.model_fields)
        raise SettingsError(f"{path}: credentials do not belong in a file: remove deploy.credentials and set {names}")
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
    known = {name: v for name in CredentialSettings.model_fields if (v := environ.get(name.upper(), "").strip())}
    if known and isinstance(merged.get("deploy") or {}, dict):
        merged["deploy"] = {**(merged.get("deploy") or {}), "credentials": known}
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
