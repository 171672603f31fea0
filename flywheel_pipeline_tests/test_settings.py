"""Settings come from the file and the environment, and a wrong one says what is wrong and where."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.records import ROLES
from flywheel_pipeline.settings import (
    RedactionKind,
    TraceFormat,
    load_settings,
)
from flywheel_pipeline.steps.capture.formats import FORMATS
from flywheel_pipeline.steps.capture.redact import KINDS as REDACTED

COVERS = ("settings/load.py", "settings/models.py", "settings/section.py", "settings/steps.py")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def write(home: Path, text: str) -> None:
    (home / "flywheel.yaml").write_text(text, encoding="utf-8")


def test_without_a_file_everything_has_a_default_and_no_model_needs_a_key(home: Path) -> None:
    settings = load_settings(home, {})
    assert settings.home == home
    assert {r: getattr(settings.models, r).model for r in ROLES} == {r: f"offline/{r}" for r in ROLES}
    assert settings.automation.default_status == "stopped"
    assert settings.automation.executor == "in_process"
    assert settings.capture.start_date is None and settings.capture.first_day == date(2023, 1, 1)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_an_empty_file_means_the_defaults(home: Path, text: str) -> None:
    write(home, text)
    assert load_settings(home, {}) == load_settings(home / "nowhere", {}).model_copy(update={"home": home})


def test_the_file_changes_what_it_names_and_nothing_else(home: Path) -> None:
    write(home, "app: {name: support}\ncapture:\n  start_date: 2025-06-01\nsample: {size: 7}\n")
    settings, default = load_settings(home, {}), load_settings(home / "nowhere", {})
    assert (settings.app.name, settings.sample.size) == ("support", 7)
    assert settings.capture.start_date == date(2025, 6, 1)
    assert settings.app.prompt_name == default.app.prompt_name
    assert settings.gate == default.gate


def test_the_home_comes_from_the_argument_then_the_environment_then_the_current_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    assert load_settings(None, {}).home == home / "data"
    assert load_settings(None, {"FLYWHEEL_HOME": ""}).home == home / "data"
    assert load_settings(None, {"FLYWHEEL_HOME": "elsewhere"}).home == home / "elsewhere"
    assert load_settings(home, {"FLYWHEEL_HOME": "elsewhere"}).home == home


def test_a_model_is_a_name_or_a_name_with_its_place(home: Path) -> None:
    write(home, 'models:\n  judge: a/b\n  app: {model: openai/m, api_base: "http://x/v1", temperature: 1}\n')
    models = load_settings(home, {}).models
    assert (models.judge.model, models.judge.api_base, models.judge.temperature) == ("a/b", None, 0)
    assert (models.app.model, models.app.api_base, models.app.temperature) == ("openai/m", "http://x/v1", 1)
    assert models.taxonomy.model == "offline/taxonomy"


def test_one_variable_sets_the_model_of_every_role_over_the_file(home: Path) -> None:
    write(home, "models: {judge: a/b}\n")
    models = load_settings(home, {"FLYWHEEL_MODEL": "x/y"}).models
    assert {getattr(models, r).model for r in ROLES} == {"x/y"}


@pytest.mark.parametrize("role", ROLES)
def test_the_variable_of_a_role_wins_over_the_one_for_all(home: Path, role: Any) -> None:
    models = load_settings(home, {"FLYWHEEL_MODEL": "x/y", f"FLYWHEEL_{role.upper()}_MODEL": "r/s"}).models
    assert {r: getattr(models, r).model for r in ROLES} == {r: "r/s" if r == role else "x/y" for r in ROLES}


def test_the_variable_of_one_role_leaves_the_others_to_the_file(home: Path) -> None:
    write(home, "models: {judge: a/b, app: c/d}\n")
    models = load_settings(home, {"FLYWHEEL_APP_MODEL": "x/y", "FLYWHEEL_MODEL": ""}).models
    assert (models.app.model, models.judge.model, models.improver.model) == ("x/y", "a/b", "offline/improver")


def test_automation_and_executor_come_from_the_environment_over_the_file(home: Path) -> None:
    write(home, "automation: {executor: in_process, settle_seconds: 1}\n")
    environ = {"FLYWHEEL_AUTOMATION": "running", "FLYWHEEL_EXECUTOR": "multiprocess"}
    automation = load_settings(home, environ).automation
    assert (automation.default_status, automation.executor) == ("running", "multiprocess")
    assert automation.settle_seconds == 1


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("aap: {name: x}", "aap", "app"),
        ("gate: {margins: 0.1}", "gate.margins", "max_probability_worse"),
        ("models: {juge: a/b}", "models.juge", "improver"),
        ("models: {judge: {model: a/b, api_bas: x}}", "models.judge.api_bas", "api_base"),
    ],
)
def test_an_unknown_key_is_named_with_the_allowed_ones(home: Path, text: str, key: str, allowed: str) -> None:
    write(home, text)
    with pytest.raises(SettingsError) as error:
        load_settings(home, {})
    line = next(line for line in str(error.value).splitlines() if line.startswith(f"  {key}: "))
    assert "unknown key" in line
    assert allowed in line.split("allowed keys: ")[1].split(", ")
    assert str(home / "flywheel.yaml") in str(error.value)


def test_the_home_is_no_key_of_the_file(home: Path) -> None:
    write(home, "home: elsewhere\n")
    with pytest.raises(SettingsError, match="`home`"):
        load_settings(home, {})
    write(home, "hom: elsewhere\n")
    with pytest.raises(SettingsError) as error:
        load_settings(home, {})
    assert "home" not in str(error.value).split("allowed keys: ")[1].split(", ")


@pytest.mark.parametrize(
    ("text", "key", "got"),
    [
        ("sample: {size: 0}", "sample.size", "0"),
        ("sample: {size: many}", "sample.size", "'many'"),
        ("gate: {margin: 1.5}", "gate.margin", "1.5"),
        ("gate: {margin: .nan}", "gate.margin", "nan"),
        ("capture: {start_date: yesterday}", "capture.start_date", "'yesterday'"),
        ("capture: {max_line_mb: .inf}", "capture.max_line_mb", "inf"),
        ("models: {judge: ''}", "models.judge.model", "''"),
        ("models: {judge: 3}", "models.judge", "3"),
        ("automation: {executor: celery}", "automation.executor", "'celery'"),
        ("app: text", "app", "'text'"),
        ("app: {1: x}", "app.1", "1"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(home: Path, text: str, key: str, got: str) -> None:
    write(home, text)
    with pytest.raises(SettingsError) as error:
        load_settings(home, {})
    assert f"  {key}: " in str(error.value)
    assert f"(got {got})" in str(error.value)


def test_all_wrong_settings_are_named_at_once(home: Path) -> None:
    write(home, "sample: {size: 0, sizes: 1}\nllm: {retries: -1}\n")
    with pytest.raises(SettingsError, match=r"3 wrong setting") as error:
        load_settings(home, {})
    assert all(key in str(error.value) for key in ("sample.size:", "sample.sizes:", "llm.retries:"))


@pytest.mark.parametrize("environ", [{"FLYWHEEL_AUTOMATION": "on"}, {"FLYWHEEL_EXECUTOR": "celery"}])
def test_a_wrong_variable_is_an_error_that_gives_its_value(home: Path, environ: Any) -> None:
    (value,) = environ.values()
    with pytest.raises(SettingsError, match=value):
        load_settings(home, environ)


@pytest.mark.parametrize(
    "content",
    [b"app: [", b"app: {name: x", b"\tapp: 1", b"app: \xff\xfe", b"a: b: c", b"capture: {start_date: 2025-06-31}"],
)
def test_a_file_that_is_not_yaml_is_an_error_that_names_the_file(home: Path, content: bytes) -> None:
    (home / "flywheel.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"flywheel\.yaml"):
        load_settings(home, {})


@pytest.mark.parametrize(("text", "kind"), [("- app\n- models\n", "list"), ("just text", "str"), ("42", "int")])
def test_a_file_that_is_not_a_mapping_is_an_error_that_says_so(home: Path, text: str, kind: str) -> None:
    write(home, text)
    with pytest.raises(SettingsError, match=f"mapping.*{kind}"):
        load_settings(home, {})


@pytest.mark.parametrize("environ", [{}, {"FLYWHEEL_MODEL": "x/y", "FLYWHEEL_EXECUTOR": "multiprocess"}])
@pytest.mark.parametrize("text", ["models: 3", "models: [a]", "automation: 3", "automation: [a]", "1: x"])
def test_a_section_of_the_wrong_kind_is_an_error_whatever_the_environment_says(
    home: Path, text: str, environ: Any
) -> None:
    write(home, text)
    with pytest.raises(SettingsError, match=text.split(":")[0]):
        load_settings(home, environ)


def test_settings_cannot_be_changed_after_reading(home: Path) -> None:
    settings = load_settings(home, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.sample.size = 3  # type: ignore[misc]


def test_a_source_may_name_each_format_and_redact_each_kind_that_there_is() -> None:
    assert {f.NAME for f in FORMATS} == set(get_args(TraceFormat))
    assert set(REDACTED) == set(get_args(RedactionKind))


def test_an_unknown_format_is_reported_with_those_that_are_known(home: Path) -> None:
    write(home, "capture: {sources: [{files: '*', format: langfoose}]}")
    with pytest.raises(SettingsError, match=r"(?s)capture\.sources.*format.*langfuse"):
        load_settings(home, {})


@pytest.mark.parametrize(
    ("models", "generator"),
    [
        ("{}", "offline/generator"),
        ("{improver: a/b}", "a/b"),
        ("{improver: {model: a/b, max_tokens: 9}}", "a/b"),
        ("{improver: offline/improver}", "offline/generator"),
        ("{improver: a/b, generator: c/d}", "c/d"),
    ],
)
def test_a_real_improver_writes_the_test_cases_unless_a_generator_is_named(
    tmp_path: Path, models: str, generator: str
) -> None:
    (tmp_path / "flywheel.yaml").write_text(f"models: {models}")
    assert load_settings(tmp_path, {}).models.generator.model == generator


def test_a_rule_on_values_that_no_dimension_has_is_refused(tmp_path: Path) -> None:
    golden = "{dimensions: {feature: [a, b], persona: [x]}, invalid: [{feature: a, persona: %s}]}"
    (tmp_path / "flywheel.yaml").write_text(f"golden: {golden % 'x'}")
    assert load_settings(tmp_path, {}).golden.invalid == ({"feature": "a", "persona": "x"},)
    (tmp_path / "flywheel.yaml").write_text(f"golden: {golden % 'y'}")
    with pytest.raises(SettingsError, match="persona: y"):
        load_settings(tmp_path, {})


@pytest.mark.parametrize("name", ["auto", "tfidf", "minilm", "litellm:openai/text-embedding-3-small"])
def test_an_embedder_is_one_of_ours_or_any_of_litellm(name: str, tmp_path: Path) -> None:
    (tmp_path / "flywheel.yaml").write_text(f"cluster: {{embedder: '{name}'}}")
    assert load_settings(tmp_path, {}).cluster.embedder == name


@pytest.mark.parametrize("name", ["bert", "litellm:", ""])
def test_an_unknown_embedder_is_reported(name: str, tmp_path: Path) -> None:
    (tmp_path / "flywheel.yaml").write_text(f"cluster: {{embedder: '{name}'}}")
    with pytest.raises(SettingsError, match=r"cluster\.embedder"):
        load_settings(tmp_path, {})
