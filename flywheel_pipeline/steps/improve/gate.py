"""The gate: ship, hold or reject a candidate, from its outcomes on test cases that chose nothing.

`ship` is shown better, and shown not worse anywhere that is guarded. `reject` is shown worse, or a hard rule broken.
Everything else is `hold`: the evidence does not decide, and the report says what would decide it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from flywheel_pipeline.stats import (
    PERFECT,
    Counts,
    PairedChange,
    Youden,
    change_of,
    paired_counts,
    smallest_detectable_change,
)
from flywheel_pipeline.steps.improve import advice
from flywheel_pipeline.steps.improve.critical import CriticalCases
from flywheel_pipeline.steps.improve.flips import BATCH, Labels, drawn, flipped, in_rounds, next_batch
from flywheel_pipeline.steps.improve.rule import (
    ALL,
    GROUP,
    MODE,
    WHOLE,
    Gate,
    GuardCounts,
    cases_needed,
    excluded_loss,
    harmed,
    is_guarded,
    is_safe,
    is_worse,
    show_probability,
)

Outcomes = Mapping[str, float]
"""{case_id: passes, as 0 or 1, or the mean over repeats}; a case whose outcome is not known is left out."""

SAFE, UNPROVEN, UNGUARDED, WORSE = "not worse", "not shown safe", "unguarded", "worse"


@dataclass(frozen=True)
class Comparison:
    """Outcomes of the same `cases` before and after, by one evaluator or by all that decide together."""

    name: str
    cases: tuple[str, ...]
    before: Outcomes
    after: Outcomes
    kind: str = WHOLE
    judge: Youden = PERFECT

    def pairs(self) -> tuple[list[float], list[float]]:
        """Return outcomes before and after where what is missing counts against the candidate.

        Known before and missing after is a failure; missing before is taken for a pass, so that a pass after is no
        gain; missing on both sides is no change.
        """
        after = [self.after.get(c, 0.0) for c in self.cases]
        before = [self.before.get(c, 1.0 if c in self.after else 0.0) for c in self.cases]
        return before, after

    def checked(self, labels: Labels) -> Comparison:
        """Return the comparison with the expert's verdicts on flipped cases in place of the evaluator's.

        The expert's verdict counts for all that decide together and for a part of the cases. For one judge on all
        cases, only a pass does: an answer that the expert fails may fail for another reason than the judge looks for.
        """
        sides = [
            {
                c: float(labels[c][i]) if c in labels and (self.kind != ALL or labels[c][i]) else p
                for c, p in side.items()
            }
            for i, side in enumerate((self.before, self.after))
        ]
        return replace(self, before=sides[0], after=sides[1])

    def known(self) -> Comparison:
        """Return the comparison on the cases whose outcome is known on both sides."""
        both = tuple(c for c in self.cases if c in self.before and c in self.after)
        return replace(self, cases=both)

    def seen(self) -> Comparison:
        """Return the comparison on the cases whose outcome is known on one side at least: the others guard nothing."""
        either = tuple(c for c in self.cases if c in self.before or c in self.after)
        return replace(self, cases=either)


@dataclass(frozen=True)
class Size:
    """What an answer takes, on average: latency, length, price; more than `floor` and growth together is too much."""

    name: str
    unit: str
    before: float
    after: float
    floor: float


@dataclass(frozen=True)
class Evidence:
    """All that the gate decides from.

    `overall` are the cases that may still be won; `guards` what must not get worse; `hard` the evaluators of which
    no pass may fall; `critical` the cases that must pass. `families` is {case_id: family}; `unguarded` are modes whose
    judge has no vote; `labels` are the expert's verdicts on flipped cases; `look` counts how often candidates met
    these test cases, this one included.
    """

    overall: Comparison
    guards: tuple[Comparison, ...] = ()
    hard: tuple[Comparison, ...] = ()
    families: Mapping[str, str] = field(default_factory=dict)
    unguarded: tuple[advice.Unjudged, ...] = ()
    labels: Labels = field(default_factory=dict)
    look: int = 1
    sizes: tuple[Size, ...] = ()
    critical: CriticalCases = field(default_factory=CriticalCases)


@dataclass(frozen=True)
class GuardReport:
    """What changed by one guard, the loss that it had to exclude, and whether it did."""

    name: str
    kind: str
    change: PairedChange
    loss: float
    status: str
    cases_needed: int | None = None


@dataclass(frozen=True)
class GateReport:
    """The decision, the reason in a sentence, what would decide a hold, and the numbers it rests on."""

    decision: str
    reason: str
    overall: PairedChange
    guards: tuple[GuardReport, ...]
    coverage: float
    look: int
    bound: float
    detectable: float
    needs: tuple[str, ...] = ()
    to_label: tuple[str, ...] = ()
    n_labelled: int = 0

    def evidence(self) -> dict[str, Any]:
        """Return the numbers as plain values, for the table."""
        guards = {g.name: {**_numbers(g.change), "kind": g.kind, "loss": g.loss, "status": g.status}
                  for g in self.guards}  # fmt: skip
        return {
            "overall": _numbers(self.overall), "guards": guards, "coverage": round(self.coverage, 4),
            "look": self.look, "bound": round(self.bound, 5), "detectable": round(self.detectable, 4),
            "needs": list(self.needs), "to_label": list(self.to_label), "n_labelled": self.n_labelled,
        }  # fmt: skip


def decide(gate: Gate, evidence: Evidence) -> GateReport:
    """Decide on a candidate from outcomes on the same test cases."""
    given, flips = evidence.labels, flipped(evidence.overall.before, evidence.overall.after, evidence.overall.cases)
    labelled = [c for c in flips if c in given]
    harm, covered = _broken_rule(evidence), coverage_of(_all_cases(evidence))
    evidence = replace(evidence, labels=in_rounds(flips, given))
    overall = _change(evidence.overall, evidence)
    guards = tuple(_guard_report(gate, c.seen(), evidence) for c in evidence.guards)
    harm = harm if harm.reason else _harm(gate, evidence)
    guards = tuple(replace(g, status=WORSE) if g.name in harm.worse else g for g in guards)
    obstacles = [
        *_rules_in_doubt(evidence, given),
        *_obstacles(gate, evidence, overall, guards, (covered, flips, given)),
    ]
    decision = "reject" if harm.reason else "hold" if obstacles else "ship"
    reason = harm.reason or "; ".join(o.problem for o in obstacles) or _shipped(gate, evidence, overall)
    to_label = evidence.critical.doubtful(given) if decision == "hold" else []
    if decision == "hold" and any(o.labels_decide for o in obstacles):
        to_label += [c for c in next_batch(flips, given) if c not in to_label]
    bound = gate.bound_at(evidence.look)
    moved = (overall.fixed + overall.broken) / max(overall.n, 1)
    return GateReport(
        decision, reason, overall, guards, covered, evidence.look, bound,
        smallest_detectable_change(overall.n, max(moved, 0.1), bound),
        tuple(o.need for o in obstacles if o.need) if decision == "hold" else (),
        tuple(to_label), len(labelled),
    )  # fmt: skip


def coverage_of(comparison: Comparison) -> float:
    """Return the share of cases whose outcome is known on both sides; 0 without cases."""
    return len(comparison.known().cases) / len(comparison.cases) if comparison.cases else 0.0


def _all_cases(evidence: Evidence) -> Comparison:
    """Return all cases that count by all that decide: those that may be won, and those that only guard."""
    parts = [evidence.overall, *(g for g in evidence.guards if g.kind == GROUP)]
    before = {c: p for part in parts for c, p in part.before.items()}
    after = {c: p for part in parts for c, p in part.after.items()}
    return Comparison(WHOLE, tuple(dict.fromkeys(c for part in parts for c in part.cases)), before, after)


def _difference(comparison: Comparison, families: Mapping[str, str]) -> tuple[Any, Any]:
    """Return after - before per case, and the number of its family."""
    before, after = comparison.pairs()
    numbers: dict[str, int] = {}
    ids = [numbers.setdefault(families.get(c, c), len(numbers)) for c in comparison.cases]
    return np.asarray(after, float) - np.asarray(before, float), np.asarray(ids, int)


def _thinned(comparison: Comparison, evidence: Evidence) -> tuple[Counts, Any, Youden]:
    """Return the effective counts of a comparison, after - before per case, and the J that is left to correct.

    Where flipped cases are labelled, those stand for all flipped cases, by a smaller effective n, and the judges'
    verdicts on the others count for nothing: McNemar's test uses flipped cases only. Cases that flip by one judge and
    not over all are not labelled: its verdict stays, and its errors are corrected for.
    """
    d, ids = _difference(comparison, evidence.families)
    if not evidence.labels:
        return paired_counts(d, ids), d, comparison.judge
    whole = evidence.overall
    open_to_labels = set(flipped(whole.before, whole.after, whole.cases))
    changed = set(flipped(comparison.before, comparison.after, comparison.cases))
    flips = changed & open_to_labels
    kept = np.asarray([float(c not in flips or c in evidence.labels) for c in comparison.cases])
    d = _difference(comparison.checked(evidence.labels), evidence.families)[0] * kept
    counts = paired_counts(d, ids, kept)
    share = len(flips & set(evidence.labels)) / len(flips) if flips else 1.0
    n = counts.n / max(kept.sum(), 1.0) * len(kept) * share
    return replace(counts, n=n), d, PERFECT if changed <= open_to_labels else comparison.judge


def _change(comparison: Comparison, evidence: Evidence) -> PairedChange:
    counts, d, judge = _thinned(comparison, evidence)
    return change_of(counts, len(d), float(np.maximum(d, 0).sum()), float(np.maximum(-d, 0).sum()), judge)


def _guard_counts(comparison: Comparison, evidence: Evidence) -> GuardCounts:
    counts, _, judge = _thinned(comparison, evidence)
    return GuardCounts(counts, len(comparison.cases), comparison.kind, judge)


def _guard_report(gate: Gate, comparison: Comparison, evidence: Evidence) -> GuardReport:
    guard = _guard_counts(comparison, evidence)
    change = _change(comparison, evidence)
    status = SAFE if is_safe(gate, guard) else UNPROVEN
    status = status if is_guarded(gate, guard) else UNGUARDED
    needed = cases_needed(gate, guard) if status == UNPROVEN else None
    return GuardReport(comparison.name, comparison.kind, change, float(excluded_loss(gate, guard)[0]), status, needed)


@dataclass(frozen=True)
class _Harm:
    reason: str = ""
    worse: tuple[str, ...] = ()


def _broken_rule(evidence: Evidence) -> _Harm:
    """Return the hard rule that is broken, if one is: a critical case fails, or a pass of a hard check fell."""
    failing = evidence.critical.failing(evidence.labels)
    if failing:
        return _Harm(f"breaks a hard rule: critical cases fail: {_listed(failing)}")
    for rule in evidence.hard:
        broken = [c for c in rule.cases if rule.before.get(c) == 1 and rule.after.get(c) == 0]
        if broken:
            return _Harm(
                f"breaks a hard rule: {rule.name} passed before and fails now on {_listed(broken)}", (rule.name,)
            )
    return _Harm()


def _rules_in_doubt(evidence: Evidence, labels: Labels) -> list[advice.Obstacle]:
    """Return the hard rules of which it is not known whether they are broken."""
    critical = evidence.critical
    found = [
        advice.critical_doubted(critical.doubtful(labels), critical.doubted),
        advice.no_outcome("critical cases", critical.unknown(labels)),
    ]
    for rule in evidence.hard:
        passed = [c for c in rule.cases if rule.before.get(c) == 1]
        found.append(
            advice.no_outcome(f"cases that {rule.name} passed before", [c for c in passed if c not in rule.after])
        )
        found.append(advice.fails_sometimes(rule.name, [c for c in passed if 0 < rule.after.get(c, 0) < 1]))
    return [o for o in found if o]


def _harm(gate: Gate, evidence: Evidence) -> _Harm:
    """Return what is shown to be worse; only outcomes that are known on both sides can show it."""
    known = replace(evidence, overall=evidence.overall.known(), guards=tuple(c.known() for c in evidence.guards))
    found = harmed(gate, [_guard_counts(c, known) for c in known.guards])
    worse = [c for c, shown in zip(known.guards, found, strict=True) if shown]
    if worse:
        names = tuple(c.name for c in worse)
        return _Harm("shown worse: " + "; ".join(f"{c.name}, {_counted(_change(c, known))}" for c in worse), names)
    change = _change(known.overall, known)
    if is_worse(gate, change.counts):
        p = show_probability(change.p_better)
        return _Harm(f"shown worse: better with probability {p} only, {_counted(change)}")
    return _Harm()


def _obstacles(
    gate: Gate,
    evidence: Evidence,
    overall: PairedChange,
    guards: Sequence[GuardReport],
    known: tuple[float, Sequence[str], Labels],
) -> list[advice.Obstacle]:
    """Return what stands between the candidate and `ship`, the most important first.

    `known` is the coverage, the flipped cases, and all labels that were given: those of an incomplete round, too.
    """
    covered, flips, given = known
    bound = gate.bound_at(evidence.look)
    promising = not gate.judges_alone and _is_promising(gate, overall, bound)
    left = sum(c not in given for c in drawn(flips)) if promising else 0
    found: list[advice.Obstacle | None] = [
        advice.coverage(covered, gate.min_coverage, _least_known(evidence)),
        advice.too_few(overall.n, gate.min_cases_per_mode),
    ]
    if promising and len(evidence.labels) < min(len(flips), BATCH):
        found.append(advice.label_flips(len(next_batch(flips, given)), overall))
    elif overall.p_better < bound:
        found.append(advice.not_better(overall, bound, evidence.look, left))
    found += [advice.not_safe(g.name, g.change, g.loss, g.cases_needed, left) for g in guards if g.status == UNPROVEN]
    few = {g.name: gate.min_cases_per_mode - g.change.n for g in guards if g.status == UNGUARDED and g.kind == MODE}
    found.append(advice.unguarded({m: n for m, n in few.items() if m not in gate.consent}))
    found.append(advice.unjudged([m for m in evidence.unguarded if m.mode not in gate.consent]))
    found += [advice.too_much(s.name, s.unit, s.before, s.after) for s in evidence.sizes if _too_much(gate, s)]
    return [o for o in found if o]


def _least_known(evidence: Evidence) -> str:
    """Return the judge by which most outcomes are unknown; empty where none is."""
    shares = {c.name: coverage_of(c) for c in evidence.guards if c.kind == ALL}
    worst = min(shares, key=lambda name: (shares[name], name), default="")
    return f"{worst}, {shares[worst]:.0%} known" if worst and shares[worst] < 1 else ""


def _is_promising(gate: Gate, overall: PairedChange, bound: float) -> bool:
    """Return whether the expert's labels could show that the candidate is better: at best, every loss is an error."""
    at_best = replace(overall.counts, broken=0.0 * overall.counts.broken)
    return overall.p_better >= gate.min_probability_promising and float(at_best.p_better) >= bound


def _too_much(gate: Gate, size: Size) -> bool:
    return size.after > max(gate.max_growth * size.before, size.floor)


def _shipped(gate: Gate, evidence: Evidence, overall: PairedChange) -> str:
    unguarded = {m.mode for m in evidence.unguarded} | {c.name for c in evidence.guards}
    agreed = [f'"{m}"' for m in gate.consent if m in unguarded]
    consent = f"; unguarded by consent: {_listed(agreed)}" if agreed else ""
    p = show_probability(overall.p_better)
    return f"better with probability {p}: {_counted(overall)}; no guard is worse{consent}"


def _counted(change: PairedChange) -> str:
    return f"{change.fixed:.3g} fixed and {change.broken:.3g} broken of {change.n} test cases"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _numbers(change: PairedChange) -> dict[str, float]:
    return {
        "n": change.n, "fixed": round(change.fixed, 4), "broken": round(change.broken, 4),
        "difference": round(change.difference, 4), "low": round(change.low, 4), "high": round(change.high, 4),
        "p_better": round(change.p_better, 4), "mid_p": round(change.mid_p, 4),
        "n_effective": round(float(change.counts.n), 2),
    }  # fmt: skip
