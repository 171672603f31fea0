"""Cells: an answer, or a judgement of one, and the inputs that decide it, each as a hash under a name.

A cell whose inputs are those of a stored result needs no call. Which input changed is what `flywheel evals why` shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from flywheel_pipeline.prompting import load_prompt
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, Json
from flywheel_pipeline.steps.evaluate.evaluators import criteria
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, hints_of, variables_of

Inputs = Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """How cases are evaluated: by which judges, and how often the app and each judge is asked.

    A judge is asked `judge_repeats` times at most: it stops as soon as its majority is decided. The app is always
    asked `repeats` times, since stopping after a failure would bias pass@1.
    """

    modes: Sequence[ModeToJudge]
    app_name: str
    judge_model: str
    repeats: int = 1
    judge_repeats: int = 1
    golden_version: str | None = None
    checks: Sequence[Check] = ()
    """The evaluators of `evaluators.yaml` that a person accepted."""


@dataclass(frozen=True)
class Change:
    """Why a cell is computed anew: what it is, and the inputs that changed; none means that it has no result yet."""

    cell: str
    changed: tuple[str, ...]
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.cell}: no result last time ({self.error}), so it is tried again"
        return (
            f"{self.cell}: {' and '.join(self.changed)} changed" if self.changed else f"{self.cell}: not evaluated yet"
        )


def digest(*parts: str) -> str:
    """Return a short hash of texts."""
    return hashlib.blake2b("\x00".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def answer_inputs(case: GoldenCase, prompt_version: str, app_version: str, repeat: int) -> dict[str, str]:
    """Return what decides the app's answer to a case."""
    return {
        "conversation": digest(case.messages),
        "documents": digest(case.context),
        "variables": digest(json.dumps(variables_of(case), sort_keys=True)),
        "prompt": prompt_version,
        "app": app_version,
        "repeat": str(repeat),
    }


def answer_id(case: GoldenCase, inputs: Inputs) -> str:
    """Return the id of the answer of a case under these inputs."""
    return digest(case.case_id, json.dumps(inputs, sort_keys=True))


def verdict_inputs(mode: ModeToJudge, case: GoldenCase, output: str, model: str, judge_repeat: int) -> dict[str, str]:
    """Return what decides a judge's verdict on an answer."""
    hints = hints_of(mode, case, output)
    return {
        "answer": digest(output),
        "conversation": digest(case.messages),
        "documents": digest(case.context),
        "hints": digest(json.dumps(hints, sort_keys=True)),
        "instructions": digest(_instructions(), "verdict first") if mode.verdict_first else _instructions(),
        "failure mode": _mode(mode),
        "judge model": model,
        "repeat": str(judge_repeat),
    }


def criteria_inputs(case: GoldenCase, output: str, model: str, judge_repeat: int) -> dict[str, str]:
    """Return what decides the verdict of the judge of a case's own criteria."""
    stated = (case.criteria_kind, case.criteria or "", case.reference or "", case.reference_alternatives or "")
    return {
        "answer": digest(output),
        "conversation": digest(case.messages),
        "documents": digest(case.context),
        "criteria": digest(*stated),
        "instructions": _instructions("criteria"),
        "judge model": model,
        "repeat": str(judge_repeat),
    }


@cache
def _instructions(name: str = "judge") -> str:
    return digest(load_prompt("flywheel_pipeline.steps.evaluate.evaluators", name))


@cache
def _mode(mode: ModeToJudge) -> str:
    return digest(json.dumps(mode.shown(), sort_keys=True))


def check_inputs(version: str, case: GoldenCase, output: str | None, prompt: str) -> dict[str, str]:
    """Return what decides a code check."""
    return {
        "answer": digest(output or ""),
        "check": version,
        "case": digest(case.messages, case.context, case.criteria or ""),
        "prompt": digest(prompt),
    }


def configured_inputs(
    check: Check, case: GoldenCase, answer: CaseAnswer, model: str, judge_repeat: int
) -> dict[str, str]:
    """Return what decides the judgement of an evaluator of `evaluators.yaml`."""
    known = (case.reference or "", case.reference_alternatives or "", case.expected_doc_ids or "", case.criteria or "")
    return {
        "answer": digest(answer.output or "", answer.tool_calls, answer.retrieved_ids, answer.finish_reason or ""),
        "conversation": digest(case.messages),
        "documents": digest(case.context),
        "references": digest(*known, case.variables or "", case.expected_tool_calls or ""),
        "evaluator": check.version(model),
        "repeat": str(judge_repeat),
    }


def as_json(inputs: Inputs) -> Json:
    """Return inputs as they stand in a table."""
    return Json(json.dumps(inputs, sort_keys=True))


def explain_cell(cell: str, stored: Json | None, error: str | None, now: Inputs) -> Change | None:
    """Return why a cell would be computed anew, None if its stored result stands."""
    if stored is None:
        return Change(cell, ())
    before = json.loads(stored)
    changed = tuple(name for name in now if before.get(name) != now[name])
    if changed:
        return Change(cell, changed)
    return Change(cell, (), error) if error is not None else None


@dataclass(frozen=True)
class Stored:
    """What the tables hold of one case: its answers under any prompt, the wanted one last, and their verdicts."""

    answers: Sequence[CaseAnswer] = ()
    results: Sequence[EvalResult] = ()

    def answer(self, prompt_version: str, repeat: int) -> CaseAnswer | None:
        """Return the answer to compare with: under the same prompt, else under the one that comes last."""
        found = [a for a in self.answers if a.repeat == repeat]
        same = [a for a in found if a.prompt_version == prompt_version]
        return (same or found)[-1] if found else None

    def verdict(self, answer: CaseAnswer, evaluator: str) -> EvalResult | None:
        """Return the first verdict of an evaluator on an answer."""
        found = [r for r in self.results if r.answer_id == answer.answer_id and r.evaluator == evaluator]
        return min(found, key=lambda r: r.judge_repeat, default=None)


@dataclass(frozen=True)
class Due:
    """What an evaluation of one case would compute, each with its reason.

    `answers` asks the app and `verdicts` a model; `checks` are code, which costs nothing and is run every time.
    """

    answers: tuple[Change, ...]
    verdicts: tuple[Change, ...]
    checks: tuple[Change, ...] = ()

    def lines(self) -> list[str]:
        """Return the reasons as lines for a person."""
        return [str(c) for c in (*self.answers, *self.verdicts, *self.checks)] or [
            "nothing changed: the next run takes everything from the cache"
        ]


def due_cells(case: GoldenCase, prompt_version: str, app_version: str, plan: Plan, stored: Stored) -> Due:
    """Return the cells of a case that have no result under their present inputs, and why."""
    answers: list[Change] = []
    verdicts: list[Change] = []
    checks: list[Change] = []
    for repeat in range(plan.repeats):
        name = "answer" if plan.repeats == 1 else f"answer {repeat}"
        inputs = answer_inputs(case, prompt_version, app_version, repeat)
        old = stored.answer(prompt_version, repeat)
        change = explain_cell(name, old.inputs if old else None, old.error if old else None, inputs)
        answers += [change] if change else []
        due = _due_judgements(case, plan, stored, None if change else old)
        verdicts += [c for asks, c in due if asks]
        checks += [c for asks, c in due if not asks]
    return Due(tuple(answers), tuple(verdicts), tuple(checks))


InputsOf = Callable[[CaseAnswer, int], Inputs]
"""Returns what decides a judgement of an answer, from the answer and the judge's repeat."""


def _judgements(case: GoldenCase, plan: Plan) -> dict[str, tuple[bool, InputsOf]]:
    """Return every evaluator of a case: {name: (whether it asks a model, what decides its judgement)}."""
    model, found = plan.judge_model, dict[str, tuple[bool, InputsOf]]()
    plain = case.kind != "adversarial"
    for mode in plan.modes if plain else ():
        found[mode.evaluator] = True, lambda a, n, mode=mode: verdict_inputs(mode, case, a.output or "", model, n)  # type: ignore[misc]
    if criteria.has_criteria(case):
        found[criteria.NAME] = True, lambda a, n: criteria_inputs(case, a.output or "", model, n)
    for check in plan.checks if plain else ():
        found[check.row_name] = check.asks, lambda a, n, check=check: configured_inputs(check, case, a, model, n)  # type: ignore[misc]
    return found


def _due_judgements(
    case: GoldenCase, plan: Plan, stored: Stored, answer: CaseAnswer | None
) -> list[tuple[bool, Change]]:
    """Return (whether a model is asked, why) of the judgements that are due on an answer.

    They are all due where the answer itself is, which is then None.
    """
    found: list[tuple[bool, Change | None]] = []
    if answer is not None and answer.is_empty:
        return []
    for name, (asks, inputs_of) in _judgements(case, plan).items():
        if asks and answer is not None and not answer.has_text:
            continue
        if answer is None:
            found.append((asks, Change(name, ("answer",))))
            continue
        old = stored.verdict(answer, name)
        inputs = inputs_of(answer, old.judge_repeat if old else 0)
        found.append((asks, explain_cell(name, old.inputs if old else None, old.error if old else None, inputs)))
    return [(asks, change) for asks, change in found if change]
