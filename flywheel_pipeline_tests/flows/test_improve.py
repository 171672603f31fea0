"""The gate of a home decides again on the expert's labels of flipped cases, and calls nothing for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.flips import flips_to_label
from flywheel_pipeline.flows.improve import decide_on_labels, judgement_of
from flywheel_pipeline.records import Json
from flywheel_pipeline_tests.builders import a_prompt, an_alignment, an_eval_result
from flywheel_pipeline_tests.flows.comparing import BETTER, a_home_with_flips, answer_anew, candidate, label_all
from flywheel_pipeline_tests.homes import Place, a_home


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home_with_flips(tmp_path / "home")


def test_a_promising_candidate_is_held_until_the_expert_has_labelled_a_round_and_ships_then(place: Place) -> None:
    assert candidate(place).decision == "hold"
    assert "the expert has to confirm it" in candidate(place).reason
    label_all(place, flips_to_label(place.bench))
    decide_on_labels(place.bench)
    decided = candidate(place)
    assert decided.decision == "ship", decided.reason
    evidence = json.loads(decided.evidence)
    assert (evidence["n_labelled"], evidence["dev_pass_rate"]) == (20, 0.9)
    assert flips_to_label(place.bench) == []


def test_no_model_and_no_app_is_called_and_it_is_no_new_look_at_the_test_split(place: Place) -> None:
    label_all(place, flips_to_label(place.bench))
    decide_on_labels(place.bench)
    assert place.one("select count(*) from llm_calls") == 0
    assert json.loads(candidate(place).evidence)["look"] == 1
    assert place.lines("golden/test_reads.jsonl") == []


def test_a_part_of_a_round_decides_nothing_and_the_rest_is_asked_for(place: Place) -> None:
    asked = flips_to_label(place.bench)
    label_all(place, asked[:19])
    decide_on_labels(place.bench)
    assert candidate(place).decision == "hold"
    assert [f.case.case_id for f in flips_to_label(place.bench)] == [asked[19].case.case_id]


def test_what_the_expert_does_not_confirm_does_not_ship(place: Place) -> None:
    label_all(place, flips_to_label(place.bench), "pass", "pass")
    decide_on_labels(place.bench)
    assert candidate(place).decision == "hold"
    second = flips_to_label(place.bench)
    assert len(second) in (0, 20) and all(f.batch.endswith("-2") for f in second)


def test_labels_of_answers_that_have_changed_since_do_not_count(place: Place) -> None:
    asked = flips_to_label(place.bench)
    label_all(place, asked)
    answer_anew(place, BETTER.version, {asked[0].case.case_id})
    decide_on_labels(place.bench)
    decided = candidate(place)
    assert (decided.decision, json.loads(decided.evidence)["n_labelled"]) == ("hold", 19)


def test_a_candidate_against_an_earlier_production_prompt_is_not_decided_again(place: Place) -> None:
    place.lake.write("production_prompt", [a_prompt("Another prompt.")])
    with pytest.raises(HomeError, match="no candidate against the present production prompt"):
        decide_on_labels(place.bench)


def test_a_candidate_that_was_held_unevaluated_is_not_said_to_be_none(place: Place) -> None:
    why = "no judge agrees with the expert yet: label 3 more fails"
    place.lake.write("prompt_candidate", [replace(candidate(place), evidence=Json("{}"), reason=why)])
    with pytest.raises(HomeError, match=f"is held and was not evaluated .*{why}"):
        decide_on_labels(place.bench)


def test_a_pass_by_a_judge_that_changed_since_it_was_measured_is_no_outcome_for_the_gate(tmp_path: Path) -> None:
    place = a_home(tmp_path / "stale")
    place.lake.write("judge_alignment", [an_alignment(evaluator_version="measured")])
    read = judgement_of(place.bench)
    checked = an_eval_result(evaluator="answered", evaluator_version="1", annotator_kind="CODE")
    for version, outcomes in (("measured", {"g-1": 1.0}), ("changed", {})):
        rows = [checked, an_eval_result(evaluator_version=version)]
        assert read.cases(rows) == read.mode(rows, "judge:fm-1") == outcomes
