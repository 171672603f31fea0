"""`flywheel prompt`, `promote` and `rollback` on a home."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.cli import main
from flywheel_pipeline_tests.builders import a_candidate
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("flows/deploy.py",)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(main, [words[0], "--home", str(place.root), *words[1:]])


def set_prompt(place: Place, text: str) -> str:
    file = place.root.parent / "prompt.txt"
    file.write_text(text, "utf-8")
    done = run(place, "prompt", str(file))
    assert done.exit_code == 0, done.output
    return done.output.split()[0]


def test_a_text_becomes_the_production_prompt_and_the_one_before_can_be_restored(place: Place) -> None:
    first, second = set_prompt(place, "Be kind.\n"), set_prompt(place, "Be brief.\n")
    assert place.bench.registry.history() == [first, second]
    done = run(place, "rollback")
    assert done.exit_code == 0 and done.output.startswith(first)
    production = place.bench.registry.production()
    assert production and production.text == "Be kind."


def test_a_candidate_is_promoted_only_if_the_gate_let_it_ship(place: Place) -> None:
    base = set_prompt(place, "Be kind.")
    place.bench.registry.add(place.bench.registry.get(base))
    refused = a_candidate(candidate_id="c-held", base_version=base, decision="hold", reason="cannot tell")
    place.lake.write("prompt_candidate", [refused])
    done = run(place, "promote", "c-held")
    assert done.exit_code == 1 and "may not ship: hold, cannot tell" in done.output
    assert place.bench.registry.history() == [base]
    assert "No candidate has passed the gate" in run(place, "promote").output


def test_an_empty_prompt_and_a_missing_home_are_refused(place: Place) -> None:
    file = place.root.parent / "empty.txt"
    file.write_text(" \n", "utf-8")
    assert "The prompt is empty" in run(place, "prompt", str(file)).output
    nowhere = CliRunner().invoke(main, ["rollback", "--home", str(place.root / "nowhere")])
    assert nowhere.exit_code == 1 and "flywheel init" in nowhere.output
