"""The checks of the golden set fail on a leak, and not on what only looks like one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE as FILE
from flywheel_pipeline.defs.checks.golden import (
    enough_happy_paths,
    golden_file_only_grew,
    no_test_text_is_seen,
)
from flywheel_pipeline.defs.checks.improve import candidate_holds_no_test_text
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden import addition, dump_case
from flywheel_pipeline_tests.builders import a_candidate, a_case, a_prompt
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = (
    "defs/checks/improve.py",
    "flows/golden/leaks.py",
)

ASKED = "My green hub beeps three times whenever it rains outside, why?"
TEST = a_case(case_id="g-test", input=ASKED, family="f-test", split="test")
TRAIN = a_case(case_id="g-train", input="Is there a student discount?", family="f-train", split="train")
BASE = a_prompt("You help the customers of a shop for garden hubs.")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    golden(place, TEST, TRAIN)
    produce(place, BASE.text)
    return place


def golden(place: Place, *cases: GoldenCase) -> None:
    place.lake.write("golden_set", list(cases))


def produce(place: Place, text: str) -> None:
    prompt = a_prompt(text)
    place.bench.registry.add(prompt)
    place.bench.registry.promote(prompt.version)


def judge_by(place: Place, *remarks: str) -> None:
    members = [
        {"trace_id": f"x{i}", "text": text, "assigned_by": "HUMAN", "confidence": 1.0} for i, text in enumerate(remarks)
    ]
    modes = [{"mode_id": "fm-1", "name": "Made up", "definition": "d", "status": "accepted", "members": members}]
    place.bench.home.write_yaml("taxonomy/failure_modes.yaml", {"modes": modes})


def seen(place: Place) -> dg.AssetCheckResult:
    result = no_test_text_is_seen(place.bench)
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_a_fresh_home_and_a_clean_one_pass(place: Place, tmp_path: Path) -> None:
    assert seen(place).passed
    assert seen(a_home(tmp_path / "fresh")).passed


def test_a_test_question_in_the_production_prompt_is_found(place: Place) -> None:
    produce(place, f"{BASE.text} For example: {ASKED}")
    found = seen(place)
    assert not found.passed
    assert "g-test is in the production prompt" in (found.description or "")
    assert "retire" in (found.description or "")


def test_what_the_first_production_prompt_said_is_no_leak(tmp_path: Path) -> None:
    place = a_home(tmp_path / "other")
    golden(place, TEST)
    produce(place, f"Be kind. {ASKED}")
    produce(place, f"Be brief. {ASKED}")
    assert seen(place).passed


def test_a_test_case_among_a_judges_examples_is_found(place: Place) -> None:
    golden(place, TEST, replace(TRAIN, source_trace_id="x0"))
    judge_by(place, "made up a feature")
    assert seen(place).passed
    judge_by(place, f"It made something up when asked: {ASKED}")
    assert "judge:fm-1" in (seen(place).description or "")


@pytest.mark.parametrize("twin", [ASKED.upper(), f"Hello, a question about my garden at home. {ASKED}"])
def test_a_near_duplicate_in_the_train_split_is_found(place: Place, twin: str) -> None:
    golden(place, TEST, a_case(case_id="g-twin", input=twin, family="f-2", split="train"))
    assert "g-test is in the train case g-twin" in (seen(place).description or "")


def test_a_retired_case_leaks_no_more(place: Place) -> None:
    twin = a_case(case_id="g-twin", input=ASKED, family="f-2", split="train", status="retired")
    golden(place, TEST, twin)
    assert seen(place).passed


def test_two_short_questions_that_share_a_few_words_are_no_leak(place: Place) -> None:
    golden(
        place,
        a_case(case_id="g-1", input="How do I reset my password on the phone", family="f-1", split="test"),
        a_case(case_id="g-2", input="How do I reset my password after it was locked", family="f-2", split="train"),
    )
    assert seen(place).passed


@pytest.mark.parametrize(("decision", "passed"), [("ship", False), ("hold", False), ("reject", True)])
def test_a_candidate_with_a_test_question_is_found_unless_the_gate_rejected_it(
    place: Place, decision: str, passed: bool
) -> None:
    place.lake.write("prompt_candidate", [a_candidate(text=f"{BASE.text} {ASKED}", decision=decision)])
    result = candidate_holds_no_test_text(place.bench)
    assert isinstance(result, dg.AssetCheckResult) and result.passed == passed


def test_too_few_happy_paths_are_a_warning_with_their_number(place: Place) -> None:
    result = enough_happy_paths(place.bench)
    assert isinstance(result, dg.AssetCheckResult)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "label 2 more passing traces" in (result.description or "")
    golden(place, TEST, a_case(case_id="g-h", kind="happy_path", mode_id=None))
    result = enough_happy_paths(place.bench)
    assert isinstance(result, dg.AssetCheckResult) and result.passed


def test_a_line_of_the_file_that_was_changed_is_reported_with_its_version(place: Place) -> None:
    lines = addition([], [dump_case(TEST)])
    place.append(FILE, lines)
    before = golden_file_only_grew(place.bench)
    assert isinstance(before, dg.AssetCheckResult) and before.passed
    path = place.root / FILE
    path.write_text("".join(json.dumps({**r, "criteria": "x"} if "input" in r else r) + "\n" for r in lines))
    result = golden_file_only_grew(place.bench)
    assert isinstance(result, dg.AssetCheckResult)
    assert not result.passed and lines[-1]["version"] in (result.description or "")
