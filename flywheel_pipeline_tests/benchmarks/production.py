"""Whether the intervals of production's rates, and of before against after, cover the truth; by simulation.

    python -m flywheel_pipeline_tests.benchmarks.production [RUNS]

Traces have risk signals that depend on whether they fail; labels are drawn as our sampler draws them (probabilities
proportional to risk, a floor, the local pivotal method), and judges err and abstain. Everything is computed by the
functions of the project. 400 seeded runs by default: the Monte Carlo error of a coverage of 95 % is 1.1 points.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.stats import Rate, weighted_rate
from flywheel_pipeline.steps.deploy import Known, Rule, Seen, judge_mode
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    ExpertLabel,
    JudgedTrace,
    Population,
    error_of,
    seen_failing,
    share_by_labels_and_verdicts,
    share_by_verdicts,
)
from flywheel_pipeline.steps.sample.inclusion import inclusion_probabilities
from flywheel_pipeline.steps.sample.pivotal import local_pivotal

RUNS = 400
UNIFORM_SHARE, MULTIPLIER = 0.3, 10
"""As in the settings of `sample`."""
ABSTAINS = 0.05
"""Share of answers on which a judge is unsure."""
MODE = "fm-1"


@dataclass(frozen=True)
class World:
    """Traffic: how many traces, the share that fails, and the judge's recalls of passes and of fails."""

    n: int
    fail: float
    tpr: float
    tnr: float


@dataclass(frozen=True)
class Traffic:
    """Made traffic: which traces fail, the risk that the sampler sees, and what the judge says."""

    failed: NDArray[np.bool_]
    risk: NDArray[np.float64]
    cells: list[str]


def make(world: World, rng: np.random.Generator) -> Traffic:
    """Return traffic of a world; a quarter of its failures, and 2 % of the rest, have a thumbs down."""
    failed = rng.random(world.n) < world.fail
    disliked = rng.random(world.n) < np.where(failed, 0.25, 0.02)
    odd = rng.random(world.n) < 0.06
    risk = 1 + (MULTIPLIER - 1) * np.minimum(1.0, 1.0 * disliked + 0.2 * odd)
    right = rng.random(world.n) < np.where(failed, world.tnr, world.tpr)
    cells = np.where(rng.random(world.n) < ABSTAINS, "unsure", np.where(right == failed, "fail", "pass"))
    return Traffic(failed, risk, [str(c) for c in cells])


def label(traffic: Traffic, n: int, rng: np.random.Generator) -> list[ExpertLabel]:
    """Return the labels of a batch of `n`, drawn as ours are."""
    p = inclusion_probabilities(traffic.risk, n, UNIFORM_SHARE)
    drawn = local_pivotal(p, rng.random((len(p), 2)), int(rng.integers(1 << 30)), [], 0)
    return [ExpertLabel(f"t{i}", bool(traffic.failed[i]), MODE, 1 / p[i], 1 / p[i]) for i in sorted(drawn)]


def judged(traffic: Traffic, n: int, rng: np.random.Generator, start: str = "t") -> list[JudgedTrace]:
    """Return verdicts on a random `n` of the traces, with their weight, and on all others without one."""
    size = len(traffic.failed)
    drawn = set(rng.choice(size, min(n, size), replace=False).tolist())
    return [
        JudgedTrace(f"{start}{i}", "", None, f"{start}{i}", max(1.0, size / n) if i in drawn else None,
                    {MODE: traffic.cells[i], COMPOSITE: traffic.cells[i]})
        for i in range(size)
    ]  # fmt: skip


def covers(rate: Rate | None, truth: float) -> bool:
    """Return whether an interval covers the truth."""
    return rate is not None and rate.low - 1e-9 <= truth <= rate.high + 1e-9


def rates(world: World, n_labels: int, n_verdicts: int, runs: int) -> tuple[str, float]:
    """Return a line on the rate of one window from labels and verdicts, beside labels alone; and the coverage."""
    rng, both, alone, widths = np.random.default_rng(1), [], [], []
    for seed in range(runs):
        traffic = make(world, rng)
        labels = label(traffic, n_labels, rng)
        truth = float(traffic.failed.mean())
        share = share_by_labels_and_verdicts(
            Population(world.n, judged(traffic, n_verdicts, rng), labels), MODE, seed
        )  # fmt: skip
        by_labels = weighted_rate([x.failed for x in labels], [x.weight or 1 for x in labels])
        both.append(covers(share, truth))
        alone.append(covers(by_labels, truth))
        widths.append((share.high - share.low if share else 1.0, by_labels.high - by_labels.low))
    w = np.mean(widths, axis=0)
    return f"{100 * np.mean(alone):9.1f}{100 * w[1]:8.1f}{100 * np.mean(both):9.1f}{100 * w[0]:8.1f}", float(
        np.mean(both)
    )


def later(world: World, runs: int) -> tuple[str, float]:
    """Return a line on traffic without labels: 500 verdicts, corrected by the errors on 86 earlier labels."""
    rng, found, widths = np.random.default_rng(2), [], []
    for _ in range(runs):
        earlier, now = make(World(600, 0.4, world.tpr, world.tnr), rng), make(world, rng)
        cells = {f"t{i}": c for i, c in enumerate(earlier.cells)}
        share = share_by_verdicts(judged(now, 500, rng, "n"), error_of(label(earlier, 86, rng), cells, MODE), MODE)
        found.append(covers(share, float(now.failed.mean())))
        widths.append(share.high - share.low if share else 1.0)
    return f"{100 * np.mean(found):26.1f}{100 * np.mean(widths):8.1f}", float(np.mean(found))


def change(before: World, after: World, runs: int) -> tuple[str, float]:
    """Return a line on before against after: 300 verdicts each, errors from 86 labels before; and the coverage."""
    rng, covered, shown, widths = np.random.default_rng(3), [], [], []
    for seed in range(runs):
        one, two = make(before, rng), make(after, rng)
        labels = label(one, 86, rng)
        error = error_of(labels, {f"t{i}": c for i, c in enumerate(one.cells)}, MODE)
        seen = [seen_failing(judged(traffic, 300, rng), MODE) for traffic in (one, two)]
        found = judge_mode(Seen(seen[0], seen[1], error, (error, error), 0), Known(), None, Rule(0.03, 0.95), seed)
        covered.append(found.change.low <= after.fail - before.fail <= found.change.high)
        shown.append(found.verdict in ("better", "worse"))
        widths.append(found.change.high - found.change.low)
    line = f"{100 * np.mean(covered):9.1f}{100 * np.mean(widths):8.1f}{100 * np.mean(shown):9.1f}"
    return line, float(np.mean(covered))


def lines(runs: int = RUNS) -> Iterator[str]:
    """Yield the lines of the tables; coverage and width in percent."""
    yield f"{'share of failures in the window of the labels':44}{'labels':>9}{'width':>8}{'both':>9}{'width':>8}"
    for n, n_labels, n_verdicts in ((100, 60, 100), (1000, 60, 500)):
        for fail in (0.05, 0.2, 0.45):
            for tpr, tnr in ((0.9, 0.9), (0.85, 0.8)):
                line, found = rates(World(n, fail, tpr, tnr), n_labels, n_verdicts, runs)
                name = f"{n_labels} labels, {n_verdicts} of {n} judged, {fail:.0%} fail, {tpr}/{tnr}"
                yield f"{name:44}{line}  {_met(found)}"
    yield f"\n{'later traffic, by verdicts alone':44}{'':17}{'verdicts':>9}{'width':>8}"
    for fail in (0.05, 0.2, 0.45):
        for tpr, tnr in ((0.9, 0.9), (0.85, 0.8)):
            line, found = later(World(1000, fail, tpr, tnr), runs)
            yield f"{f'500 of 1000 judged, {fail:.0%} fail, {tpr}/{tnr}':44}{line}  {_met(found)}"
    yield f"\n{'a mode before and after':44}{'covered':>9}{'width':>8}{'shown':>9}"
    for one, two in ((0.1, 0.1), (0.1, 0.03), (0.05, 0.15), (0.3, 0.1)):
        for tpr, tnr in ((0.97, 0.9), (0.9, 0.9), (0.85, 0.8)):
            line, found = change(World(600, one, tpr, tnr), World(600, two, tpr, tnr), runs)
            yield f"{f'{one:.0%} -> {two:.0%}, {tpr}/{tnr}':44}{line}  {_met(found)}"


def _met(coverage: float) -> str:
    return "93 %: met" if coverage >= 0.93 else "93 %: NOT MET"


if __name__ == "__main__":
    for text in lines(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS):
        print(text, flush=True)
