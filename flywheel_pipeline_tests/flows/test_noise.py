"""Asked afresh: a baseline beside the candidate, and the production prompt against itself, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home.files import TEST_READS_FILE
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.afresh import app_varies, first_repeat, outcomes_vary
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, n_looks, read_verdicts
from flywheel_pipeline.flows.improve import evaluate_baseline_afresh, is_fresh
from flywheel_pipeline.flows.noise import measure_noise
from flywheel_pipeline_tests.adapters.llm.scripted_server import Said, scripted_server
from flywheel_pipeline_tests.builders import a_mode, a_prompt, an_alignment
from flywheel_pipeline_tests.flows.test_engine import PROMPT, evaluate, evaluated_home, model, settings_of
from flywheel_pipeline_tests.homes import Place

COVERS = ("flows/afresh.py", "flows/noise.py")


def judged_home(path: Path, settings: str) -> Place:
    """A home whose one judge may decide."""
    place = evaluated_home(path, settings)
    place.lake.write("failure_taxonomy", [a_mode()])
    version = Evaluator(place.bench, place.bench.llm()).judges()[0].version("openai/x")
    alignment = [an_alignment(evaluator_version=version), an_alignment(evaluator="judges:all", mode_id=None)]
    place.lake.write("judge_alignment", alignment)
    return place


class Drifting:
    """A provider that changes: from the `n`-th call on its judge fails question 2."""

    def __init__(self, changes_at: int) -> None:
        self.n, self.changes_at = 0, changes_at

    def __call__(self, body: dict[str, Any]) -> Said:
        self.n += 1
        if "response_format" in body and self.n > self.changes_at and "Question 2?" in json.dumps(body["messages"]):
            return Said('{"explanation": "seen", "label": "fail"}')
        return model(body)


def test_the_baseline_is_asked_afresh_and_the_same_candidate_again_asks_nobody(tmp_path: Path) -> None:
    with scripted_server(Drifting(10)) as server:
        place = judged_home(tmp_path / "home", settings_of(server))
        bench = evaluate(place)
        assert len(server.bodies) == 10 and is_fresh(bench)
        cases = active_cases(bench)
        version, rows = evaluate_baseline_afresh(bench, PROMPT, bench.llm(), "c1", cases)
        assert len(server.bodies) == 20
        assert version == f"{PROMPT.version}~c1" and {r.prompt_version for r in rows} == {version}
        evaluate_baseline_afresh(bench, PROMPT, bench.llm(), "c1", cases)
        assert len(server.bodies) == 20
        evaluate_baseline_afresh(bench, PROMPT, bench.llm(), "c2", cases)
        assert len(server.bodies) == 30
    stored, beside = (
        {r.case_id: r.label for r in read_verdicts(bench, v) if r.evaluator == "judge:fm-1"}
        for v in (PROMPT.version, version)
    )
    assert stored == dict.fromkeys(stored, "pass")
    assert beside == {**stored, "g-2": "fail"}


def test_aevaluate_baseline_afresh_is_no_look_of_a_candidate(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = judged_home(tmp_path / "home", settings_of(server))
        bench = place.bench
        evaluate_baseline_afresh(bench, PROMPT, bench.llm(), "c1", active_cases(bench))
    assert [r["by"] for r in place.lines(TEST_READS_FILE)] == ["baseline"]
    assert n_looks(bench) == 0


def test_the_noise_floor_is_what_flips_between_two_evaluations_of_one_prompt(tmp_path: Path) -> None:
    with scripted_server(Drifting(10)) as server:
        place = judged_home(tmp_path / "home", settings_of(server))
        evaluate(place)
        found = measure_noise(place.bench, 1)
        assert (found.flips, found.n, found.n_cases, found.varies) == (("g-2",), 5, 5, True)
        assert found.lines()[0].startswith(f"1 of 5 cases flip between two evaluations of {PROMPT.version}: 20%")
        assert len(server.bodies) == 20
        assert measure_noise(place.bench, 1) == found and len(server.bodies) == 20
        measure_noise(place.bench, 2)
        assert len(server.bodies) == 30
    assert n_looks(place.bench) == 0


def test_nothing_is_asked_of_deterministic_models_and_none_of_it_is_noise(tmp_path: Path) -> None:
    place = judged_home(tmp_path / "home", "automation: {settle_seconds: 0}")
    assert not outcomes_vary(place.bench) and not is_fresh(place.bench)
    version = Evaluator(place.bench, place.bench.llm()).judges()[0].version(place.bench.model_name("judge"))
    place.lake.write("judge_alignment", [an_alignment(evaluator_version=version)])
    evaluate(place)
    before = place.one("select count(*) from llm_calls")
    found = measure_noise(place.bench, 1)
    assert (found.flips, found.varies, found.n > 0) == ((), False, True)
    assert "deterministic" in found.lines()[0]
    assert place.one("select count(*) from llm_calls") == before


def test_before_an_evaluation_there_is_nothing_to_compare(tmp_path: Path) -> None:
    place = judged_home(tmp_path / "home", "automation: {settle_seconds: 0}")
    with pytest.raises(HomeError, match="flywheel run"):
        measure_noise(place.bench, 1)


@pytest.mark.parametrize(
    ("settings", "app", "any_"),
    [
        ("models: {app: {model: openai/x}}", True, True),
        ("models: {judge: {model: openai/x}}", False, True),
        ("app: {recorded: answers.jsonl}\nmodels: {app: {model: openai/x}}", False, False),
        ("app: {function: 'my_app:answer'}", True, True),
        ("{}", False, False),
    ],
)
def test_what_may_vary(tmp_path: Path, settings: str, app: bool, any_: bool) -> None:
    place = evaluated_home(tmp_path / "home", settings)
    assert (app_varies(place.bench), outcomes_vary(place.bench)) == (app, any_)


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "models: {app: {model: openai/x}}\nimprove: {fresh_baseline: false}")
    assert not is_fresh(place.bench)


def test_tokens_share_no_repeats() -> None:
    firsts = [first_repeat(a_prompt(f"{i}").version) for i in range(200)]
    assert len(set(firsts)) == 200 and all(n % 1_000 == 0 and n > 0 for n in firsts)
