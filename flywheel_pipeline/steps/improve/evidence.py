"""All that the gate decides from: the outcomes of the test cases before and after, part by part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from flywheel_pipeline.records import CaseAnswer, GoldenCase
from flywheel_pipeline.stats import PERFECT
from flywheel_pipeline.steps.improve.bench import OVERALL, Bench, Judgement, Results
from flywheel_pipeline.steps.improve.critical import CriticalCases
from flywheel_pipeline.steps.improve.flips import labels_on
from flywheel_pipeline.steps.improve.gate import Comparison, Evidence, Outcomes, Size
from flywheel_pipeline.steps.improve.looks import count_looks
from flywheel_pipeline.steps.improve.rule import ALL, GROUP, MODE

HAPPY, REGRESSION = "happy paths", "regression cases"
"""Guards of their own. Regression cases always passed: they cannot show a gain, only that something broke."""

MEASURES: tuple[tuple[str, str, float, Callable[[CaseAnswer], float | None]], ...] = (
    ("the latency of an answer", "ms", 1_000, lambda a: a.latency_ms),
    ("the length of an answer", "characters", 800, lambda a: len(a.output or "")),
    ("the price of a thousand answers", "USD", 1, lambda a: None if a.cost_usd is None else 1_000 * a.cost_usd),
)
"""(what, unit, floor up to which it is never too much, how it is read from an answer)."""


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
