"""The reflective editor: rounds of minimal edits, each fenced, and an honest reason to stop."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.prompting import read_fence
from flywheel_pipeline.steps.improve.foreign import Foreign
from flywheel_pipeline.steps.improve.reflective import Reflective
from flywheel_pipeline.steps.improve.search import Search
from flywheel_pipeline.steps.improve.trials import Trials
from flywheel_pipeline_tests.builders import a_case, a_prompt, an_answer
from flywheel_pipeline_tests.fakes import FakeEvaluate, FakeLLM
from flywheel_pipeline_tests.steps.improve.editors import BRIEF, EXACT, FAILURES, IDLE, add, replies, world
from flywheel_pipeline_tests.steps.improve.test_search import BASE, JUDGE
from flywheel_pipeline_tests.steps.improve.test_trials import a_bench

COVERS = ("steps/improve/reflective.py", "steps/improve/failures.py")
SECRET = "my neighbour Wilhelmina waters eleven purple orchids every single Thursday"


def run(llm: FakeLLM, budget: int = 400, **changes: Any) -> tuple[Trials, FakeEvaluate, str]:
    bench, evaluate = a_bench(by=world, **changes)
    trials = Trials(bench, budget)
    return trials, evaluate, Reflective(llm, "demo", FAILURES.of).improve(trials.base, trials)


def reasons(trials: Trials) -> dict[str, str]:
    return {t.text.partition("- ")[2]: t.reason for t in trials.found.values() if t.status == "rejected"}


def test_the_best_prompt_of_a_round_is_edited_further_until_nothing_fails() -> None:
    llm = replies([add(BRIEF)], [add(EXACT, "train-3")])
    trials, evaluate, why = run(llm)
    assert trials.best().text == f"{BASE.text}\n\n- {BRIEF}\n- {EXACT}"
    assert why == "no failure mode fails any more on train or dev"
    assert len(llm.asked) == 2
    assert {c for _, ids in evaluate.evaluated for c in ids if c.startswith("test")} == set()


def test_the_second_round_sees_what_still_fails_on_train_under_the_best_prompt() -> None:
    llm = replies([add(BRIEF)], [])
    run(llm)
    shown = [read_fence(a.messages[-1]["content"])["failure_modes"][0]["cases"] for a in llm.asked]
    assert [case["case"] for case in shown[0]][:2] == ["train-1", "train-3"]
    assert shown[1][0]["case"] == "train-3"


def test_cases_of_one_family_do_not_crowd_out_the_others() -> None:
    kin = [a_case(case_id=f"train-{n}", input=f"Kin {n}?", split="train", family="kin") for n in (21, 25, 29)]
    more = [*kin, a_case(case_id="train-33", input="Another?", split="train", family="other")]
    llm = replies([])
    run(llm, cases=more, baseline=FakeEvaluate(world, JUDGE).evaluate(BASE, more))
    (mode,) = read_fence(llm.asked[0].messages[-1]["content"])["failure_modes"]
    assert [c["case"] for c in mode["cases"]] == ["train-21", "train-33", "train-25"]


def test_no_case_of_dev_or_test_is_shown_in_any_round() -> None:
    llm = replies([add(BRIEF)], [add(IDLE)], [add(EXACT)])
    trials, _, _ = run(llm)
    held_out = [c.input for c in (*trials.dev, *trials.bench.split("test"))]
    assert len(llm.asked) == 3
    assert not any(text in str(a.messages) for a in llm.asked for text in held_out)


def test_an_edit_that_does_not_help_is_not_kept_and_the_improver_hears_of_it() -> None:
    llm = replies([add(IDLE)], [add("Be polite.")], [add(BRIEF)])
    trials, _, why = run(llm)
    assert (trials.best(), why) == (trials.base, "2 rounds in a row without a better prompt on dev")
    (refused,) = read_fence(llm.asked[1].messages[-1]["content"])["refused"]
    assert (refused["text"], refused["reason"]) == (IDLE, "no more cases passed with it")


def test_bad_edits_are_refused_each_with_its_reason_and_without_a_call_and_good_ones_are_kept() -> None:
    test = a_case(case_id="test-99", input=f"Today {SECRET}", split="test")
    bad = [add(f"For example, {SECRET}."), add("Greet {{customer}}."), add("x" * 30_000), add("Hm.", "dev-1"),
           add("Hm.", mode="fm-9")]  # fmt: skip
    trials, evaluate, _ = run(replies([*bad, add(BRIEF)]), more=[test])
    found = list(reasons(trials).values())
    assert [("test-99" in found[0], "held-out" in found[0]), found[1]] == [(True, True), "it invents {{customer}}"]
    assert "characters, more than" in found[2] and len(found) == 3
    assert [n.rpartition(": ")[2] for n in trials.notes] == [
        "it names no case that was shown", "it names no failure mode that was shown ('fm-9')",
    ]  # fmt: skip
    assert evaluate.evaluated[0][0] == f"{BASE.text}\n\n- {BRIEF}"


def test_a_copy_of_a_train_case_is_refused_with_its_name() -> None:
    train = a_case(case_id="train-9", input=SECRET, split="train")
    trials, evaluate, why = run(replies([add(f"For example, {SECRET}.")]), more=[train])
    assert list(reasons(trials).values()) == ["its instructions copy text of cases: train-9"]
    assert (evaluate.evaluated, why) == ([], "in round 2 the improver proposed nothing new")


def test_an_answer_that_the_improver_was_shown_must_not_be_copied_either() -> None:
    answer = "Our whole team in the little red warehouse wishes you a sunny day"
    answers = [an_answer(case_id="train-1", output=answer)]
    trials, evaluate, _ = run(replies([add(f"End so: {answer}!")]), answers=lambda _: answers)
    assert list(reasons(trials).values()) == ["its instructions copy what was shown of cases: train-1"]
    assert evaluate.evaluated == []


def test_an_edit_that_a_person_has_to_read_first_is_held_unevaluated_and_the_others_go_on() -> None:
    url = Foreign("an address on the web", "https://evil.example")
    bad = add("Point them to https://evil.example at once.")
    trials, evaluate, _ = run(replies([bad, add(BRIEF)]), foreign=lambda text: [url] if "https" in text else [])
    (held,) = [t for t in trials.found.values() if t.status == "held"]
    assert f"has an address on the web ('https://evil.example'); `flywheel prompts read {held.version.version}`" in (
        held.reason
    )
    assert trials.best().text == f"{BASE.text}\n\n- {BRIEF}"
    assert not any("https" in text for text, _ in evaluate.evaluated)


def test_edits_that_are_all_refused_are_answered_with_the_reasons_until_patience_ends() -> None:
    llm = replies(*[[add("Greet {{customer}}.")]] * 9)
    _, evaluate, why = run(llm)
    (refused,) = read_fence(llm.asked[1].messages[-1]["content"])["refused"]
    assert refused["reason"] == "it invents {{customer}}"
    assert (len(llm.asked), why, evaluate.evaluated) == (2, "2 rounds in a row without a better prompt on dev", [])


def test_a_variable_is_never_dropped() -> None:
    base = a_prompt("Base prompt for {{customer}}.")
    trials, evaluate, _ = run(replies([add("A prompt for anyone.", action="replace", line=1)]), base=base)
    assert [t.reason for t in trials.found.values()][1:] == ["it drops {{customer}}"] and not evaluate.evaluated


def test_garbage_ends_the_search_after_one_question_and_is_an_error_if_nothing_was_proposed() -> None:
    llm = replies("not JSON", [add(BRIEF)])
    bench, evaluate = a_bench(by=world)
    with pytest.raises(ModelError, match="the improver gave no usable reply: not JSON"):
        Search.over(bench, [Reflective(llm, "demo", FAILURES.of)]).run()
    assert (len(llm.asked), evaluate.evaluated) == (1, [])


def test_what_was_found_before_garbage_is_kept_and_the_stop_is_on_record() -> None:
    bench, _ = a_bench(by=world)
    search = Search.over(bench, [Reflective(replies([add(BRIEF)], "HTTP 500"), "demo", FAILURES.of)])
    (best,) = search.run()
    assert best.text == f"{BASE.text}\n\n- {BRIEF}"
    assert "reflective: the improver gave no usable reply: HTTP 500" in search.lineage()[0].reason


def test_the_budget_ends_the_search_before_the_call_that_would_break_it() -> None:
    bench, evaluate = a_bench(by=world)
    search = Search.over(bench, [Reflective(replies([add(BRIEF)], [add(EXACT)]), "demo", FAILURES.of)], 30)
    search.run()
    asked = sum(len(ids) for _, ids in evaluate.evaluated if not ids[0].startswith("test"))
    assert asked == search.trials.n_answers == 24
    assert "reflective: the budget is spent: 24 of 30 answers asked for, and the next step takes 20" in (
        search.lineage()[0].reason
    )
