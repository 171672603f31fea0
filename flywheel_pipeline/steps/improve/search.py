"""Choose among the proposals on dev, then let the gate decide on test, which is evaluated once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flywheel_pipeline.leakage import leaks
from flywheel_pipeline.ports import Evaluate
from flywheel_pipeline.records import EvalResult, GoldenCase, Json, PromptCandidate, PromptVersion
from flywheel_pipeline.steps.improve.gate import Gate, decide
from flywheel_pipeline.steps.improve.propose import Proposal

Results = Sequence[EvalResult]

REGRESSION = "regression cases"
"""The cases that always passed, which can not show that a candidate is better, only that it breaks something."""


@dataclass(frozen=True)
class Judgement:
    """How rows of `eval_results` are read: which cases pass, overall and by one evaluator.

    `judges` are the judges that agree with the expert; without one nothing can be decided. `guards` are evaluators
    that count in no overall rate, and by which a candidate must not get worse.
    """

    cases: Callable[[Results], dict[str, bool]]
    mode: Callable[[Results, str], dict[str, bool]]
    judges: tuple[str, ...]
    guards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bench:
    """What a proposal is held against: the production prompt `base` with its rows `baseline` on all cases."""

    base: PromptVersion
    cases: Sequence[GoldenCase]
    baseline: Results
    evaluate: Evaluate
    judgement: Judgement
    gate: Gate

    def split(self, name: str) -> list[GoldenCase]:
        """Return the cases of one split."""
        return [c for c in self.cases if c.split == name]


@dataclass(frozen=True)
class Trial:
    """A proposal with its pass rate on dev (an unknown outcome is no pass), or why it was not evaluated."""

    version: PromptVersion
    changes: tuple[str, ...]
    dev_rate: float = 0.0
    problem: str | None = None


def improve_prompt(bench: Bench, proposals: Sequence[Proposal]) -> list[PromptCandidate]:
    """Return one candidate a proposal; the best on dev (the shorter of equals) carries the gate's decision.

    A proposal that holds text of a dev or test case, or has grown beyond the gate's limit, is rejected
    without being evaluated. Without a trusted judge the first is held: nobody could tell whether it is better.
    """
    if not bench.judgement.judges:
        why = "no judge agrees with the expert yet: label more passes and fails, then evaluate again"
        return [_row(_trial(p, bench), bench, "hold", why) for p in proposals[:1]]
    trials = [_tried(p, bench) for p in proposals]
    best = max((t for t in trials if not t.problem), key=lambda t: (t.dev_rate, -len(t.version.text)), default=None)
    decided = [_decided(best, bench)] if best else []
    return decided + [_set_aside(t, bench) for t in trials if t is not best]


def _trial(proposal: Proposal, bench: Bench) -> Trial:
    note = f"proposed by the improver from {bench.base.version}"
    return Trial(PromptVersion.of(bench.base.name, proposal.text, bench.base.version, note), proposal.changes)


def _tried(proposal: Proposal, bench: Bench) -> Trial:
    trial = _trial(proposal, bench)
    problem = _problem(trial.version.text, bench)
    if problem:
        return Trial(trial.version, trial.changes, problem=problem)
    dev = bench.split("dev")
    passes = bench.judgement.cases(bench.evaluate.evaluate(trial.version, dev))
    return Trial(trial.version, trial.changes, sum(passes.values()) / max(sum(c.kind != "adversarial" for c in dev), 1))


def _problem(text: str, bench: Bench) -> str | None:
    leaked = leaks(text, bench.cases, bench.base.text)
    if leaked:
        return f"it holds text of held-out cases: {', '.join(leaked[:5])}"
    limit = max(bench.gate.max_prompt_growth * len(bench.base.text), bench.gate.min_prompt_limit)
    return f"it has {len(text)} characters, more than {limit:.0f}" if len(text) > limit else None


def _decided(best: Trial, bench: Bench) -> PromptCandidate:
    test = bench.split("test")
    reached = {c.case_id for c in test if c.stage == "regression"}
    before = [r for r in bench.baseline if r.case_id in {c.case_id for c in test}]
    after = bench.evaluate.evaluate(best.version, test)
    read = bench.judgement
    modes = {j: (read.mode(before, j), read.mode(after, j)) for j in (*read.judges, *read.guards)}
    old, new = read.cases(before), read.cases(after)
    if reached:
        modes[REGRESSION] = (_among(old, reached), _among(new, reached))
    open_cases = {c.case_id for c in test} - reached
    report = decide(bench.gate, _among(old, open_cases), _among(new, open_cases), modes)
    evidence = {**report.evidence(), "dev_pass_rate": round(best.dev_rate, 4), "split": "test"}
    return _row(best, bench, report.decision, report.reason, evidence)


def _among(outcomes: dict[str, bool], ids: set[str]) -> dict[str, bool]:
    return {c: passes for c, passes in outcomes.items() if c in ids}


def _set_aside(trial: Trial, bench: Bench) -> PromptCandidate:
    why = trial.problem or f"another proposal does better on dev, or as well and shorter ({trial.dev_rate:.0%} pass)"
    return _row(trial, bench, "reject" if trial.problem else None, why, {"dev_pass_rate": round(trial.dev_rate, 4)})


def _row(
    trial: Trial, bench: Bench, decision: str | None, reason: str, evidence: dict[str, object] | None = None
) -> PromptCandidate:
    return PromptCandidate(
        candidate_id=trial.version.version, base_version=bench.base.version, text=trial.version.text,
        status="decided" if decision else "runner_up", decision=decision, reason=reason,
        changes=Json(json.dumps(trial.changes)), evidence=Json(json.dumps(evidence or {})),
    )  # fmt: skip
