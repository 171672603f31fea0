"""Run the app on golden cases under a prompt, and judge every answer for every failure mode."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.errors import NoAnswerError
from flywheel_pipeline.ports import Answer, App, Ask, Engine, Reply
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, Json, PromptVersion
from flywheel_pipeline.steps.evaluate.cells import (
    Plan,
    answer_id,
    answer_inputs,
    as_json,
    check_inputs,
    configured_inputs,
    criteria_inputs,
    verdict_inputs,
)
from flywheel_pipeline.steps.evaluate.evaluators import answered, criteria, resisted
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check, judge_answer
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, judge_ask, read_verdict
from flywheel_pipeline.steps.evaluate.evaluators.judgement import NO_TEXT
from flywheel_pipeline.steps.evaluate.repeats import is_decided

SCORES = {"pass": 1.0, "fail": 0.0}


@dataclass(frozen=True)
class Evaluation:
    """The rows of one evaluation."""

    answers: list[CaseAnswer]
    results: list[EvalResult]

    def check(self) -> None:
        """Refuse an evaluation without a single answer.

        Raises:
            NoAnswerError: the app answered no case, so that there is nothing to judge.
        """
        if self.answers and all(a.error for a in self.answers):
            first = self.answers[0].error
            raise NoAnswerError(f"The app failed on all {len(self.answers)} cases; the first error: {first}")


def run_evals(prompt: PromptVersion, cases: Sequence[GoldenCase], plan: Plan, app: App, engine: Engine) -> Evaluation:
    """Return an answer for every case and repeat, and a row for every answer and evaluator.

    An answer is judged as soon as it is there. What gave no judgement has a row without label and score, but with an
    error: an error is never a score. An answer that failed is not judged. One of tool calls alone is judged by what
    reads tool calls; judges read texts, and have a row with an error. Adversarial cases are checked for what they
    attempt and for nothing else, so that they are in no other rate. The criteria that a case brings (a requirement or
    a prohibition) are judged in a row of their own, `criteria`. An evaluator of `evaluators.yaml` that does not apply
    to a case has a row with neither label nor error.
    """

    async def evaluate(item: tuple[GoldenCase, int]) -> tuple[CaseAnswer, list[EvalResult]]:
        case, repeat = item
        answer = await app.answer(prompt.text, case, repeat)
        row = _answer_row(prompt, case, repeat, answer, app.version, plan)
        judged = [] if answer.is_empty or answer.error else await judge_given(case, (row, answer), plan, engine)
        return row, [_check(prompt, case, answer, row), *judged]

    items = [(case, repeat) for case in cases for repeat in range(plan.repeats)]
    found = engine.map(evaluate, items)
    return Evaluation([a for a, _ in found], [r for _, rows in found for r in rows])


async def judge_given(
    case: GoldenCase, given: tuple[CaseAnswer, Answer], plan: Plan, engine: Engine
) -> list[EvalResult]:
    """Return the verdicts of all that judges an answer that is there: the row of it, and the answer itself."""
    plain = case.kind != "adversarial"
    own = [_judge_criteria(case, given[0], plan, engine)] if criteria.has_criteria(case) else []
    judged = await asyncio.gather(
        *(_judge(mode, case, given[0], plan, engine) for mode in (plan.modes if plain else ())), *own,
        *(_run_check(check, case, given, plan, engine) for check in (plan.checks if plain else ())),
    )  # fmt: skip
    return [r for rows in judged for r in rows]


def _answer_row(
    prompt: PromptVersion, case: GoldenCase, repeat: int, answer: Answer, app_version: str, plan: Plan
) -> CaseAnswer:
    inputs = answer_inputs(case, prompt.version, app_version, repeat)
    return CaseAnswer(
        answer_id=answer_id(case, inputs), case_id=case.case_id, prompt_version=prompt.version,
        app_version=app_version, repeat=repeat, output=answer.output, error=answer.error,
        finish_reason=answer.finish_reason, tool_calls=Json(json.dumps([dict(c) for c in answer.tool_calls])),
        retrieved_ids=Json(json.dumps(list(answer.retrieved_doc_ids))), input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens, cost_usd=answer.cost_usd, latency_ms=answer.latency_ms,
        cached=answer.cached, inputs=as_json(inputs), golden_version=plan.golden_version,
    )  # fmt: skip


def _check(prompt: PromptVersion, case: GoldenCase, answer: Answer, row: CaseAnswer) -> EvalResult:
    """Return the row of the code check that a case of this kind gets."""
    if case.kind == "adversarial":
        name, version, found = resisted.NAME, resisted.VERSION, resisted.check_resisted(case, answer, prompt.text)
    else:
        name, version, found = answered.NAME, answered.VERSION, answered.check_answered(answer)
    label, explanation = found
    return EvalResult(
        case_id=case.case_id, prompt_version=prompt.version, evaluator=name, evaluator_version=version,
        repeat=row.repeat, label=label, score=SCORES.get(label or ""), explanation=explanation if label else "",
        annotator_kind="CODE", cost_usd=0.0, cached=False, golden_version=row.golden_version,
        answer_id=row.answer_id, error=None if label else explanation,
        inputs=as_json(check_inputs(version, case, answer.output, prompt.text)),
    )  # fmt: skip


async def _judge(
    mode: ModeToJudge, case: GoldenCase, answer: CaseAnswer, plan: Plan, engine: Engine
) -> list[EvalResult]:
    """Return the rows of one judge on one answer: one, or as many repeats as its majority needs."""
    rows: list[EvalResult] = []
    for repeat in range(plan.judge_repeats):
        reply = await _reply(judge_ask(mode, case, answer.output or "", plan.app_name, repeat), answer, engine)
        rows.append(_verdict_row(mode, case, answer, plan, (repeat, reply)))
        if is_decided([r.label for r in rows], plan.judge_repeats) or not answer.has_text:
            break
    return rows


async def _reply(ask: Ask, answer: CaseAnswer, engine: Engine) -> Reply:
    """Ask a judge; without a text to judge, nobody is asked and nothing is paid."""
    return await engine.reply(ask) if answer.has_text else Reply(None, NO_TEXT)


async def _judge_criteria(case: GoldenCase, answer: CaseAnswer, plan: Plan, engine: Engine) -> list[EvalResult]:
    """Return the rows of the judge of a case's own criteria."""
    rows: list[EvalResult] = []
    for repeat in range(plan.judge_repeats):
        ask = criteria.criteria_ask(case, answer.output or "", plan.app_name, repeat)
        reply = await _reply(ask, answer, engine)
        label, explanation = read_verdict(reply)
        rows.append(EvalResult(
            case_id=case.case_id, prompt_version=answer.prompt_version, evaluator=criteria.NAME,
            evaluator_version=criteria.version(plan.judge_model), repeat=answer.repeat, label=label,
            score=SCORES.get(label or ""), explanation=explanation if label else "", annotator_kind="LLM",
            cost_usd=reply.cost_usd, cached=reply.cached, golden_version=plan.golden_version,
            answer_id=answer.answer_id, judge_repeat=repeat, error=None if label else explanation,
            inputs=as_json(criteria_inputs(case, answer.output or "", plan.judge_model, repeat)),
        ))  # fmt: skip
        if is_decided([r.label for r in rows], plan.judge_repeats) or not answer.has_text:
            break
    return rows


async def _run_check(
    check: Check, case: GoldenCase, given: tuple[CaseAnswer, Answer], plan: Plan, engine: Engine
) -> list[EvalResult]:
    """Return the rows of an evaluator of `evaluators.yaml`: one, or as many as the majority of a model's needs."""
    rows: list[EvalResult] = []
    row, answer = given
    n_repeats = plan.judge_repeats if check.asks else 1
    for repeat in range(n_repeats):
        found = await judge_answer(check, case, answer, plan.app_name, engine, repeat)
        j = found.judgement
        rows.append(EvalResult(
            case_id=case.case_id, prompt_version=row.prompt_version, evaluator=check.row_name,
            evaluator_version=check.version(plan.judge_model), repeat=row.repeat, label=j.label,
            score=SCORES.get(j.label or "") if j.score is None else j.score,
            explanation="" if j.broken else j.explanation, annotator_kind="LLM" if check.asks else "CODE",
            cost_usd=found.cost_usd, cached=found.cached, golden_version=plan.golden_version,
            answer_id=row.answer_id, judge_repeat=repeat, error=j.explanation if j.broken else None,
            inputs=as_json(configured_inputs(check, case, row, plan.judge_model, repeat)),
        ))  # fmt: skip
        if is_decided([r.label for r in rows], n_repeats) or not answer.has_text:
            break
    return rows


def _verdict_row(
    mode: ModeToJudge, case: GoldenCase, answer: CaseAnswer, plan: Plan, judged: tuple[int, Reply]
) -> EvalResult:
    repeat, reply = judged
    label, explanation = read_verdict(reply)
    return EvalResult(
        case_id=case.case_id, prompt_version=answer.prompt_version, evaluator=mode.evaluator,
        evaluator_version=mode.version(plan.judge_model), repeat=answer.repeat, label=label,
        score=SCORES.get(label or ""), explanation=explanation if label else "", annotator_kind="LLM",
        cost_usd=reply.cost_usd, cached=reply.cached, golden_version=plan.golden_version, answer_id=answer.answer_id,
        judge_repeat=repeat, error=None if label else explanation,
        inputs=as_json(verdict_inputs(mode, case, answer.output or "", plan.judge_model, repeat)),
    )  # fmt: skip
