"""What is promoted is published; what fails is reported, tried again, and moves nothing here."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.cli import main
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.flows.deploy.promote import Mover, promote_candidate, roll_back
from flywheel_pipeline.flows.deploy.publish import last_publications, publish_production, unpublished
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.adapters.publish.registries import FakeLangfuse, serving
from flywheel_pipeline_tests.builders import a_candidate, a_prompt
from flywheel_pipeline_tests.homes import Place, a_home

OLD, NEW = a_prompt("Be kind."), a_prompt("Be brief.")
KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-not-to-be-seen"}
MIRA = Mover("mira", "to see")


@pytest.fixture
def registry() -> Iterator[FakeLangfuse]:
    registry = FakeLangfuse()
    with serving(registry):
        yield registry


THERE: dict[str, Any] = {"name": "fern", "version": 1, "labels": ["production"]}


@pytest.fixture
def place(tmp_path: Path, registry: FakeLangfuse) -> Place:
    place = a_home(tmp_path / "home")
    publish = f"deploy: {{publish: [{{to: langfuse, url: '{registry.url}', name: fern}}]}}\n"
    (place.root / "flywheel.yaml").write_text(f"automation: {{settle_seconds: 0}}\n{publish}")
    for prompt in (OLD, NEW):
        place.bench.registry.add(prompt)
    place.bench.registry.promote(OLD.version)
    ships = a_candidate(candidate_id=NEW.version, base_version=OLD.version, decision="ship", reason="13 fixed")
    place.lake.write("prompt_candidate", [ships])
    return place


def bench(place: Place) -> Workbench:
    return Workbench(load_settings(place.root, KEYS))


def publish(place: Place, *words: str) -> Result:
    return CliRunner(env=KEYS).invoke(main, ["prompts", "publish", "--home", str(place.root), *words])


def log(place: Place) -> list[dict[str, object]]:
    return place.lines("prompts/published.jsonl")


def test_a_promoted_prompt_is_published_once_and_a_rollback_points_back(place: Place, registry: FakeLangfuse) -> None:
    promote_candidate(bench(place), None, MIRA)
    assert registry.production == NEW.text and registry.versions[0]["config"]["flywheel_version"] == NEW.version
    for _ in range(2):
        assert publish(place).exit_code == 0
    assert (len(registry.versions), len(log(place))) == (1, 1)
    roll_back(bench(place), MIRA)
    assert registry.production == OLD.text and len(registry.versions) == 2
    assert [p.remote for p in last_publications(bench(place))] == ["2"]
    assert unpublished(bench(place)) == []


def test_a_failure_is_reported_and_tried_again_and_production_here_stays(place: Place, registry: FakeLangfuse) -> None:
    registry.faults = [("POST", 500), ("GET", 401)]
    registry.faults.reverse()
    assert promote_candidate(bench(place), None, MIRA) == NEW.version
    assert place.bench.registry.history()[-1] == NEW.version
    (missing,) = unpublished(bench(place))
    assert "answered 401" in missing.problem
    failed = publish(place)
    assert failed.exit_code == 1 and "answered 500" in failed.output and "tries again" in failed.output
    assert publish(place).exit_code == 0 and registry.production == NEW.text
    assert unpublished(bench(place)) == []
    assert "sk-not" not in json.dumps(log(place)) + failed.output


def test_what_somebody_has_changed_there_is_not_overwritten_unasked(place: Place, registry: FakeLangfuse) -> None:
    promote_candidate(bench(place), None, MIRA)
    registry.versions.append({"name": "fern", "version": 2, "labels": ["production"], "prompt": "A hot fix."})
    registry.versions[0]["labels"] = []
    refused = publish(place)
    assert refused.exit_code == 1 and "nothing was overwritten" in refused.output
    assert registry.production == "A hot fix."
    assert publish(place, "--overwrite").exit_code == 0
    assert registry.production == NEW.text and len(registry.versions) == 2


def test_a_prompt_of_another_app_under_the_name_is_not_overwritten_unasked(
    place: Place, registry: FakeLangfuse
) -> None:
    registry.versions.append({**THERE, "prompt": "The prompt of another team."})
    promote_candidate(bench(place), None, MIRA)
    assert registry.production == "The prompt of another team."
    assert "none of this registry" in publish(place).output
    assert publish(place, "--overwrite").exit_code == 0
    assert registry.production == NEW.text


def test_a_prompt_that_is_in_the_registry_here_is_replaced_at_the_first_publication(
    place: Place, registry: FakeLangfuse
) -> None:
    registry.versions.append({**THERE, "prompt": OLD.text})
    promote_candidate(bench(place), None, MIRA)
    assert registry.production == NEW.text


def test_without_a_place_nothing_is_published_and_without_a_promotion_nothing_is_missing(place: Place) -> None:
    assert unpublished(bench(place)) == []
    (place.root / "flywheel.yaml").write_text("")
    assert publish_production(bench(place)) == []
    assert "Nothing is configured" in publish(place).output


def test_credentials_and_addresses_with_some_are_refused_in_the_file(place: Place) -> None:
    for text in (
        "deploy: {credentials: {agenta_api_key: abc}}",
        "deploy: {publish: [{to: mlflow, url: 'http://me:abc@127.0.0.1'}]}",
    ):
        (place.root / "flywheel.yaml").write_text(text)
        with pytest.raises(SettingsError, match=r"deploy\.(credentials|publish)"):
            load_settings(place.root, {})
    (place.root / "flywheel.yaml").write_text("")
    assert "sk-not" not in str(load_settings(place.root, KEYS).model_dump(mode="json"))


def test_a_branch_of_a_repository_beside_the_home(place: Place) -> None:
    repository = place.root.parent / "app"
    subprocess.run(["git", "init", "-q", str(repository)], check=True, env={**os.environ, "HOME": str(place.root)})
    section = "{to: git, repository: ../app, branch: release, name: fern}"
    (place.root / "flywheel.yaml").write_text(f"deploy: {{publish: [{section}]}}\n")
    promote_candidate(bench(place), None, MIRA)
    shown = subprocess.run(
        ["git", "-C", str(repository), "show", "release:prompts/fern.md"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == f"{NEW.text}\n"
