"""Choose among the proposals on dev, then let the gate decide on test, which is evaluated once."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.leakage import leaks
from flywheel_pipeline.ports import Evaluate
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, Json, PromptCandidate, PromptVersion
from flywheel_pipeline.stats import PERFECT, Youden
from flywheel_pipeline.steps.improve.advice import Unjudged
from flywheel_pipeline.steps.improve.critical import CriticalCases
from flywheel_pipeline.steps.improve.flips import FlipLabel, labels_on
from flywheel_pipeline.steps.improve.foreign import Foreign, copied_cases, lost_variables
from flywheel_pipeline.steps.improve.gate import Comparison, Evidence, Outcomes, Size, decide
from flywheel_pipeline.steps.improve.looks import count_looks
from flywheel_pipeline.steps.improve.propose import ProposedPrompt
from flywheel_pipeline.steps.improve.rule import ALL, GROUP, MODE, Gate
from flywheel_pipeline.steps.improve.traffic import Traffic, gain_in_traffic

Results = Sequence[EvalResult]

HAPPY, REGRESSION = "happy paths", "regression cases"
"""Guards of their own. Regression cases always passed: they cannot show a gain, only that something broke."""

OVERALL = "all evaluators"
MEASURES: tuple[tuple[str, str, float, Callable[[CaseAnswer], float | None]], ...] = (
    ("the latency of an answer", "ms", 1_000, lambda a: a.latency_ms),
    ("the length of an answer", "characters", 800, lambda a: len(a.output or "")),
    ("the price of a thousand answers", "USD", 1, lambda a: None if a.cost_usd is None else 1_000 * a.cost_usd),
)
"""(what, unit, floor up to which it is never too much, how it is read from an answer)."""


def _no_answers(_: str) -> Sequence[CaseAnswer]:
    return ()


def _nothing(_: str) -> Sequence[Foreign]:
    return ()


@dataclass(frozen=True)
class Judgement:
    """How rows of `eval_results` are read: which cases pass, overall and by one evaluator.

    `judges` are the evaluators of failure modes that may decide; without one nothing can be decided. `checks` are the
    evaluators that are hard rules: no pass of them may fall. `errors` is {judge: its J}, with `OVERALL` for all
    together. `modes` is {mode_id: name} of the failure modes that are to be guarded; `wanted` is {mode_id: (fails,
    passes)} to label before its judge may decide, -1 where labels would not help. `mode_of` is {judge: its mode_id},
    for those that are not called `judge:<mode_id>`.
    """

    cases: Callable[[Results], Outcomes]
    mode: Callable[[Results, str], Outcomes]
    judges: tuple[str, ...]
    checks: tuple[str, ...] = ()
    errors: Mapping[str, Youden] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    wanted: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    mode_of: Mapping[str, str] = field(default_factory=dict)

    def guarded(self, judge: str) -> str:
        """Return the id of the failure mode that a judge judges."""
        return self.mode_of.get(judge, judge.removeprefix("judge:"))

    def guard_name(self, judge: str) -> str:
        """Return the name of a judge's mode, with the judge's own where several judge it."""
        mode = self.guarded(judge)
        shared = [self.guarded(j) for j in self.judges].count(mode) > 1
        return f"{self.modes.get(mode, judge)} by {judge}" if shared else self.modes.get(mode, judge)

    def unjudged(self) -> tuple[Unjudged, ...]:
        """Return the modes that nothing with a vote judges, and what would give it one."""
        judged = set(map(self.guarded, self.judges))
        return tuple(Unjudged(name, *self.wanted.get(m, (0, 0))) for m, name in self.modes.items() if m not in judged)


@dataclass(frozen=True)
class Bench:
    """What a proposal is compared with: the production prompt `base` with its rows `baseline` on all cases.

    `reads` are the earlier reads of the test split, oldest first; `labels` are the expert's verdicts on flipped cases,
    {candidate's version: {case_id: label}}; `approved` are (case_id, evaluator) of failures that a person lets stay.
    """

    base: PromptVersion
    cases: Sequence[GoldenCase]
    baseline: Results
    evaluate: Evaluate
    judgement: Judgement
    gate: Gate
    reads: Sequence[Mapping[str, Any]] = ()
    labels: Mapping[str, Mapping[str, FlipLabel]] = field(default_factory=dict)
    answers: Callable[[str], Sequence[CaseAnswer]] = _no_answers
    """Returns the app's answers under a prompt version, for what they take."""
    approved: Collection[tuple[str, str]] = ()
    fresh: Callable[[str, Sequence[GoldenCase]], tuple[str, Results]] | None = None
    """Evaluates the base afresh beside a candidate: (version of the rows, rows); None compares with `baseline`."""
    traffic: Traffic | None = None
    """The modes' shares of production traffic, where they are known."""
    unread: Callable[[str], Sequence[Foreign]] = _nothing
    """Returns what a person has to read in a prompt before it may ship."""

    def split(self, name: str) -> list[GoldenCase]:
        """Return the cases of one split."""
        return [c for c in self.cases if c.split == name]

    def decisive(self) -> list[GoldenCase]:
        """Return the cases that the gate looks at: the test split, and the critical cases of the others."""
        return [*self.split("test"), *(c for c in self.cases if c.critical and c.split != "test")]


@dataclass(frozen=True)
class Trial:
    """A proposal with its pass rate on dev (an unknown outcome is no pass), or why it was not evaluated."""

    version: PromptVersion
    changes: tuple[str, ...]
    dev_rate: float = 0.0
    problem: str | None = None


def improve_prompt(bench: Bench, proposals: Sequence[ProposedPrompt]) -> list[PromptCandidate]:
    """Return one candidate per proposal; the best on dev (the shorter of equals) carries the gate's decision.

    A proposal that drops or invents a variable, holds text of a case, or is longer than the gate allows, is rejected
    without being evaluated. One with foreign parts (`steps.improve.foreign`) is held until a person has read it.
    Without a trusted judge the first is held: nothing shows whether it is better.
    """
    if not bench.judgement.judges:
        why = "no judge agrees with the expert yet: " + _advice_on_judges(bench.judgement)
        return [_row(_trial(p, bench), bench, "hold", why) for p in proposals[:1]]
    trials = [_tried(p, bench) for p in proposals]
    best = max((t for t in trials if not t.problem), key=lambda t: (t.dev_rate, -len(t.version.text)), default=None)
    decided = [_decided(best, bench)] if best else []
    return decided + [_set_aside(t, bench) for t in trials if t is not best]


def _advice_on_judges(judgement: Judgement) -> str:
    needs = [m.need for m in judgement.unjudged()[:3]] if judgement.wanted else []
    return "; ".join([*needs, "`judge_alignment` says what every judge needs"])


def _trial(proposal: ProposedPrompt, bench: Bench) -> Trial:
    note = f"proposed by the improver from {bench.base.version}"
    return Trial(PromptVersion.of(bench.base.name, proposal.text, bench.base.version, note), proposal.changes)


def _tried(proposal: ProposedPrompt, bench: Bench) -> Trial:
    trial = _trial(proposal, bench)
    problem = _problem(proposal, bench)
    if problem:
        return Trial(trial.version, trial.changes, problem=problem)
    dev = bench.split("dev")
    passes = bench.judgement.cases(bench.evaluate.evaluate(trial.version, dev))
    return Trial(trial.version, trial.changes, sum(passes.values()) / max(sum(c.kind != "adversarial" for c in dev), 1))


def _problem(proposal: ProposedPrompt, bench: Bench) -> str | None:
    text, base = proposal.text, bench.base.text
    if lost := lost_variables(text, base):
        return f"it {lost}"
    if leaked := leaks(text, bench.cases, base):
        return f"it holds text of held-out cases: {', '.join(leaked[:5])}"
    if copied := copied_cases(proposal.instructions, base, bench.cases):
        return f"its instructions copy text of cases: {', '.join(copied[:5])}"
    limit = max(bench.gate.max_growth * len(bench.base.text), bench.gate.max_prompt_characters)
    return f"it has {len(text)} characters, more than {limit:.0f}" if len(text) > limit else None


def _decided(best: Trial, bench: Bench) -> PromptCandidate:
    cases = bench.decisive()
    before: tuple[str, Results] = (
        bench.base.version,
        [r for r in bench.baseline if r.case_id in {c.case_id for c in cases}],
    )
    if bench.fresh:
        before = bench.fresh(best.version.version, cases)
    return _judged(best, bench, before, bench.evaluate.evaluate(best.version, cases))


def decide_again(bench: Bench, candidate: PromptCandidate, after: Results) -> PromptCandidate:
    """Return a candidate with the gate's decision on the rows `after` that are known of it: nothing is evaluated.

    For new labels of its flipped cases, which are no new look at the test split. `bench.baseline` are the rows that it
    was compared with before.
    """
    version, evidence = (
        PromptVersion.of(bench.base.name, candidate.text, bench.base.version, ""),
        json.loads(candidate.evidence),
    )
    ids = {c.case_id for c in bench.decisive()}
    before, after = ([r for r in side if r.case_id in ids] for side in (bench.baseline, after))
    trial = Trial(version, tuple(json.loads(candidate.changes)), evidence.get("dev_pass_rate", 0.0))
    return _judged(trial, bench, (evidence.get("baseline") or bench.base.version, before), after)


def _judged(trial: Trial, bench: Bench, baseline: tuple[str, Results], after: Results) -> PromptCandidate:
    version, before = baseline
    report = decide(bench.gate, gather_evidence(bench, trial.version.version, baseline, after))
    unread = bench.unread(trial.version.text)
    noise = noise_floor(bench.judgement.cases(before), 1 + max((r.repeat for r in before), default=0))
    evidence = {
        **report.evidence(), "dev_pass_rate": round(trial.dev_rate, 4), "split": "test", "noise_floor": noise,
        "baseline": version, "unread": [str(f) for f in unread],
        "traffic": gain_in_traffic(report.guards, bench.traffic, HAPPY).evidence(),
    }  # fmt: skip
    if unread and report.decision == "ship":
        what = "; ".join(str(f) for f in unread[:3])
        to_do = f"a person has to read it first: it has {what}; `flywheel prompts read {trial.version.version}`"
        return _row(trial, bench, "hold", f"{to_do}. Else: {report.reason}", evidence)
    return _row(trial, bench, report.decision, report.reason, evidence)


def noise_floor(outcomes: Outcomes, repeats: int) -> float | None:
    """Return the share of cases that would flip between two runs of the same prompt; None without repeats.

    From the share p of a case's repeats that pass: 2p(1 - p), times K/(K - 1), which makes it unbiased.
    """
    if repeats < 2 or not outcomes:
        return None
    return round(sum(2 * p * (1 - p) for p in outcomes.values()) / len(outcomes) * repeats / (repeats - 1), 4)


def gather_evidence(bench: Bench, candidate: str, baseline: tuple[str, Results], after: Results) -> Evidence:
    """Return all that the gate decides from: rows of the test cases before and after, read by the judgement.

    `baseline` are the rows before, and the prompt version that they and their answers are stored under.
    """
    version, before = baseline
    answers = bench.answers(version), bench.answers(candidate)
    read, test = bench.judgement, bench.split("test")
    plain = [c for c in test if c.kind != "adversarial"]
    still_open = tuple(c.case_id for c in plain if c.stage != "regression")
    old, new = read.cases(before), read.cases(after)
    return Evidence(
        Comparison(OVERALL, still_open, old, new, judge=read.errors.get(OVERALL, PERFECT)),
        _guards(read, plain, (old, new), (before, after)),
        tuple(_compared(read, c, [x.case_id for x in test], (before, after)) for c in read.checks),
        {c.case_id: c.family for c in test},
        read.unjudged(),
        labels_on(bench.labels.get(candidate, {}), candidate, *answers),
        count_looks(bench.reads, candidate, len(test)),
        _sizes(bench, answers),
        _critical(bench, after),
    )


def _critical(bench: Bench, after: Results) -> CriticalCases:
    """Return how the candidate does on critical cases: by all that decide, and by judges without a vote."""
    read, critical = bench.judgement, [c for c in bench.cases if c.critical]
    whole, found = read.cases(after), dict[str, float]()
    checks = [read.mode(after, name) for name in read.checks]
    for case in critical:
        known = [outcomes[case.case_id] for outcomes in (whole, *checks) if case.case_id in outcomes]
        is_complete = case.case_id in whole or (bool(known) and case.kind == "adversarial")
        if is_complete or min(known, default=1) < 1:
            found[case.case_id] = min(known)
    ids = [c.case_id for c in critical]
    votes = (*read.judges, *read.checks)
    known_judges = dict.fromkeys([*(f"judge:{m}" for m in read.modes), *read.mode_of])
    others = [e for e in known_judges if e not in votes]
    fails = _failing(read, after, votes, ids)
    accepted = [c for c, names in fails.items() if all((c, e) in bench.approved for e in names)]
    doubted = {
        c: ", ".join(dict.fromkeys(read.modes.get(read.guarded(e), e) for e in names))
        for c, names in _failing(read, after, others, ids, bench.approved).items()
    }
    return CriticalCases(tuple(ids), found, doubted, frozenset(accepted))


def _failing(
    read: Judgement,
    rows: Results,
    evaluators: Sequence[str],
    case_ids: Sequence[str],
    approved: Collection[tuple[str, str]] = (),
) -> dict[str, list[str]]:
    """Return {case_id: evaluators that fail it without an approval}, of those that some evaluator fails."""
    by = {e: read.mode(rows, e) for e in evaluators}
    found = {c: [e for e in evaluators if by[e].get(c, 1) < 1 and (c, e) not in approved] for c in case_ids}
    return {c: names for c, names in found.items() if names}


def _guards(
    read: Judgement, cases: Sequence[GoldenCase], outcomes: tuple[Outcomes, Outcomes], rows: tuple[Results, Results]
) -> tuple[Comparison, ...]:
    """Return a guard per deciding judge on all cases and on its mode's own, one of happy paths, one of regressions."""
    guards = []
    for judge in read.judges:
        mode, name = read.guarded(judge), read.guard_name(judge)
        own = [c.case_id for c in cases if c.mode_id == mode and c.kind in ("failure", "synthetic")]
        by_judge = _compared(read, judge, [c.case_id for c in cases], rows)
        error = read.errors.get(judge, PERFECT)
        guards += [
            Comparison(f"{name} (all cases)", by_judge.cases, by_judge.before, by_judge.after, ALL, error),
            Comparison(name, tuple(own), by_judge.before, by_judge.after, MODE, error),
        ]
    groups = {
        HAPPY: [c.case_id for c in cases if c.kind == "happy_path" and c.stage != "regression"],
        REGRESSION: [c.case_id for c in cases if c.stage == "regression"],
    }
    overall = read.errors.get(OVERALL, PERFECT)
    return (*guards, *(Comparison(n, tuple(ids), *outcomes, GROUP, overall) for n, ids in groups.items() if ids))


def _compared(read: Judgement, evaluator: str, ids: Sequence[str], rows: tuple[Results, Results]) -> Comparison:
    before, after = (read.mode(side, evaluator) for side in rows)
    return Comparison(evaluator, tuple(ids), before, after, ALL)


def _sizes(bench: Bench, both: tuple[Sequence[CaseAnswer], Sequence[CaseAnswer]]) -> tuple[Size, ...]:
    """Return what an answer takes, on the mean over answers to test cases, where both sides know it."""
    test = {c.case_id for c in bench.split("test")}
    before, after = ([a for a in answers if a.case_id in test and not a.error] for answers in both)
    found = []
    for name, unit, floor, of in MEASURES:
        old, new = (_mean([of(a) for a in answers]) for answers in (before, after))
        if old is not None and new is not None:
            found.append(Size(name, unit, old, new, floor))
    return tuple(found)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


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
