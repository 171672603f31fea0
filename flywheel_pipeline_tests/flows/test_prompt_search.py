"""The search on a home: its tree on record, its budget, and going on after it broke off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.commands.summary import decision_lines
from flywheel_pipeline.errors import BudgetError, SettingsError
from flywheel_pipeline.flows.improve import find_candidate
from flywheel_pipeline.flows.prompt_search import read_lineage
from flywheel_pipeline.records import Json, PromptTrial
from flywheel_pipeline_tests.builders import a_candidate, a_prompt_trial
from flywheel_pipeline_tests.flows.searching import a_home_to_improve
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("flows/prompt_search.py", "steps/improve/__init__.py")
CLAIM_NOTHING = "never say that you have done something"


def change(place: Place, **sections: dict[str, object]) -> None:
    path = place.root / "flywheel.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), **sections}), "utf-8")


def made(place: Place) -> int:
    return int(place.one("select count(*) from llm_calls where not cached"))


def tree(place: Place) -> list[PromptTrial]:
    return sorted(place.lake.read("prompt_trials", PromptTrial), key=lambda t: t.number)


@pytest.fixture(scope="module")
def improved(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = a_home_to_improve(tmp_path_factory.mktemp("improved") / "home")
    find_candidate(place.bench)
    return place


def test_the_best_prompt_carries_the_decision_and_every_new_line_its_reason(improved: Place) -> None:
    _, candidates = find_candidate(improved.bench)
    best = candidates[0]
    assert CLAIM_NOTHING in best.text and json.loads(best.evidence)["overall"]["fixed"] == 4
    (reason,) = json.loads(best.reasons)
    assert reason["line"] in best.text and (reason["mode_id"], reason["action"]) == ("fm-done", "added")
    assert reason["cases"] == ["train-0", "train-1", "train-2"]
    search = json.loads(best.evidence)["search"]
    assert (search["n_answers"], search["max_answers"]) == (9, 120)


def test_the_tree_is_on_record_and_printed(improved: Place) -> None:
    trials = tree(improved)
    assert [(t.status, t.n_fixed, t.pass_rate) for t in trials] == [("base", 0, 0.0), ("best", 6, 1.0)]
    done = CliRunner().invoke(main, ["prompts", "lineage", "--home", str(improved.root)])
    assert done.output.splitlines()[1].startswith(f"└─ {trials[1].version} reflective: best, 100% of 6 dev cases pass")
    assert "reflective: no failure mode fails any more on train or dev" in done.output


def test_the_test_split_is_read_for_the_best_alone(improved: Place) -> None:
    trials = tree(improved)
    reads = improved.lines("golden/test_reads.jsonl")
    assert {r["prompt_version"] for r in reads if r["by"] == "prompt_candidate"} == {trials[1].version}


def test_when_nothing_is_left_to_propose_the_reason_is_printed(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    assert read_lineage(place.bench) is None
    place.lake.write("prompt_candidate", [])
    why = "reflective: in round 1 the improver proposed nothing new"
    place.lake.write("prompt_trials", [a_prompt_trial(parent_version=None, status="base", improver="", reason=why)])
    assert decision_lines(place.bench) == [f"candidate  none: {why}"]


def test_the_candidate_that_was_evaluated_is_printed_first_and_few_of_the_others(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    refused = [a_candidate(candidate_id=f"a{i}", decision="reject", reason="it invents {{x}}") for i in range(4)]
    best = a_candidate(candidate_id="z", decision="hold", reason="too few", evidence=Json('{"overall": {}}'))
    place.lake.write("prompt_candidate", [*refused, best])
    lines = [line.strip() for line in decision_lines(place.bench)]
    assert lines[0] == "candidate  z: HOLD" and sum("REJECT" in line for line in lines) == 2
    assert "and 2 more that were held or rejected: `flywheel prompts lineage`" in lines


@pytest.mark.parametrize("improver", ["reflective", "gepa"])
def test_a_search_that_broke_off_goes_on_and_asks_for_nothing_twice(tmp_path: Path, improver: str) -> None:
    whole, broken = (a_home_to_improve(tmp_path / name, improvers=[improver]) for name in ("whole", "broken"))
    find_candidate(whole.bench)
    before = made(broken)
    change(broken, llm={"max_calls": 4, "concurrency": 1})
    with pytest.raises(BudgetError):
        find_candidate(broken.bench)
    assert made(broken) == before + 4
    assert not [t for t in tree(broken) if t.status in ("best", "evaluated")]
    change(broken, llm={"max_calls": 0})
    find_candidate(broken.bench)
    assert made(broken) == made(whole)
    texts = [[t.text for t in tree(p)] for p in (whole, broken)]
    assert texts[0] == texts[1] and CLAIM_NOTHING in texts[0][1]


def test_a_budget_too_small_for_one_round_is_refused_before_any_call(tmp_path: Path) -> None:
    place = a_home_to_improve(tmp_path / "home", improvers=["gepa"], max_answers=20)
    before = made(place)
    with pytest.raises(SettingsError, match="one full round of gepa on 6 dev cases takes 33 answers"):
        find_candidate(place.bench)
    assert made(place) == before
