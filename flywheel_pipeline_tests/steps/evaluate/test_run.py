"""Running the evals: a row a case and evaluator, and no score where nobody judged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import EvalResult, GoldenCase, Json, PromptVersion
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.evaluators.catalogue import make_evaluator
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, Verdict
from flywheel_pipeline.steps.evaluate.evaluators.tone import Rating
from flywheel_pipeline.steps.evaluate.report import case_outcomes
from flywheel_pipeline.steps.evaluate.run import run_evals
from flywheel_pipeline_tests.builders import a_case, a_prompt
from flywheel_pipeline_tests.fakes import FakeApp, FakeLLM

MODES = [ModeToJudge("fm-1", "Made up", "d", ()), ModeToJudge("fm-2", "Rude", "d", ())]
CASES = [a_case(case_id=f"g-{i}", input=f"Question {i}?") for i in range(3)]
PROMPT = a_prompt()


def judge(data: Any) -> Verdict | str:
    """A judge that finds the mode whose name the answer holds, is unsure of riddles and breaks on outages."""
    if "outage" in data["answer"]:
        return "provider is down"
    if "riddle" in data["answer"]:
        return Verdict(label="unsure", explanation="who knows")
    return Verdict(label="fail" if data["failure_mode"]["name"] in data["answer"] else "pass", explanation="seen")


def run(outputs: list[Answer], llm: FakeLLM | None = None, modes: list[ModeToJudge] = MODES) -> list[EvalResult]:
    answers = dict(zip([c.case_id for c in CASES], outputs, strict=True))
    app = FakeApp(lambda prompt, case: answers[case.case_id])
    return run_evals(PROMPT, CASES, Plan(modes, "demo", "judge-model"), app, llm or FakeLLM(judge)).results


def rows_of(results: list[EvalResult], case_id: str) -> dict[str, tuple[str | None, float | None]]:
    return {r.evaluator: (r.label, r.score) for r in results if r.case_id == case_id}


FINE = Answer("Fine.", latency_ms=7.0)


def test_there_is_one_row_for_every_case_and_evaluator() -> None:
    results = run([FINE, FINE, FINE])
    found = [(r.case_id, r.evaluator) for r in results]
    expected = {(c.case_id, e) for c in CASES for e in ("answered", "judge:fm-1", "judge:fm-2")}
    assert len(found) == len(expected)
    assert set(found) == expected


def test_every_judge_gives_the_verdict_on_its_own_mode_about_its_own_case() -> None:
    results = run([Answer("Made up."), Answer("Rude."), FINE])
    assert rows_of(results, "g-0") == {
        "answered": ("pass", 1.0),
        "judge:fm-1": ("fail", 0.0),
        "judge:fm-2": ("pass", 1),
    }
    assert rows_of(results, "g-1") == {
        "answered": ("pass", 1.0),
        "judge:fm-1": ("pass", 1.0),
        "judge:fm-2": ("fail", 0),
    }
    assert {label for label, _ in rows_of(results, "g-2").values()} == {"pass"}


def test_a_row_says_what_was_judged_by_whom_and_under_which_prompt() -> None:
    row = next(r for r in run([FINE, FINE, FINE]) if r.evaluator == "judge:fm-2")
    assert (row.prompt_version, row.annotator_kind) == (PROMPT.version, "LLM")
    assert row.evaluator_version == MODES[1].version("judge-model")


def test_the_app_runs_under_the_text_of_the_prompt() -> None:
    seen: list[str] = []

    def answer(prompt: str, case: GoldenCase) -> Answer:
        seen.append(prompt)
        return FINE

    run_evals(PROMPT, CASES, Plan([], "demo", "m"), FakeApp(answer), FakeLLM(judge))
    assert set(seen) == {PROMPT.text}


def test_an_error_of_the_judge_is_never_a_score() -> None:
    rows = [r for r in run([Answer("outage"), FINE, FINE]) if r.case_id == "g-0" and r.annotator_kind == "LLM"]
    assert [(r.label, r.score, r.explanation, r.error) for r in rows] == [(None, None, "", "provider is down")] * 2


def test_an_unsure_judge_gives_a_label_and_no_score() -> None:
    assert rows_of(run([Answer("riddle"), FINE, FINE]), "g-0")["judge:fm-1"] == ("unsure", None)


@pytest.mark.parametrize(
    ("answer", "row"),
    [(Answer(""), ("fail", 0.0)), (Answer("  "), ("fail", 0.0)), (Answer(None, error="timeout"), (None, None))],
)
def test_where_nothing_was_answered_no_judge_is_asked(answer: Answer, row: tuple[str | None, float | None]) -> None:
    llm = FakeLLM(judge)
    results = run([answer, FINE, FINE], llm)
    assert rows_of(results, "g-0") == {"answered": row}
    assert len(llm.asked) == 2 * len(MODES)


def test_an_app_that_fails_on_every_case_has_a_row_for_each_and_is_an_error() -> None:
    llm = FakeLLM(judge)
    app = FakeApp(lambda prompt, case: Answer(None, error="no such model"))
    found = run_evals(PROMPT, CASES, Plan(MODES, "demo", "m"), app, llm)
    assert [(a.output, a.error) for a in found.answers] == [(None, "no such model")] * 3
    with pytest.raises(ModelError, match=r"all 3 cases.*no such model"):
        found.check()
    assert llm.asked == []


def test_an_app_that_answers_nothing_but_never_fails_has_results() -> None:
    assert [r.label for r in run([Answer("")] * 3)] == ["fail"] * 3


def test_no_cases_have_no_results() -> None:
    found = run_evals(PROMPT, [], Plan(MODES, "demo", "m"), FakeApp(lambda p, c: FINE), FakeLLM(judge))
    assert (found.answers, found.results) == ([], [])
    found.check()


def test_an_adversarial_case_is_checked_for_what_it_attempts_and_in_no_other_rate() -> None:
    attack = a_case(case_id="g-x", kind="adversarial", criteria='The answer must not contain "ZX1".')
    llm = FakeLLM(judge)
    app = FakeApp(lambda prompt, case: Answer("ZX1" if case.kind == "adversarial" else "fine"))
    rows = run_evals(PROMPT, [CASES[0], attack], Plan(MODES, "demo", "judge-model"), app, llm).results
    assert rows_of(rows, "g-x") == {"resisted": ("fail", 0.0)}
    assert set(rows_of(rows, CASES[0].case_id)) == {"answered", "judge:fm-1", "judge:fm-2"}
    assert len(llm.asked) == len(MODES)


def test_an_answer_is_made_once_and_judged_by_many() -> None:
    app = FakeApp(lambda prompt, case: replace(FINE, cost_usd=0.25, input_tokens=7, finish_reason="stop"))
    found = run_evals(PROMPT, CASES, Plan(MODES, "demo", "m", golden_version="gv-1"), app, FakeLLM(judge))
    assert app.asked == [("g-0", 0), ("g-1", 0), ("g-2", 0)]
    assert sum(a.cost_usd or 0 for a in found.answers) == 0.75
    assert len({a.answer_id for a in found.answers}) == 3
    for answer in found.answers:
        assert [r.evaluator for r in found.results if r.answer_id == answer.answer_id] == [
            "answered", "judge:fm-1", "judge:fm-2",
        ]  # fmt: skip
        assert (answer.output, answer.input_tokens, answer.finish_reason) == ("Fine.", 7, "stop")
    assert {a.golden_version for a in found.answers} | {r.golden_version for r in found.results} == {"gv-1"}


def test_every_repeat_of_a_case_is_an_answer_of_its_own_with_verdicts_of_its_own() -> None:
    app, llm = FakeApp(lambda prompt, case: FINE), FakeLLM(judge)
    found = run_evals(PROMPT, CASES[:1], Plan(MODES[:1], "demo", "m", repeats=3), app, llm)
    assert app.asked == [("g-0", 0), ("g-0", 1), ("g-0", 2)]
    assert [a.repeat for a in found.answers] == [0, 1, 2]
    assert len({a.answer_id for a in found.answers}) == 3
    assert [r.repeat for r in found.results if r.annotator_kind == "LLM"] == [0, 1, 2]


def test_a_judge_is_asked_again_until_its_majority_is_decided() -> None:
    labels = iter(["pass", "pass", "fail", "pass", "fail", "fail"])
    llm = FakeLLM(lambda data: Verdict(label=next(labels)))
    plan = Plan(MODES[:1], "demo", "m", judge_repeats=3)
    found = run_evals(PROMPT, CASES[:2], plan, FakeApp(lambda p, c: FINE), llm)
    rows = [(r.case_id, r.judge_repeat, r.label) for r in found.results if r.annotator_kind == "LLM"]
    assert rows == [
        ("g-0", 0, "pass"), ("g-0", 1, "pass"), ("g-1", 0, "fail"), ("g-1", 1, "pass"), ("g-1", 2, "fail"),
    ]  # fmt: skip
    assert [a.repeat for a in llm.asked] == [0, 1, 0, 1, 2]


def test_the_inputs_of_a_row_say_what_decided_it() -> None:
    def inputs(prompt: PromptVersion = PROMPT, modes: list[ModeToJudge] = MODES) -> tuple[dict[str, str], ...]:
        app = FakeApp(lambda p, c: FINE)
        found = run_evals(prompt, CASES[:1], Plan(modes, "demo", "m"), app, FakeLLM(judge))
        return json.loads(found.answers[0].inputs), json.loads(found.results[1].inputs)

    answer, verdict = inputs()
    other_answer, same_verdict = inputs(prompt=a_prompt("Be brief."))
    assert {k for k in answer if answer[k] != other_answer[k]} == {"prompt"}
    assert same_verdict == verdict  # the answer is the same, and it is all that a judge sees of the prompt
    _, other_verdict = inputs(modes=[replace(MODES[0], definition="another")])
    assert {k for k in verdict if verdict[k] != other_verdict[k]} == {"failure mode"}


CLAIMS = {"texts": ["done"]}
CHECK = Check("no-claims", "forbidden", make_evaluator("forbidden", CLAIMS), CLAIMS, "fm-1")


def check_rows(answer: Answer, *checks: Check, llm: FakeLLM | None = None, **plan: Any) -> list[EvalResult]:
    found = run_evals(
        PROMPT, CASES[:1], Plan([], "demo", "m", checks=checks, **plan), FakeApp(lambda p, c: answer),
        llm or FakeLLM(lambda data: "not asked"),
    )  # fmt: skip
    return [r for r in found.results if r.evaluator.startswith("check:")]


def test_an_evaluator_of_the_file_has_a_row_of_its_own() -> None:
    (row,) = check_rows(Answer("Done!"), CHECK)
    assert (row.evaluator, row.label, row.score, row.annotator_kind, row.error) == (
        "check:no-claims", "fail", 0.0, "CODE", None,
    )  # fmt: skip
    assert row.evaluator_version == CHECK.version("m") and row.cost_usd == 0
    assert "done" in row.explanation


def test_one_that_does_not_apply_has_neither_label_nor_error_and_one_that_breaks_has_its_reason() -> None:
    exact = Check("as-known", "exact", make_evaluator("exact", {}))
    (row,) = check_rows(Answer("Hello."), exact)
    assert (row.label, row.score, row.error) == (None, None, None) and "no reference" in row.explanation
    retrieval = Check("found", "retrieval", make_evaluator("retrieval", {}))
    needed = replace(CASES[0], expected_doc_ids=Json('["d1"]'))
    app, llm = FakeApp(lambda p, c: Answer("Hello.")), FakeLLM(lambda data: "not asked")
    (_, row) = run_evals(PROMPT, [needed], Plan([], "demo", "m", checks=[retrieval]), app, llm).results
    assert (row.label, row.score, row.explanation) == (None, None, "") and "no retrieved documents" in (row.error or "")


def test_code_is_run_once_and_a_model_until_its_majority_is_decided() -> None:
    tone = Check("warm", "tone", make_evaluator("tone", {"scale": "warmth", "one": "cold", "five": "warm"}))
    rows = check_rows(
        Answer("Hi."), CHECK, tone, llm=FakeLLM(lambda data: Rating(rating=4)), judge_repeats=3
    )  # fmt: skip
    assert [(r.evaluator, r.annotator_kind, r.score) for r in rows] == [
        ("check:no-claims", "CODE", 1.0), ("check:warm", "LLM", 0.75), ("check:warm", "LLM", 0.75),
    ]  # fmt: skip


def test_evaluators_of_the_file_judge_no_attack_and_no_missing_answer() -> None:
    assert check_rows(Answer(""), CHECK) == check_rows(Answer(None, error="timeout"), CHECK) == []
    attack = a_case(case_id="g-x", kind="adversarial", criteria='The answer must not contain "ZX1".')
    app = FakeApp(lambda p, c: Answer("Done."))
    rows = run_evals(PROMPT, [attack], Plan([], "demo", "m", checks=[CHECK]), app, FakeLLM(judge)).results
    assert [r.evaluator for r in rows] == ["resisted"]


LOOKUP = {"function": {"name": "look_up", "arguments": '{"id": 7}'}}
CALLS_ONLY = Answer("", tool_calls=(LOOKUP,))


def test_tool_calls_without_a_text_reach_their_evaluator_and_have_no_verdict_by_their_text() -> None:
    entries: dict[str, tuple[str, dict[str, Any]]] = {
        "calls": ("tool_calls", {"expected": [{"name": "look_up", "arguments": {"id": 7}}]}),
        "wrong": ("tool_calls", {"expected": [{"name": "refund", "arguments": {}}]}),
        "short": ("length", {"unit": "words", "at_most": 5}),
        "kind": ("tone", {"scale": "warmth", "one": "cold", "five": "warm"}),
    }
    checks = tuple(
        Check(name, kind, make_evaluator(kind, settings), settings) for name, (kind, settings) in entries.items()
    )
    llm = FakeLLM(judge)
    app = FakeApp(lambda prompt, case: CALLS_ONLY)
    results = run_evals(PROMPT, CASES[:1], Plan(MODES, "demo", "m", judge_repeats=3, checks=checks), app, llm).results
    found = rows_of(results, "g-0")
    assert found["answered"] == ("pass", 1.0)
    assert found["check:calls"][0] == "pass"
    assert found["check:wrong"][0] == "fail"
    by_text = [r for r in results if r.evaluator in ("judge:fm-1", "judge:fm-2", "check:short", "check:kind")]
    assert [(r.label, r.score) for r in by_text] == [(None, None)] * 4
    assert all("no text" in (r.error or "") for r in by_text)
    assert llm.asked == []


def test_a_case_answered_by_tool_calls_alone_is_not_known_by_a_judge_that_decides() -> None:
    results = run([CALLS_ONLY, FINE, Answer("")])
    outcomes = case_outcomes(results, ("answered", "judge:fm-1"))
    assert outcomes == {"g-1": True, "g-2": False}


def test_an_attempt_that_works_through_a_tool_call_is_not_resisted() -> None:
    case = a_case(case_id="a-1", kind="adversarial", criteria='The answer must not contain "PWNED".')
    obeyed = Answer("", tool_calls=({"function": {"name": "say", "arguments": '{"text": "pwned"}'}},))
    app = FakeApp(lambda prompt, case: obeyed)
    (row,) = run_evals(PROMPT, [case], Plan(MODES, "demo", "m"), app, FakeLLM(judge)).results
    assert (row.evaluator, row.label) == ("resisted", "fail")
