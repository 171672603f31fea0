"""`flywheel gate`: the table of a home and of none, and real outcomes from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.cli import main
from flywheel_pipeline.commands.gate import characteristic
from flywheel_pipeline.commands.summary import decision_lines, summarize
from flywheel_pipeline.defs.instance import open_instance
from flywheel_pipeline.flows.evaluate import judges_of
from flywheel_pipeline.flows.flips import flips_to_label
from flywheel_pipeline.flows.simulate import gate_at_home
from flywheel_pipeline.steps.improve.characteristic import WORLDS
from flywheel_pipeline_tests.builders import a_candidate, a_case, an_alignment
from flywheel_pipeline_tests.flows.comparing import BETTER, a_home_with_flips, label_all
from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode, known, put_taxonomy
from flywheel_pipeline_tests.steps.improve.gates import a_gate

COVERS = ("commands/gate.py", "flows/simulate.py")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "home").mkdir()
    return Place(tmp_path / "home")


def flywheel(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def outcomes(path: Path, n: int = 120) -> Path:
    rng = np.random.default_rng(1)
    rows = [f"{i},{'ab'[i % 2]},{int(rng.random() < 0.6)},{int(rng.random() < 0.9)}" for i in range(n)]
    path.write_text("\n".join(["case,mode,old,new", *rows]), "utf-8")
    return path


def test_the_table_has_a_column_for_the_homes_own_test_cases_and_rows_for_its_judges(place: Place) -> None:
    cases = [a_case(case_id=f"g-{i}", split="test", mode_id="fm-1", family=f"f{i // 2}") for i in range(12)]
    happy = [a_case(case_id=f"h-{i}", split="test", kind="happy_path", mode_id=None, family=f"h{i}") for i in range(8)]
    place.lake.write("golden_set", [*cases, *happy, a_case(case_id="g-train", split="train")])
    put_taxonomy(place, known(a_mode("fm-1", "t1")))
    version = judges_of(place.bench)[0].version(place.bench.model_name("judge"))
    place.lake.write("judge_alignment", [an_alignment(production_fail_recall=0.9, evaluator_version=version)])
    lines = list(characteristic(gate_at_home(place.root), 30))
    assert lines[0] == "20 test cases in 14 families; own cases of modes: [12]; judges 1.00/0.90"
    assert "here" in lines[1] and "n=200" in lines[1]
    assert len(lines) == 2 + len(WORLDS) + 3 + 1
    assert any(line.startswith("+15, this home's judges") for line in lines)


def test_a_judge_that_changed_since_it_was_measured_has_no_say(place: Place) -> None:
    place.lake.write("golden_set", [a_case(split="test")])
    put_taxonomy(place, known(a_mode("fm-1", "t1")))
    place.lake.write("judge_alignment", [an_alignment(evaluator_version="before")])
    assert "no judge may decide yet" in gate_at_home(place.root).described


def test_a_home_without_test_cases_has_the_usual_columns_only(place: Place) -> None:
    found = gate_at_home(place.root)
    assert (found.layout, found.worlds) == (None, ())
    assert "no test cases yet" in found.described


def test_the_gate_is_the_one_of_the_settings_and_consent_is_by_name_or_id(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("gate: {consent: [fm-1, Rude], judges_alone: true}", "utf-8")
    gate = gate_at_home(place.root).gate
    assert gate.judges_alone and gate.consent == ("fm-1", "Rude")
    assert replace(gate, judges_alone=False, consent=()) == a_gate()


def test_a_home_that_is_named_must_be_there(tmp_path: Path) -> None:
    done = flywheel("gate", "simulate", "--home", str(tmp_path / "none"))
    assert done.exit_code == 1 and "no flywheel home" in done.output


def test_pairs_of_a_file_are_replayed_with_and_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLYWHEEL_HOME", raising=False)
    done = flywheel("gate", "replay", str(outcomes(tmp_path / "x.csv")), "--runs", "60")
    assert done.exit_code == 0, done.output
    assert "x.csv: % of draws of n cases" in done.output
    assert "old -> new" in done.output and "old -> old, half repaired" in done.output


@pytest.mark.parametrize(
    ("text", "reported"), [("a,b\n1,2\n", "columns"), ("case,mode,x,y\n1,a,1,9\n", "Line 2: y is '9'")]
)
def test_a_file_that_is_no_table_of_outcomes_is_refused_by_name(tmp_path: Path, text: str, reported: str) -> None:
    (tmp_path / "bad.csv").write_text(text, "utf-8")
    done = flywheel("gate", "replay", str(tmp_path / "bad.csv"))
    assert done.exit_code == 1
    assert "bad.csv" in done.output and reported in done.output


def test_too_few_cases_are_said_to_be_too_few(tmp_path: Path) -> None:
    assert "fewer than 100 cases" in flywheel("gate", "replay", str(outcomes(tmp_path / "x.csv", 20))).output


def test_labels_says_what_the_gate_waits_for_and_decide_runs_it_again(tmp_path: Path) -> None:
    place = a_home_with_flips(tmp_path / "home")
    home = ("--home", str(place.root))
    asked = flywheel("gate", "labels", *home)
    assert asked.exit_code == 0 and "0 of 20 flipped cases" in asked.output
    assert (
        "http://127.0.0.1:4318/label/" in asked.output and f"`flywheel gate decide --home {place.root}`" in asked.output
    )
    label_all(place, flips_to_label(place.bench))
    assert "20 of 20 flipped cases" in flywheel("gate", "labels", *home).output
    decided = flywheel("gate", "decide", *home)
    assert decided.exit_code == 0 and ": SHIP" in decided.output
    with open_instance(place.root) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("prompt_candidate"))
    assert event and event.asset_materialization
    assert "ship" in str(event.asset_materialization.metadata["decision"].value)
    assert flywheel("gate", "labels", *home).output == "The gate asks for no labels of flipped cases.\n"


def test_decide_without_a_candidate_says_how_to_get_one(place: Place) -> None:
    done = flywheel("gate", "decide", "--home", str(place.root))
    assert done.exit_code == 1 and "flywheel run" in done.output


def test_the_summary_says_that_flips_wait_and_never_shows_an_earlier_decision_as_its_own(tmp_path: Path) -> None:
    place = a_home_with_flips(tmp_path / "home")
    decided, stopped = ("\n".join(summarize(place.bench, decided=d)) for d in (True, False))
    assert "HOLD" in decided and "20 flips are waiting on the labelling page" in decided
    assert "none: the run did not get as far as the gate" in stopped
    assert not any(word in stopped for word in (BETTER.version, "HOLD", "labelling page"))


def test_a_reason_is_not_broken_within_the_name_of_a_failure_mode(place: Place) -> None:
    reason = 'no judge agrees yet: label 3 more fails of "Claims it; does nothing"; see `judge_alignment`'
    place.lake.write("prompt_candidate", [a_candidate(decision="hold", reason=reason)])
    _, *parts = (line.strip() for line in decision_lines(place.bench))
    assert parts == ['no judge agrees yet: label 3 more fails of "Claims it; does nothing"', "see `judge_alignment`"]
