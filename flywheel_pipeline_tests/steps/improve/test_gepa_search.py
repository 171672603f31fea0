"""GEPA as an improver: its search under our fence and budget, the same way every time, and no error kept as a score."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.errors import BudgetError
from flywheel_pipeline.prompting import read_fence
from flywheel_pipeline.steps.improve.gepa_search import Gepa, _Adapter, _Lost
from flywheel_pipeline.steps.improve.reflective import Reflective
from flywheel_pipeline.steps.improve.search import Search
from flywheel_pipeline.steps.improve.trials import NO_JUDGE, SearchEnded, Trials
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeEvaluate, FakeLLM
from flywheel_pipeline_tests.steps.improve.editors import BRIEF, EXACT, FAILURES, IDLE, by_the_case, replies, world
from flywheel_pipeline_tests.steps.improve.test_search import BASE, DEV_IDS, JUDGE, TRAIN, cases_of
from flywheel_pipeline_tests.steps.improve.test_trials import Broken, a_bench

MORE = [replace(c, case_id=f"train-{i + 10}", input=f"Asked {i}?") for i, c in enumerate(cases_of("train", 6))]
RULES = {1: BRIEF, 3: EXACT}


def helpful() -> FakeLLM:
    """Replies with the line that fixes the first case that it is shown."""
    return by_the_case(lambda case: RULES[int(case.split("-")[1]) % 4])


def run(llm: FakeLLM, budget: int = 400, **changes: Any) -> tuple[Trials, FakeEvaluate, str]:
    bench, evaluate = a_bench(by=world, more=MORE, **changes)
    trials = Trials(bench, budget)
    return trials, evaluate, Gepa(llm, "demo", FAILURES).improve(trials.base, trials)


def test_it_finds_what_helps_and_every_line_has_its_reason() -> None:
    trials, evaluate, why = run(helpful())
    best = trials.best()
    assert set(best.text.split("\n")) == {BASE.text, "", f"- {BRIEF}", f"- {EXACT}"}
    assert {r.line for r in best.proposal.reasons} == {f"- {BRIEF}", f"- {EXACT}"}
    assert all(r.cases and r.cases[0].startswith("train") for r in best.proposal.reasons)
    assert why == "6 iterations in a row without a better prompt on dev"
    assert {c.split("-")[0] for _, ids in evaluate.evaluated for c in ids} == {"train", "dev"}


def test_it_is_shown_its_minibatch_of_train_cases_and_nothing_else() -> None:
    llm = helpful()
    run(llm)
    shown = [read_fence(a.messages[-1]["content"]) for a in llm.asked]
    cases = [{c["case"] for m in data["failure_modes"] for c in m["cases"]} for data in shown]
    assert all(0 < len(ids) <= 3 and all(c.startswith("train") for c in ids) for ids in cases)
    assert "domain" not in str(llm.asked[0].messages[0])


def test_the_same_search_goes_the_same_way_again() -> None:
    first, second = run(helpful())[1], run(helpful())[1]
    assert first.evaluated == second.evaluated


def test_a_proposal_that_helps_no_case_of_its_minibatch_is_not_evaluated_on_dev() -> None:
    trials, evaluate, _ = run(replies([by_first(IDLE)]))
    assert DEV_IDS not in [ids for _, ids in evaluate.evaluated]
    (idle,) = [t for t in trials.found.values() if t.improver == "gepa"]
    assert "no more cases of its minibatch" in idle.reason


def by_first(text: str) -> Any:
    from flywheel_pipeline_tests.steps.improve.editors import add

    return add(text, "train-1", cases=[f"train-{i}" for i in (1, 3, 11, 13, 15)])


def test_it_goes_on_from_the_best_prompt_of_the_improver_before() -> None:
    bench, _ = a_bench(by=world, more=MORE)
    first = Reflective(replies([by_first(BRIEF)]), "demo", FAILURES.of, rounds=1)
    search = Search.over(bench, [first, Gepa(helpful(), "demo", FAILURES)])
    assert search.run()[0].text == f"{BASE.text}\n\n- {BRIEF}\n- {EXACT}"
    assert {t.improver for t in search.lineage()} >= {"reflective", "gepa"}


def test_the_budget_is_never_passed() -> None:
    trials, evaluate, _ = run_to_the_end(helpful(), 30)
    assert trials.n_answers == sum(len(ids) for _, ids in evaluate.evaluated) <= 30


def run_to_the_end(llm: FakeLLM, budget: int, **changes: Any) -> tuple[Trials, FakeEvaluate, str]:
    bench, evaluate = a_bench(by=world, more=MORE, **changes)
    trials = Trials(bench, budget)
    with pytest.raises(SearchEnded) as end:
        Gepa(llm, "demo", FAILURES).improve(trials.base, trials)
    return trials, evaluate, str(end.value)


def test_the_least_budget_is_that_of_three_proposals() -> None:
    assert Gepa(helpful(), "demo", FAILURES).minimum(6) == 6 + 3 * (3 + 6)


def test_garbage_is_asked_for_once() -> None:
    llm = replies("not JSON", "not JSON")
    _, evaluate, why = run(llm)
    assert (why, len(llm.asked), evaluate.evaluated) == ("the improver gave no usable reply: not JSON", 1, [])


def test_copies_and_invented_variables_are_refused_without_a_call() -> None:
    words = "a parcel for the lighthouse keeper was left behind on the wet pier"
    bench, evaluate = a_bench(by=world, more=[*MORE, a_case(case_id="train-99", input=words, split="train")])
    trials = Trials(bench, 400)
    llm = replies([by_first(f"Say: {words}."), by_first("Greet {{name}}.")])
    Gepa(llm, "demo", FAILURES).improve(trials.base, trials)
    found = [t.reason for t in trials.found.values() if t.status == "rejected"]
    assert found == ["its instructions copy text of cases: train-99", "it invents {{name}}"]
    assert evaluate.evaluated == []


def test_an_outcome_that_is_lost_to_an_error_is_no_score_and_drops_the_proposal() -> None:
    trials, _, _ = run(helpful(), evaluate=Broken(world, ["dev-0", "dev-2"]))
    found = [t for t in trials.found.values() if t.improver == "gepa"]
    assert found and {t.status for t in found} == {"unscored"}
    assert trials.best() is trials.base


def test_a_minibatch_that_is_lost_to_errors_says_nothing_of_the_proposal() -> None:
    trials, evaluate, _ = run(helpful(), evaluate=Broken(world, [c.case_id for c in (*TRAIN, *MORE)]))
    found = [t for t in trials.found.values() if t.improver == "gepa"]
    assert found and all("no outcome because of errors" in t.reason and t.status == "dropped" for t in found)
    assert DEV_IDS not in [ids for _, ids in evaluate.evaluated]


def test_a_minibatch_of_which_one_case_is_lost_has_no_scores() -> None:
    bench, _ = a_bench(by=world, evaluate=Broken(world, ["train-1"]))
    trials = Trials(bench, 100)
    adapter = _Adapter(Gepa(helpful(), "demo", FAILURES), trials, {BASE.text: trials.base})
    with pytest.raises(_Lost):
        adapter.evaluate([TRAIN[1], TRAIN[3]], {"prompt": f"{BRIEF} {EXACT}"})
    assert adapter.error is None
    assert adapter.evaluate([TRAIN[3]], {"prompt": f"{BRIEF} {EXACT}"}).scores == [1.0]


def test_a_limit_of_the_models_ends_the_run_as_an_error() -> None:
    class Spent(FakeEvaluate):
        def evaluate(self, prompt: Any, cases: Any) -> Any:
            raise BudgetError("Stopped: this step's budget is spent.")

    bench, _ = a_bench(by=world, evaluate=Spent(world, JUDGE))
    llm = helpful()
    with pytest.raises(BudgetError):
        Search.over(bench, [Gepa(llm, "demo", FAILURES)]).run()
    assert len(llm.asked) == 1


def test_without_a_judge_its_first_proposal_is_held_and_nothing_is_evaluated() -> None:
    bench, evaluate = a_bench(by=world)
    bench = replace(bench, judgement=replace(bench.judgement, judges=()))
    llm = helpful()
    (held,) = Search.over(bench, [Gepa(llm, "demo", FAILURES)]).run()
    assert (held.decision, NO_JUDGE in held.reason) == ("hold", True)
    assert (len(llm.asked), evaluate.evaluated) == (1, [])
