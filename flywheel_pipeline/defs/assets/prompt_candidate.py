"""`prompt_candidate`: a better prompt, and the gate's decision on it."""

import difflib
import json
import textwrap

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.evaluating import Evaluator, active_cases, n_looks
from flywheel_pipeline.defs.metadata import bars, definition_metadata, table, text_block
from flywheel_pipeline.defs.resources import LakeResource, Workbench
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
from flywheel_pipeline.steps.improve import (
    Bench,
    Gate,
    Judgement,
    ModeEvidence,
    improve_prompt,
    propose_prompts,
)

DIFF_WIDTH = 84


@dg.asset(
    deps=["eval_results", "judge_alignment", "golden_set", "failure_taxonomy", "production_prompt"],
    group_name="improve",
    kinds={"litellm"},
    owners=["team:app"],
    metadata=definition_metadata("prompt_candidate"),
)
def prompt_candidate(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Proposes prompts from the failures, chooses on dev, and lets the gate decide once on test."""
    base = lake.lake.read("production_prompt", PromptVersion)[0]
    candidates = improve(lake.lake, bench, base)
    lake.lake.write("prompt_candidate", candidates)
    for c in candidates:
        bench.registry.add(
            PromptVersion(c.candidate_id, base.name, c.text, base.version, f"{c.decision or c.status}: {c.reason}")
        )
    names = {f"judge:{m.mode_id}": m.name for m in lake.lake.read("failure_taxonomy", FailureMode)}
    looks = {"n_test_looks": dg.MetadataValue.int(n_looks(bench))}
    return dg.MaterializeResult(metadata={**_shown(base, candidates, names), **looks})


def improve(lake: Lake, bench: Workbench, base: PromptVersion) -> list[PromptCandidate]:
    """Return the candidates against the production prompt; none when nothing fails."""
    cases = active_cases(lake)
    baseline = lake.read("eval_results", EvalResult, "prompt_version = ?", [base.version])
    trusted = deciding(lake.read("judge_alignment", JudgeAlignment))
    judgement = Judgement(
        lambda rows: case_outcomes(rows, trusted),
        mode_outcomes,
        tuple(sorted(e for e in trusted if e.startswith("judge:"))),
        (resisted.NAME,) if any(c.kind == "adversarial" for c in cases) else (),
    )
    evidence = _evidence(lake, bench, cases, baseline)
    if not evidence:
        return []
    settings, llm = bench.settings, bench.llm(lake)
    good = [c for c in cases if c.kind == "happy_path" and c.split == "train"][: settings.improve.few_shot_examples]
    proposals = propose_prompts(base.text, evidence, good, llm, settings.app.name)
    gate = Gate(**settings.gate.model_dump())
    evaluator = Evaluator(lake, bench, llm, "prompt_candidate")
    return improve_prompt(Bench(base, cases, baseline, evaluator, judgement, gate), proposals)


def _evidence(lake: Lake, bench: Workbench, cases: list[GoldenCase], baseline: list[EvalResult]) -> list[ModeEvidence]:
    """Return the modes that still fail, most frequent first, with what the improver may see of them.

    That is the train split; that a mode fails may show on dev too, never on test.
    """
    seen = {c.case_id for c in cases if c.split != "test"}
    failing = {r.evaluator for r in baseline if r.label == "fail" and r.case_id in seen}
    modes = [m for m in lake.read("failure_taxonomy", FailureMode) if f"judge:{m.mode_id}" in failing]
    ranked = sorted(modes, key=lambda m: m.rank)[: bench.settings.improve.max_modes]
    own = {
        m.mode_id: [c for c in cases if c.mode_id == m.mode_id and c.split == "train" and c.kind == "failure"]
        for m in ranked
    }
    return [
        ModeEvidence(
            m.name,
            m.definition,
            m.n_failures,
            tuple(c.criteria or "" for c in own[m.mode_id]),
            tuple(own[m.mode_id]),
        )
        for m in ranked
    ]


def _shown(
    base: PromptVersion, candidates: list[PromptCandidate], names: dict[str, str]
) -> dict[str, dg.MetadataValue]:
    if not candidates:
        return {
            "dagster/row_count": dg.MetadataValue.int(0),
            "decision": dg.MetadataValue.text("nothing to improve"),
        }
    best = candidates[0]
    evidence = json.loads(best.evidence)
    rows = [("all evaluators", evidence["overall"])] if "overall" in evidence else []
    rows += [(names.get(name, name), numbers) for name, numbers in evidence.get("evaluators", {}).items()]
    told = [
        [
            n,
            v["n"],
            v["fixed"],
            v["broken"],
            f"{v['difference']:+.0%}",
            f"{v['low']:+.0%} to {v['high']:+.0%}",
        ]
        for n, v in rows
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(candidates)),
        "decision": dg.MetadataValue.text(best.decision or best.status),
        "reason": dg.MetadataValue.text(best.reason),
        "candidate": dg.MetadataValue.text(best.candidate_id),
        "changes": table(("change",), [[c] for c in json.loads(best.changes)], cell=300),
        "fixed_blue_broken_orange": bars([(n, v["fixed"]) for n, v in rows], [(0, v["broken"]) for _, v in rows]),
        "on_test": table(("evaluator", "n", "fixed", "broken", "difference", "95 % interval"), told),
        "prompt_diff": text_block(prompt_diff(base.text, best.text), "diff"),
        "candidates": table(
            ("candidate", "decision", "reason"),
            [[c.candidate_id, c.decision or c.status, c.reason] for c in candidates],
        ),
    }


def prompt_diff(before: str, after: str) -> str:
    """Return a unified diff of two prompts, long lines wrapped."""
    old, new = (
        [part for line in text.splitlines() for part in textwrap.wrap(line, DIFF_WIDTH) or [""]]
        for text in (before, after)
    )
    return "\n".join(difflib.unified_diff(old, new, "production", "candidate", lineterm=""))
