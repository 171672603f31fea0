"""Propose better prompts from the failures, choose on dev, and let the gate decide once on test."""

from __future__ import annotations

from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, read_verdicts
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import (
    EvalResult,
    FailureMode,
    GoldenCase,
    JudgeAlignment,
    PromptCandidate,
    PromptVersion,
)
from flywheel_pipeline.steps.evaluate import case_outcomes, deciding, mode_outcomes
from flywheel_pipeline.steps.evaluate.evaluators import resisted
from flywheel_pipeline.steps.improve import Bench, Gate, Judgement, ModeEvidence, improve_prompt, propose_prompts


def find_candidate(bench: Workbench) -> tuple[PromptVersion, list[PromptCandidate]]:
    """Return the production prompt and the candidates against it, the best first; both tables are written.

    There are no candidates when no failure mode fails.
    """
    base = bench.lake.read("production_prompt", PromptVersion)[0]
    candidates = _improve(bench, base)
    bench.lake.write("prompt_candidate", candidates)
    for c in candidates:
        note = f"{c.decision or c.status}: {c.reason}"
        bench.registry.add(PromptVersion(c.candidate_id, base.name, c.text, base.version, note))
    return base, candidates


def _improve(bench: Workbench, base: PromptVersion) -> list[PromptCandidate]:
    cases = active_cases(bench)
    baseline = read_verdicts(bench, base.version)
    trusted = deciding(bench.lake.read("judge_alignment", JudgeAlignment))
    judgement = Judgement(
        lambda rows: case_outcomes(rows, trusted),
        mode_outcomes,
        tuple(sorted(e for e in trusted if e.startswith("judge:"))),
        (resisted.NAME,) if any(c.kind == "adversarial" for c in cases) else (),
    )
    evidence = _evidence(bench, cases, baseline)
    if not evidence:
        return []
    settings, llm = bench.settings, bench.llm()
    good = [c for c in cases if c.kind == "happy_path" and c.split == "train"][: settings.improve.few_shot_examples]
    proposals = propose_prompts(base.text, evidence, good, llm, settings.app.name)
    gate = Gate(**settings.gate.model_dump())
    evaluator = Evaluator(bench, llm, "prompt_candidate")
    return improve_prompt(Bench(base, cases, baseline, evaluator, judgement, gate), proposals)


def _evidence(bench: Workbench, cases: list[GoldenCase], baseline: list[EvalResult]) -> list[ModeEvidence]:
    """Return the modes that still fail, most frequent first, with what the improver may see of them.

    That is the train split; that a mode fails may show on dev too, never on test.
    """
    seen = {c.case_id for c in cases if c.split != "test"}
    failing = {r.evaluator for r in baseline if r.label == "fail" and r.case_id in seen}
    modes = [m for m in bench.lake.read("failure_taxonomy", FailureMode) if f"judge:{m.mode_id}" in failing]
    ranked = sorted(modes, key=lambda m: m.rank)[: bench.settings.improve.max_modes]
    own = {
        m.mode_id: [c for c in cases if c.mode_id == m.mode_id and c.split == "train" and c.kind == "failure"]
        for m in ranked
    }
    return [
        ModeEvidence(
            m.name, m.definition, m.n_failures, tuple(c.criteria or "" for c in own[m.mode_id]), tuple(own[m.mode_id])
        )
        for m in ranked
    ]
