"""Ablation: a rule that does nothing on dev is dropped, one that does anything stays, and the reasons follow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.records import EvalResult, GoldenCase, PromptVersion
from flywheel_pipeline.steps.improve.ablate import ablate, render, split
from flywheel_pipeline.steps.improve.reflective import Reflective
from flywheel_pipeline.steps.improve.search import Search
from flywheel_pipeline.steps.improve.trials import ABLATION, Trials
from flywheel_pipeline_tests.builders import an_eval_result
from flywheel_pipeline_tests.fakes import FakeEvaluate
from flywheel_pipeline_tests.steps.improve.editors import BRIEF, EXACT, FAILURES, IDLE, add, replies, world
from flywheel_pipeline_tests.steps.improve.test_search import BASE, DEV, JUDGE, TRAIN, number
from flywheel_pipeline_tests.steps.improve.test_trials import a_bench, try_out

LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=6).map("\n".join)


@given(LINES, LINES)
def test_undoing_all_changes_gives_the_base_and_undoing_none_the_prompt(base: str, text: str) -> None:
    parts = split(base, text)
    assert (render(parts), render(parts, range(len(parts)))) == (text.strip(), base.strip())


def test_a_rule_that_does_nothing_is_dropped_with_its_reason_and_the_others_stay() -> None:
    bench, evaluate = a_bench(by=world)
    edits = [add(BRIEF), add(IDLE), add(EXACT, "train-3")]
    search = Search.over(bench, [Reflective(replies(edits), "demo", FAILURES.of)])
    best = search.run()[0]
    assert best.text == f"{BASE.text}\n\n- {BRIEF}\n- {EXACT}"
    assert [r["line"] for r in json.loads(best.reasons)] == [f"- {BRIEF}", f"- {EXACT}"]
    assert json.loads(best.changes) == [BRIEF, EXACT]
    assert "ablation: 1 of 3 changes do nothing on dev and were dropped" in search.lineage()[0].reason
    tried = [len(ids) for _, ids in evaluate.evaluated]
    assert tried == [20, 4, 10, 10, 10, 10, 20, 40]  # dev, train; three rules, one on the rest, too; kept; test


def test_of_two_rules_that_each_suffice_one_is_dropped() -> None:
    def either(text: str, case: GoldenCase) -> str:
        return "pass" if number(case) % 2 == 0 or BRIEF in text or IDLE in text else "fail"

    bench, _ = a_bench(by=either)
    trials = Trials(bench, 400)
    (both,) = try_out(trials, f"{BASE.text}\n{BRIEF}\n{IDLE}")
    kept, what = ablate(both, trials)
    assert kept.text == f"{BASE.text}\n{BRIEF}"
    assert what.startswith("1 of 2 changes")


def test_a_rule_that_keeps_another_one_from_breaking_something_stays() -> None:
    def mended(text: str, case: GoldenCase) -> str:
        breaks = BRIEF in text and EXACT not in text and number(case) == 0
        return "fail" if breaks else world(text.replace(EXACT, ""), case)

    bench, _ = a_bench(by=mended)
    trials = Trials(bench, 400)
    (best,) = try_out(trials, f"{BASE.text}\n{BRIEF}\n{EXACT}\n{IDLE}")
    assert ablate(best, trials)[0].text == f"{BASE.text}\n{BRIEF}\n{EXACT}"


def by_the_first(rows: Sequence[EvalResult]) -> dict[str, float]:
    """Return the outcomes where one evaluator alone decides."""
    return {r.case_id: float(r.label == "pass") for r in rows if r.evaluator == JUDGE}


def test_a_rule_that_only_an_evaluator_without_a_vote_sees_stays() -> None:
    class Two(FakeEvaluate):
        def evaluate(self, prompt, cases):  # type: ignore[no-untyped-def]
            seen = [
                an_eval_result(case_id=c.case_id, prompt_version=prompt.version, evaluator="judge:fm-2",
                               label="pass" if IDLE in prompt.text else "fail")
                for c in cases
            ]  # fmt: skip
            return [*super().evaluate(prompt, cases), *seen]

    bench, _ = a_bench(by=world, evaluate=Two(world, JUDGE))
    bench = replace(bench, judgement=replace(bench.judgement, cases=by_the_first))
    trials = Trials(bench, 400)
    (best,) = try_out(trials, f"{BASE.text}\n{BRIEF}\n{IDLE}\nBe yourself, too.")
    assert ablate(best, trials)[0].text == f"{BASE.text}\n{BRIEF}\n{IDLE}"


def test_the_search_takes_the_prompt_that_ablation_left() -> None:
    class Guarded(FakeEvaluate):
        """Its other evaluator fails a prompt with the one rule and without the other."""

        def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
            seen = "fail" if BRIEF in prompt.text and IDLE not in prompt.text else "pass"
            rows = [an_eval_result(case_id=c.case_id, prompt_version=prompt.version, evaluator="judge:fm-2", label=seen)
                    for c in cases]  # fmt: skip
            return [*super().evaluate(prompt, cases), *rows]

    evaluate = Guarded(world, JUDGE)
    bench, _ = a_bench(by=world, evaluate=evaluate)
    bench = replace(
        bench, judgement=replace(bench.judgement, cases=by_the_first), baseline=evaluate.evaluate(BASE, bench.cases)
    )
    trials = Trials(bench, 400)
    (best,) = try_out(trials, f"{BASE.text}\n{BRIEF}\n{IDLE}")
    assert ablate(best, trials)[0] is best is trials.best()  # the shorter one is as good by those that decide
    assert [t.status for t in trials.found.values() if t.improver == ABLATION] == ["dropped"] * 2


def test_a_line_that_was_removed_for_nothing_is_back_in_the_best_prompt() -> None:
    base = replace(BASE, text=f"Be yourself at all times.\n{BASE.text}")
    bench, _ = a_bench(by=world, base=base, baseline=FakeEvaluate(world, JUDGE).evaluate(base, [*DEV, *TRAIN]))
    trials = Trials(bench, 400)
    (best,) = try_out(trials, f"{BASE.text}\n{BRIEF}")
    assert best.is_evaluated
    kept, what = ablate(best, trials)
    assert kept is trials.best() and kept.text == f"{base.text}\n{BRIEF}", what


def test_when_the_budget_ends_what_was_not_looked_at_stays() -> None:
    bench, _ = a_bench(by=world)
    trials = Trials(bench, 35)
    (best,) = try_out(trials, f"{BASE.text}\n{BRIEF}\n{EXACT}\n{IDLE}")
    kept, what = ablate(best, trials)
    assert kept is best and "0 of 3 changes dropped, then the budget is spent" in what
