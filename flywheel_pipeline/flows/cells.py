"""What the next evaluation would call, why, and about how much it would cost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from flywheel_pipeline.adapters.llm import ModelClient, Usage
from flywheel_pipeline.errors import BudgetError, HomeError
from flywheel_pipeline.flows.afresh import app_varies
from flywheel_pipeline.flows.evaluate import Evaluated, Evaluator, evaluate_production
from flywheel_pipeline.flows.golden.grow import cases_on_file
from flywheel_pipeline.flows.improve import is_fresh
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, PromptVersion
from flywheel_pipeline.steps.evaluate import Due, Stored, due_cells

log = logging.getLogger(__name__)

LARGE = 100
"""Calls from which an evaluation says beforehand what it is estimated to take."""


@dataclass(frozen=True)
class Estimate:
    """Calls that an evaluation would make; tokens and dollars from the latest calls of the same models.

    `n_measuring` verdicts on labelled answers measure the judges, at least: one that turns out to be trusted is asked
    about the failures of other modes as well, and checks that ask a model are not counted. `cost_usd` is None where
    there is no call on record, or no price. `n_checks` are judgements by code that are new.
    """

    n_cases: int
    n_answers: int
    n_verdicts: int
    tokens: float | None
    cost_usd: float | None
    fresh: tuple[int, int] = (0, 0)
    """Answers and verdicts, at most, by which a candidate's gate evaluates the production prompt afresh."""
    n_checks: int = 0
    n_measuring: int = 0

    @property
    def n_calls(self) -> int:
        """How many replies are not in the cache, those of a candidate's gate excepted."""
        return self.n_answers + self.n_verdicts + self.n_measuring

    def __str__(self) -> str:
        answers, verdicts = self.fresh
        gate = f"; beside each candidate {answers} answers and up to {verdicts} verdicts more, for a fresh baseline"
        return self.production() + (gate if answers + verdicts else "")

    def production(self) -> str:
        """Return the estimate of the evaluation itself in words."""
        checks = f"; {self.n_checks} checks by code, which cost nothing" if self.n_checks else ""
        if not self.n_calls:
            return f"{self.n_cases} cases: nothing to call, everything is in the cache{checks}"
        tokens = "tokens not known yet" if self.tokens is None else f"about {self.tokens:,.0f} tokens"
        cost = "cost not known yet" if self.cost_usd is None else f"about {self.cost_usd:.4f} USD"
        calls = f"{self.n_answers} answers and {self.n_verdicts} verdicts to ask for"
        calls += f", and at least {self.n_measuring} verdicts to measure the judges" if self.n_measuring else ""
        return f"{self.n_cases} cases: {calls}, {tokens}, {cost}{checks}"


def explain_case(bench: Workbench, name: str) -> tuple[str, list[str]]:
    """Return the id of the golden case that begins with `name`, and why the next run would ask for which of its cells.

    Raises:
        HomeError: no case, or several, begin with `name`.
    """
    cases = [c for c in cases_on_file(bench) if c.case_id.startswith(name)]
    if len(cases) != 1:
        found = "No golden case begins" if not cases else f"{len(cases)} golden cases begin"
        raise HomeError(f"{found} with {name!r}{'; name one of them' if cases else ''}.")
    (due,) = _due(bench, bench.llm(), cases)
    return cases[0].case_id, due.lines()


def estimate_evals(bench: Workbench) -> Estimate:
    """Return what an evaluation of the production prompt on the golden set as its file is now would call.

    Cases that were imported or retired since the last run count; what that run will add itself, from labels that were
    not read yet, is not known.
    """
    client, cases = bench.llm(), cases_on_file(bench)
    due, measuring = _due(bench, client, cases), _FromCache(client)
    Evaluator(bench, client).ask_judges_only(cases, measuring)
    n_measuring = len(measuring.missing)
    n_answers, n_verdicts = sum(len(d.answers) for d in due), sum(len(d.verdicts) for d in due)
    used = [
        (n, client.store.usage(role, bench.model_name(role)))
        for role, n in (("app", n_answers), ("judge", n_verdicts + n_measuring))
        if n
    ]
    client.store.close()
    n_checks = sum(len(d.checks) for d in due)
    fresh = _fresh(bench, client, cases)
    return Estimate(len(cases), n_answers, n_verdicts, _tokens(used), _cost(used), fresh, n_checks, n_measuring)


def evaluate_estimated(bench: Workbench) -> Evaluated:
    """Evaluate the production prompt; before many calls, log what they are estimated to take.

    Raises:
        BudgetError: the estimate is above `llm.max_estimate_usd`; nothing was asked.
    """
    found, llm = estimate_evals(bench), bench.settings.llm
    is_stand_in = all(bench.model_name(role).startswith("offline/") for role in ("app", "judge"))
    if found.n_calls >= LARGE and not is_stand_in:
        limit = f"; the step stops at {llm.budget_usd:g} USD (llm.budget_usd)" if llm.budget_usd else ""
        log.info("estimate: %s%s", found.production(), limit)
    if found.cost_usd is not None and found.cost_usd > llm.max_estimate_usd > 0:
        raise BudgetError(
            f"Nothing was asked: {found.production()}, which is more than llm.max_estimate_usd allows "
            f"({llm.max_estimate_usd:g} USD). Raise it in flywheel.yaml, or set it to 0, and run again."
        )
    return evaluate_production(bench)


@dataclass
class _FromCache:
    """An `LLM` that calls nothing: it answers from the cache, and remembers what is missing there."""

    client: ModelClient
    missing: set[tuple[str, int]] = field(default_factory=set)

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Return the kept replies; one that is missing is an error."""
        found = [(a, self.client.kept(a)) for a in asks]
        self.missing |= {(repr(a.messages), a.repeat) for a, reply in found if reply is None}
        return [reply or Reply(None, error="not asked yet") for _, reply in found]


def _fresh(bench: Workbench, client: ModelClient, cases: Sequence[GoldenCase]) -> tuple[int, int]:
    if not is_fresh(bench):
        return 0, 0
    plan = Evaluator(bench, client).plan()
    n = plan.repeats * sum(c.split == "test" or c.critical for c in cases)
    return (n if app_varies(bench) else 0), n * (
        len(plan.modes) + sum(c.asks for c in plan.checks)
    ) * plan.judge_repeats


def cost_of_verdicts(bench: Workbench, prompt_version: str) -> float:
    """Return what the verdicts on the answers under a prompt cost when they were made, in dollars, where known."""
    sql = "select coalesce(sum(cost_usd), 0) from eval_results where prompt_version = ?"
    return float(bench.lake.frame(sql, [prompt_version]).iloc[0].tolist()[0])


def _tokens(used: Sequence[tuple[int, Usage | None]]) -> float | None:
    known = [n * (u.input_tokens + u.output_tokens) for n, u in used if u]
    return sum(known) if len(known) == len(used) else None


def _cost(used: Sequence[tuple[int, Usage | None]]) -> float | None:
    known = [n * u.cost_usd for n, u in used if u and u.cost_usd is not None]
    return sum(known) if len(known) == len(used) else None


def _due(bench: Workbench, client: ModelClient, cases: Sequence[GoldenCase]) -> list[Due]:
    prompts = bench.lake.read("production_prompt", PromptVersion)
    if not prompts:
        raise HomeError("There is no production prompt yet: `flywheel run` takes it from the traces.")
    app_version, plan, version = bench.app(client).version, Evaluator(bench, client).plan(), prompts[0].version
    answers: dict[str, list[CaseAnswer]] = {c.case_id: [] for c in cases}
    results: dict[str, list[EvalResult]] = {c.case_id: [] for c in cases}
    for answer in bench.lake.read("answers", CaseAnswer):
        answers.get(answer.case_id, []).append(answer)
    for row in bench.lake.read("eval_results", EvalResult):
        results.get(row.case_id, []).append(row)
    return [due_cells(c, version, app_version, plan, Stored(answers[c.case_id], results[c.case_id])) for c in cases]
