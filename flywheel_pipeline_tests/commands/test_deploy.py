"""`flywheel prompt`, `promote` and `rollback` on a home."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.cli import main
from flywheel_pipeline.flows.deploy.promote import promote_automatically
from flywheel_pipeline_tests.builders import a_candidate, a_prompt
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("flows/deploy/promote.py",)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(main, [words[0], "--home", str(place.root), *words[1:]])


def run_in(place: Place, *words: str) -> Result:
    return CliRunner().invoke(main, [words[0], words[1], "--home", str(place.root), *words[2:]])


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


def test_the_history_says_who_moved_which_label_and_why(place: Place) -> None:
    assert "No label has been moved yet." in run_in(place, "prompts", "history").output
    set_prompt(place, "Be kind.")
    file = place.root.parent / "prompt.txt"
    run(place, "prompt", str(file), "--by", "mira", "-m", "shorter")
    (line, again) = run_in(place, "prompts", "history").output.splitlines()
    assert "production" in line and "mira" in again and again.endswith("shorter")


def test_the_history_says_that_a_canary_ended(place: Place) -> None:
    first, second = set_prompt(place, "Be kind."), set_prompt(place, "Be brief.")
    assert "of sessions now" in run_in(place, "canary", "start", first).output
    run_in(place, "canary", "stop", "-m", "enough")
    began, ended = run_in(place, "prompts", "history").output.splitlines()[-2:]
    assert second in began and f"canary {first} on 10% of traffic" in began
    assert second in ended and "canary ended" in ended and ended.endswith("enough")


def test_a_label_is_pointed_at_a_version_and_removed(place: Place) -> None:
    first, second = set_prompt(place, "Be kind."), set_prompt(place, "Be brief.")
    assert f"staging points at {first} now" in run_in(place, "prompts", "label", "staging", first[:6]).output
    diff = run_in(place, "prompts", "diff", "staging", "production").output
    assert "-Be kind." in diff and "+Be brief." in diff and second in diff
    assert "The two are the same" in run_in(place, "prompts", "diff", "staging", first).output
    assert "moved by `flywheel promote" in run_in(place, "prompts", "label", "production", first).output
    assert "staging is removed" in run_in(place, "prompts", "label", "staging", "--remove").output
    assert "no label 'staging'" in run_in(place, "prompts", "label", "staging", "--remove").output
    assert run_in(place, "prompts", "label", "staging").exit_code == 2
    assert "staging" not in run_in(place, "prompts", "history", "--label", "production").output


def test_a_candidate_that_ships_is_promoted_by_a_run_only_where_the_settings_say_so(place: Place) -> None:
    base = set_prompt(place, "Be kind.")
    better = a_prompt("Be kind and brief.")
    place.bench.registry.add(better)
    place.lake.write(
        "prompt_candidate", [a_candidate(candidate_id=better.version, base_version=base, decision="ship", reason="ok")]
    )
    assert promote_automatically(place.bench) is None
    assert place.bench.registry.history() == [base]
    (place.root / "flywheel.yaml").write_text("deploy: {automatic: true}", "utf-8")
    assert promote_automatically(place.bench) == better.version
    assert place.bench.registry.labels().moves[-1].by == "the gate"
    assert promote_automatically(place.bench) is None


def test_a_gate_that_does_not_ship_leaves_production_where_it_is(place: Place) -> None:
    base = set_prompt(place, "Be kind.")
    (place.root / "flywheel.yaml").write_text("deploy: {automatic: true}", "utf-8")
    place.lake.write("prompt_candidate", [a_candidate(base_version=base, decision="hold", reason="cannot tell")])
    assert promote_automatically(place.bench) is None
    assert place.bench.registry.history() == [base]
