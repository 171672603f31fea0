"""Compare other models for the app with the present one, under the same prompt: quality, price, latency, the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.compare import WITH_MODEL, Compared, compare, known_failures_of
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, read_verdicts, reads_of_test
from flywheel_pipeline.flows.improve import evaluate_baseline_afresh, gate_of, is_fresh, judgement_of
from flywheel_pipeline.flows.other_model import with_model
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, PromptVersion
from flywheel_pipeline.steps.evaluate.known import approvals
from flywheel_pipeline.steps.evaluate.usage import Usage, usage_of
from flywheel_pipeline.steps.improve import READER, Bench, GateReport, decide
from flywheel_pipeline.steps.improve.evidence import gather_evidence

MODELS_READER = "models"
"""Who evaluates another model on dev, in the log of reads."""


@dataclass(frozen=True)
class ModelReport:
    """Another model under the production prompt, on the cases of `split`, beside the present model.

    `gate` is what the gate's rules say of these cases; None while no judge may decide.
    """

    model: str
    version: str
    split: str
    compared: Compared
    before: Usage
    after: Usage
    gate: GateReport | None


def compare_models(bench: Workbench, models: Sequence[str], on_test: bool = False) -> list[ModelReport]:
    """Evaluate the production prompt with each of `models`, and compare it with the present one; the rows are kept.

    On the dev split, by the gate's rules, but deciding nothing. With `on_test` on the test split, where each model is a
    look at it, as a candidate's is, and the answers of the present model are made afresh where they may vary.

    Raises:
        HomeError: the production prompt has not been evaluated yet.
        EditError: the app does not ask `models.app`.
        ModelError: a model answered no case, or cannot be called.
        BudgetError: the spending limit is reached; finished calls are cached.
    """
    prompts = bench.lake.read("production_prompt", PromptVersion)
    if not prompts or not read_verdicts(bench, prompts[0].version):
        raise HomeError("There is nothing to compare yet: `flywheel run` evaluates the production prompt.")
    others = [(name, with_model(bench, name)) for name in dict.fromkeys(models)]
    return [_report(bench, other, prompts[0], name, on_test) for name, other in others]


def _report(bench: Workbench, other: Workbench, base: PromptVersion, model: str, on_test: bool) -> ModelReport:
    cases, split = active_cases(bench), "test" if on_test else "dev"
    asked = [c for c in cases if c.split == split or (on_test and c.critical)]
    variant = replace(base, version=f"{base.version}{WITH_MODEL}{model}")
    llm = other.llm()
    rows = Evaluator(other, llm, READER if on_test else MODELS_READER).evaluate(variant, asked)
    before = base.version, read_verdicts(bench, base.version)
    if on_test and is_fresh(bench):
        before = evaluate_baseline_afresh(bench, base, bench.llm(), variant.version, asked)
    ids = {c.case_id for c in asked}
    old, new = (usage_of(_answers(bench, version, ids)) for version in (before[0], variant.version))
    looked_at = (cases, reads_of_test(bench)) if on_test else (_as_test(cases, split), [])
    gate = _gate(bench, base, variant, (before, rows), looked_at)
    return ModelReport(model, variant.version, split, compare(bench, before[0], variant.version, ids), old, new, gate)


def _answers(bench: Workbench, version: str, ids: set[str]) -> list[CaseAnswer]:
    return [a for a in bench.lake.read("answers", CaseAnswer, "prompt_version = ?", [version]) if a.case_id in ids]


def _as_test(cases: Sequence[GoldenCase], split: str) -> list[GoldenCase]:
    """Return the cases of a split as those that the gate's rules look at."""
    return [replace(c, split="test") for c in cases if c.split == split]


def _gate(
    bench: Workbench,
    base: PromptVersion,
    variant: PromptVersion,
    outcomes: tuple[tuple[str, Sequence[EvalResult]], Sequence[EvalResult]],
    looked_at: tuple[Sequence[GoldenCase], Sequence[Mapping[str, Any]]],
) -> GateReport | None:
    """Return what the gate's rules say.

    Args:
        outcomes: ((version before, its rows), rows after).
        looked_at: the cases, and the earlier reads of their split.
    """
    (before, rows), (cases, reads), judgement = outcomes, looked_at, judgement_of(bench)
    if not judgement.judges:
        return None
    ids = {c.case_id for c in cases if c.split == "test" or c.critical}
    own = before[0], [r for r in before[1] if r.case_id in ids]
    decided = Bench(
        base, cases, own[1], Evaluator(bench, bench.llm()), judgement, gate_of(bench), reads,
        answers=lambda version: _answers(bench, version, ids), approved=approvals(known_failures_of(bench)),
    )  # fmt: skip
    return decide(decided.gate, gather_evidence(decided, variant.version, own, rows))
