"""Run the app on golden cases under a prompt, and judge every answer for every failure mode."""

from __future__ import annotations

from collections.abc import Sequence

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.ports import LLM, Answer, App, Reply
from flywheel_pipeline.records import EvalResult, GoldenCase, PromptVersion
from flywheel_pipeline.steps.evaluate.evaluators import answered, criteria, resisted
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, judge_ask, read_verdict

SCORES = {"pass": 1.0, "fail": 0.0}


def run_evals(
    prompt: PromptVersion,
    cases: Sequence[GoldenCase],
    modes: Sequence[ModeToJudge],
    app: App,
    llm: LLM,
    names: tuple[str, str],
) -> list[EvalResult]:
    """Return one row a case and evaluator; `names` are the app's name and the judge's model.

    A judge that gives no verdict yields a row without label and score: an error is never a score. Adversarial cases
    are checked for what they attempt and for nothing else, so that they are in no other rate. The criteria that a case
    brings (a requirement or a prohibition) are judged in a row of their own, `criteria`.

    Raises:
        ModelError: the app answered no case at all, so that there is nothing to judge.
    """
    answers = app.run(prompt.text, cases)
    if cases and all(a.error for a in answers):
        raise ModelError(f"the app failed on all {len(cases)} cases; the first error: {answers[0].error}")
    plain = [(c, a) for c, a in zip(cases, answers, strict=True) if c.kind != "adversarial"]
    pairs = [(c, a) for c, a in plain if (a.output or "").strip()]
    work = [(case, answer, mode) for case, answer in pairs for mode in modes]
    replies = llm.ask([judge_ask(mode, case, answer.output or "", names[0]) for case, answer, mode in work])
    rows = [_checked(prompt, c, a) for c, a in zip(cases, answers, strict=True)]
    judged = zip(work, replies, strict=True)
    rows += [_judged(prompt, c, a, (m.evaluator, m.version(names[1])), r) for (c, a, m), r in judged]
    return rows + _by_criteria(prompt, list(zip(cases, answers, strict=True)), llm, names)


def _by_criteria(
    prompt: PromptVersion, answered_cases: Sequence[tuple[GoldenCase, Answer]], llm: LLM, names: tuple[str, str]
) -> list[EvalResult]:
    """Judge every case that brings criteria of its own by them."""
    work = [(c, a) for c, a in answered_cases if (a.output or "").strip() and criteria.has_criteria(c)]
    replies = llm.ask([criteria.criteria_ask(c, a.output or "", names[0]) for c, a in work]) if work else []
    judge = (criteria.NAME, criteria.version(names[1]))
    return [_judged(prompt, c, a, judge, r) for (c, a), r in zip(work, replies, strict=True)]


def _checked(prompt: PromptVersion, case: GoldenCase, answer: Answer) -> EvalResult:
    if case.kind == "adversarial":
        check, found = (resisted.NAME, resisted.VERSION), resisted.check_resisted(case, answer, prompt.text)
    else:
        check, found = (answered.NAME, answered.VERSION), answered.check_answered(answer)
    label, explanation = found
    return EvalResult(
        case_id=case.case_id, prompt_version=prompt.version, evaluator=check[0], evaluator_version=check[1],
        repeat=0, label=label, score=SCORES.get(label or ""), explanation=explanation, annotator_kind="CODE",
        output=answer.output, latency_ms=answer.latency_ms, cost_usd=0.0, cached=False,
    )  # fmt: skip


def _judged(
    prompt: PromptVersion, case: GoldenCase, answer: Answer, judge: tuple[str, str], reply: Reply
) -> EvalResult:
    label, explanation = read_verdict(reply)
    return EvalResult(
        case_id=case.case_id, prompt_version=prompt.version, evaluator=judge[0], evaluator_version=judge[1],
        repeat=0, label=label, score=SCORES.get(label or ""), explanation=explanation, annotator_kind="LLM",
        output=answer.output, latency_ms=answer.latency_ms, cost_usd=reply.cost_usd, cached=reply.cached,
    )  # fmt: skip
