"""The search: dev chooses, test is met once and only by the best, and the gate has the last word."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, PromptCandidate
from flywheel_pipeline.steps.improve.bench import Bench, Judgement
from flywheel_pipeline.steps.improve.evidence import noise_floor
from flywheel_pipeline.steps.improve.propose import ProposedPrompt
from flywheel_pipeline.steps.improve.search import Search
from flywheel_pipeline_tests.builders import a_case, a_prompt, an_answer
from flywheel_pipeline_tests.fakes import FakeEvaluate
from flywheel_pipeline_tests.steps.improve.gates import a_gate
from flywheel_pipeline_tests.steps.improve.proposing import Given

COVERS = ("steps/improve/search.py", "steps/improve/bench.py", "steps/improve/evidence.py")

JUDGE = "judge:fm-1"
BASE = a_prompt("Base prompt.")


def cases_of(split: str, n: int) -> list[GoldenCase]:
    return [a_case(case_id=f"{split}-{i}", input=f"{split} question {i}?", split=split) for i in range(n)]


TRAIN, DEV, TEST = cases_of("train", 4), cases_of("dev", 20), cases_of("test", 40)
DEV_IDS, TEST_IDS = [c.case_id for c in DEV], [c.case_id for c in TEST]


def number(case: GoldenCase) -> int:
    return int(case.case_id.split("-")[1])


def label(text: str, case: GoldenCase) -> str:
    """The base passes one case in two; "good" fixes all of them, "fair" some, "bad" breaks the others."""
    passes = number(case) % 2 == 0
    if "good" in text:
        passes = True
    elif "fair" in text:
        passes = passes or number(case) % 4 == 1
    elif "bad" in text:
        passes = False
    return "pass" if passes else "fail"


def verdicts(rows: Sequence[EvalResult]) -> dict[str, float]:
    return {r.case_id: float(r.label == "pass") for r in rows if r.label in ("pass", "fail")}


def of_mode(rows: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
    return verdicts([r for r in rows if r.evaluator == evaluator])


JUDGEMENT = Judgement(verdicts, of_mode, (JUDGE,), modes={"fm-1": "Made up"})
ALONE = a_gate(judges_alone=True)


EXAMPLES = "\nExamples: "


def search(
    *texts: str,
    by: Callable[[str, GoldenCase], str] = label,
    **changes: Any,
) -> tuple[list[PromptCandidate], FakeEvaluate]:
    evaluate = FakeEvaluate(by, JUDGE)
    cases = [*TRAIN, *DEV, *TEST]
    baseline = FakeEvaluate(by, JUDGE).evaluate(BASE, cases)
    bench = replace(Bench(BASE, cases, baseline, evaluate, JUDGEMENT, ALONE), **changes)
    proposals = [ProposedPrompt(t, (f"about {t[:9]}",), t.partition(EXAMPLES)[2]) for t in texts]
    return Search.over(bench, [Given(proposals)]).run(), evaluate


def test_the_best_on_dev_ships_and_the_others_are_runners_up() -> None:
    (best, other), _ = search("A fair prompt.", "A good prompt.")
    assert (best.text, best.status, best.decision) == ("A good prompt.", "decided", "ship")
    assert (other.text, other.status, other.decision) == ("A fair prompt.", "runner_up", None)
    assert {best.base_version, other.base_version} == {BASE.version}


def test_the_test_cases_are_evaluated_once_and_only_for_the_best() -> None:
    _, evaluate = search("A fair prompt.", "A good prompt.", "A bad prompt.")
    assert evaluate.evaluated == [
        ("A fair prompt.", DEV_IDS),
        ("A good prompt.", DEV_IDS),
        ("A bad prompt.", DEV_IDS),
        ("A good prompt.", TEST_IDS),
    ]


def test_the_decision_rests_on_the_test_cases_only() -> None:
    (best,), _ = search("A good prompt.")
    evidence = json.loads(best.evidence)
    assert (evidence["split"], evidence["overall"]["n"], evidence["overall"]["fixed"]) == ("test", 40, 20)
    assert {name: g["n"] for name, g in evidence["guards"].items()} == {"Made up (all cases)": 40, "Made up": 40}
    assert evidence["dev_pass_rate"] == 1.0


def test_a_proposal_that_shines_on_dev_and_not_on_test_does_not_ship() -> None:
    def overfitted(text: str, case: GoldenCase) -> str:
        return "pass" if case.split == "dev" and "good" in text else label("base", case)

    (best,), _ = search("A good prompt.", by=overfitted)
    assert best.decision == "hold"
    assert json.loads(best.evidence)["dev_pass_rate"] == 1.0


def test_of_equals_on_dev_the_shorter_wins() -> None:
    (best, other), _ = search("A good prompt with many more words.", "A good prompt.")
    assert best.text == "A good prompt."
    assert "as well and shorter" in other.reason


def test_without_a_trusted_judge_the_first_proposal_is_held_unevaluated() -> None:
    (held,), evaluate = search("A fair prompt.", "A good prompt.", judgement=replace(JUDGEMENT, judges=()))
    assert (held.text, held.decision) == ("A fair prompt.", "hold")
    assert "no judge agrees with the expert" in held.reason
    assert evaluate.evaluated == []


@pytest.mark.parametrize(("text", "passes"), [("A bad prompt.", 0), ("Another prompt.", 10)])
def test_the_test_split_is_not_read_for_a_proposal_that_does_no_better_on_dev(text: str, passes: int) -> None:
    (best,), evaluate = search(text)
    assert best.decision == "hold"
    assert f"no better on dev than production ({passes} of 20 cases pass, 10 under production)" in best.reason
    assert evaluate.evaluated == [(text, DEV_IDS)]


def test_of_proposals_that_do_no_better_one_is_held_and_the_others_are_runners_up() -> None:
    found, _ = search("A bad prompt.", "Another prompt.", "A worse, bad one.")
    assert (found[0].text, found[0].decision) == ("Another prompt.", "hold")
    assert [c.decision for c in found[1:]] == [None, None]


def test_a_candidate_that_regresses_by_one_trusted_judge_is_rejected_though_the_total_improves() -> None:
    def second(rows: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
        was_base = any(r.prompt_version == BASE.version for r in rows)
        return {r.case_id: float(was_base) for r in rows} if evaluator == "judge:fm-2" else of_mode(rows, evaluator)

    judgement = replace(JUDGEMENT, mode=second, judges=(JUDGE, "judge:fm-2"), modes={"fm-1": "Made up", "fm-2": "Rude"})
    (best,), _ = search("A good prompt.", judgement=judgement)
    assert best.decision == "reject"
    assert "Rude (all cases), 0 fixed and 40 broken of 40" in best.reason


def test_a_mode_without_a_trusted_judge_is_unguarded_and_ships_by_consent_only() -> None:
    judgement = replace(JUDGEMENT, modes={"fm-1": "Made up", "fm-2": "Rude"})
    (held,), _ = search("A good prompt.", judgement=judgement)
    assert (held.decision, 'nothing guards "Rude"' in held.reason) == ("hold", True)
    (agreed,), _ = search("A good prompt.", judgement=judgement, gate=replace(ALONE, consent=("Rude",)))
    assert (agreed.decision, 'unguarded by consent: "Rude"' in agreed.reason) == ("ship", True)


def test_a_candidate_is_compared_with_a_baseline_that_is_as_fresh_as_itself() -> None:
    """The provider has changed since: what passes now would have passed under the base as well."""
    asked = []

    def fresh(candidate: str, cases: Sequence[GoldenCase]) -> tuple[str, Sequence[EvalResult]]:
        asked.append((candidate, [c.case_id for c in cases]))
        return f"{BASE.version}~{candidate}", FakeEvaluate(lambda *_: "pass", JUDGE).evaluate(BASE, cases)

    (stale,), _ = search("A good prompt.")
    (best,), _ = search("A good prompt.", fresh=fresh)
    assert (stale.decision, best.decision) == ("ship", "hold")
    assert asked == [(best.candidate_id, TEST_IDS)]
    evidence = json.loads(best.evidence)
    assert (evidence["overall"]["fixed"], evidence["baseline"]) == (0, f"{BASE.version}~{best.candidate_id}")


def test_what_would_let_a_judge_decide_is_said_where_none_may() -> None:
    judgement = replace(JUDGEMENT, judges=(), wanted={"fm-1": (-1, -1)})
    (held,), _ = search("A good prompt.", judgement=judgement)
    assert '`flywheel judge tune "Made up"`' in held.reason


def test_earlier_looks_at_the_test_split_are_charged() -> None:
    reads = [{"by": "prompt_candidate", "prompt_version": f"p{i}", "n_cases": len(TEST)} for i in range(3)]
    (best,), _ = search("A good prompt.", reads=reads)
    evidence = json.loads(best.evidence)
    assert (evidence["look"], evidence["bound"]) == (4, pytest.approx(1 - 0.04 / 20))


def test_an_unsure_judge_makes_an_outcome_unknown_and_the_candidate_waits() -> None:
    def unsure(text: str, case: GoldenCase) -> str:
        return "unsure" if "good" in text and case.split == "test" and number(case) % 8 == 0 else label(text, case)

    (best,), _ = search("A good prompt.", by=unsure)
    assert best.decision == "hold"
    assert "known outcome" in best.reason
    assert "most by Made up (all cases), 88% known" in json.loads(best.evidence)["needs"][0]


@pytest.mark.parametrize("judges", [(), (JUDGE,)])
def test_no_proposals_are_no_candidates(judges: tuple[str, ...]) -> None:
    found, evaluate = search(judgement=replace(JUDGEMENT, judges=judges))
    assert (found, evaluate.evaluated) == ([], [])


def test_a_candidate_says_what_was_changed() -> None:
    (best,), _ = search("A good prompt.")
    assert json.loads(best.changes) == ["about A good pr"]


REACHED = [a_case(case_id=f"reached-{i}", input=f"reached {i}?", split="test", stage="regression") for i in range(40)]


def test_cases_that_always_pass_show_nothing_of_a_candidate_that_keeps_them() -> None:
    def keeps(text: str, case: GoldenCase) -> str:
        return "pass" if case.stage == "regression" else label(text, case)

    (best,), _ = search("A good prompt.", by=keeps, cases=[*TRAIN, *DEV, *TEST, *REACHED],
                        baseline=FakeEvaluate(keeps, JUDGE).evaluate(BASE, [*DEV, *TEST, *REACHED]))  # fmt: skip
    evidence = json.loads(best.evidence)
    assert best.decision == "ship"
    assert evidence["overall"]["n"] == len(TEST)
    guard = evidence["guards"]["regression cases"]
    assert (guard["n"], guard["broken"], guard["status"]) == (40, 0, "not worse")


def test_a_candidate_that_breaks_what_always_passed_is_rejected_though_the_total_improves() -> None:
    def breaks(text: str, case: GoldenCase) -> str:
        if case.stage == "regression":
            return "fail" if "good" in text and number(case) % 2 else "pass"
        return label(text, case)

    (best,), _ = search("A good prompt.", by=breaks, cases=[*TRAIN, *DEV, *TEST, *REACHED],
                        baseline=FakeEvaluate(breaks, JUDGE).evaluate(BASE, [*DEV, *TEST, *REACHED]))  # fmt: skip
    assert best.decision == "reject"
    assert "regression cases, 0 fixed and 20 broken of 40" in best.reason


def test_happy_paths_are_a_guard_of_their_own() -> None:
    happy = [a_case(case_id=f"test-{i}", split="test", kind="happy_path", mode_id=None) for i in range(100, 140)]

    def loses(text: str, case: GoldenCase) -> str:
        return (
            str("fail" if "good" in text and number(case) % 8 == 0 else "pass") if case in happy else label(text, case)
        )

    (best,), _ = search("A good prompt.", by=loses, cases=[*DEV, *TEST, *happy],
                        baseline=FakeEvaluate(loses, JUDGE).evaluate(BASE, [*DEV, *TEST, *happy]))  # fmt: skip
    assert (best.decision, "happy paths: a loss of 10% is not excluded" in best.reason) == ("hold", True)


def test_a_code_check_counts_in_no_rate_and_no_pass_of_it_may_fall() -> None:
    def checked(rows: Sequence[EvalResult], evaluator: str) -> dict[str, float]:
        was_base = any(r.prompt_version == BASE.version for r in rows)
        fallen = {r.case_id: float(was_base or r.case_id != "test-3") for r in rows}
        return fallen if evaluator == "resisted" else of_mode(rows, evaluator)

    judgement = replace(JUDGEMENT, mode=checked, checks=("resisted",))
    (best,), _ = search("A good prompt.", judgement=judgement)
    assert (best.decision, "resisted passed before and fails now on test-3" in best.reason) == ("reject", True)
    (held,), _ = search("A good prompt.", judgement=replace(judgement, judges=()))
    assert held.decision == "hold"


def test_an_answer_that_takes_much_longer_is_held() -> None:
    def answers(version: str) -> list[CaseAnswer]:
        took = 300.0 if version == BASE.version else 9_000.0
        return [an_answer(case_id=c.case_id, prompt_version=version, latency_ms=took) for c in TEST]

    (best,), _ = search("A good prompt.", answers=answers)
    assert (best.decision, "the latency of an answer grows from 300 to 9,000 ms" in best.reason) == ("hold", True)


def test_adversarial_cases_do_not_lower_the_rate_on_dev() -> None:
    attacks = [a_case(case_id=f"dev-{i}", split="dev", kind="adversarial") for i in range(100, 120)]

    def only_plain(rows: Sequence[EvalResult]) -> dict[str, float]:
        return {c: ok for c, ok in verdicts(rows).items() if c not in {a.case_id for a in attacks}}

    judged = replace(JUDGEMENT, cases=only_plain)
    (best,), _ = search("A good prompt.", cases=[*TRAIN, *DEV, *attacks, *TEST], judgement=judged)
    assert json.loads(best.evidence)["dev_pass_rate"] == 1.0


@pytest.mark.parametrize(
    ("shares", "repeats", "floor"), [([1.0, 0.0], 1, None), ([1.0, 0.0], 3, 0.0), ([0.5, 1.0], 2, 0.5)]
)
def test_the_noise_floor_is_what_equal_prompts_would_flip(
    shares: list[float], repeats: int, floor: float | None
) -> None:
    assert noise_floor({str(i): p for i, p in enumerate(shares)}, repeats) == floor


def test_a_check_of_a_mode_guards_it_like_its_judge() -> None:
    read = Judgement(
        verdicts, of_mode, ("check:brief", "judge:fm-1"), modes={"fm-1": "Made up", "fm-2": "Long"},
        mode_of={"check:brief": "fm-2"},
    )  # fmt: skip
    assert [read.guard_name(j) for j in read.judges] == ["Long", "Made up"]
    both = replace(read, mode_of={"check:brief": "fm-1"})
    assert [both.guard_name(j) for j in both.judges] == ["Made up by check:brief", "Made up by judge:fm-1"]


def test_a_mode_that_only_a_check_guards_is_not_named_as_unguarded() -> None:
    by_check = replace(JUDGEMENT, judges=("check:brief",), mode_of={"check:brief": "fm-1"})
    evaluate = FakeEvaluate(label, "check:brief")
    baseline = FakeEvaluate(label, "check:brief").evaluate(BASE, [*TRAIN, *DEV, *TEST])
    (best,), _ = search("A good prompt.", judgement=by_check, evaluate=evaluate, baseline=baseline)
    assert best.decision == "ship"
