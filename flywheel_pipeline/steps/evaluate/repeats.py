"""Repeats: apps and judges whose answers vary.

The majority of a judge's repeats is its verdict. Repeats of the app are not merged: pass@1, pass^k and the flake rate
are read from them, each over cases, since repeats of one case are not independent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb

from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.stats import Rate, proportion, wilson
from flywheel_pipeline.steps.evaluate.report import case_outcomes


def is_decided(labels: Sequence[str | None], n_planned: int) -> bool:
    """Return whether no repeat that is left can change the majority of a judge's labels."""
    counts = [n for _, n in Counter(x for x in labels if x is not None).most_common(2)]
    lead = (counts[0] if counts else 0) - (counts[1] if len(counts) > 1 else 0)
    return lead > n_planned - len(labels)


def majority(results: Sequence[EvalResult]) -> list[EvalResult]:
    """Return one row per answer and evaluator: that of the label which most judge repeats gave.

    Without a majority the row has the label `unsure`; where every repeat failed it is the first failure.
    """
    by_cell: dict[tuple[str, str, int, str], list[EvalResult]] = defaultdict(list)
    for r in results:
        by_cell[(r.case_id, r.prompt_version, r.repeat, r.evaluator)].append(r)
    return [_majority(rows) for rows in by_cell.values()]


def _majority(rows: Sequence[EvalResult]) -> EvalResult:
    counts = Counter(r.label for r in rows if r.label is not None).most_common(2)
    if len(rows) == 1 or not counts:
        return rows[0]
    label, n = counts[0]
    if len(counts) > 1 and counts[1][1] == n:
        counted = ", ".join(f"{k} {v}" for k, v in counts)
        return replace(rows[0], label="unsure", score=None, explanation=f"the judge's repeats disagree: {counted}")
    return next(r for r in rows if r.label == label)


@dataclass(frozen=True)
class RepeatReport:
    """What repeats of the app show. Rates are 0 to 1; `k` is the smallest number of known outcomes of any case.

    `pass_at_1` is the mean over cases of the share of their repeats that pass; its interval is Wilson's on the
    effective sample size p(1-p)/v, v the variance between cases over the number of cases (Miller 2024,
    arXiv 2411.00640). `pass_hat_k` is the chance that k repeats of a case all pass: C(passes, k) / C(repeats, k),
    averaged over cases (Yao et al. 2024, arXiv 2406.12045). A case is flaky when it passed and failed.
    """

    n_cases: int
    k: int
    pass_at_1: float
    low: float
    high: float
    pass_hat_k: float
    flaky: tuple[str, ...]
    flake_rate: Rate

    def __str__(self) -> str:
        return (
            f"pass@1 {self.pass_at_1:.0%} ({self.low:.0%} to {self.high:.0%}), pass^{self.k} {self.pass_hat_k:.0%}, "
            f"{len(self.flaky)} of {self.n_cases} cases flaky"
        )


def outcomes_by_case(results: Sequence[EvalResult], evaluators: Collection[str]) -> dict[str, list[bool]]:
    """Return {case_id: the known outcomes of its repeats} by `evaluators`; repeats without one are left out."""
    found: dict[str, list[bool]] = {r.case_id: [] for r in results}
    for repeat in sorted({r.repeat for r in results}):
        for case, passes in case_outcomes([r for r in results if r.repeat == repeat], evaluators).items():
            found[case].append(passes)
    return found


def report_repeats(outcomes: Mapping[str, Sequence[bool]]) -> RepeatReport | None:
    """Return the report from {case_id: outcome of every repeat that has one}; None without an outcome."""
    known = {c: list(o) for c, o in outcomes.items() if o}
    if not known:
        return None
    n, k = len(known), min(len(o) for o in known.values())
    shares = [sum(o) / len(o) for o in known.values()]
    mean = sum(shares) / n
    variance = sum((s - mean) ** 2 for s in shares) / (n - 1) / n if n > 1 else 0.0
    low, high = wilson(mean * (n_effective := mean * (1 - mean) / variance if variance else n), n_effective)
    hats = [comb(sum(o), k) / comb(len(o), k) for o in known.values()]
    flaky = tuple(c for c, s in zip(known, shares, strict=True) if 0 < s < 1)
    return RepeatReport(n, k, mean, low, high, sum(hats) / n, flaky, proportion(len(flaky), n))
