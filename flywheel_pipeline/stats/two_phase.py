"""A population's rate from two samples of it: a few labels of people, and many verdicts of a judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.stats.rates import Rate

Floats = NDArray[np.float64]

DRAWS = 4_000
"""Draws of a posterior: the Monte Carlo error of a 2.5 % quantile is about a tenth of the interval's half width."""


MIN_LABELS = 8
"""Labels of a cell below which it is pooled with another one.

Jeffreys' prior is half a success and half a failure for every cell, which pulls rates near 0 or 1 to the middle: with
60 labels, 5 % failures and a TPR and TNR of .9 the interval covers 90.5 % where no cell is pooled, 95.4 % with this.
"""


@dataclass(frozen=True)
class Labelled:
    """A labelled member of a population: whether it is `true`, in which `cell` the judge puts it, and its weight.

    `weight` is 1 / inclusion probability: how many members it stands for, itself included.
    """

    true: bool
    cell: str
    weight: float = 1.0


def post_stratified_rate(labelled: Sequence[Labelled], judged: Mapping[str, float], n: int, seed: int = 0) -> Rate:
    """Return the rate of a population of `n`: tighter than labels alone where a judge helps, valid where it does not.

    `judged` is {cell: members without a label that the judge puts there}, of a random sample of these members or of
    all of them; effective counts, where the sample is weighted. Labelled members count for themselves. In every cell
    the rate β of the others is drawn from Beta(mp + ½, m(1 - p) + ½), where p is the rate of the labelled ones and m
    their number, both weighted by the members that each stands for beside itself (weight - 1; m is Kish's effective
    size), and their number of true ones from a binomial distribution. Where the sample is not all of them, the number
    of members per cell is drawn as well, from Dirichlet(count + ½). Cells with under 8 labels are pooled.

    The rate is the mean over 4,000 seeded draws, the interval their 2.5 and 97.5 percentiles. `Rate.n` is the number
    of labels; without labels the interval is what the prior leaves open, and without members (0, 1).

    The error rates of the judge are not assumed: they are those of the labels. `benchmarks.production` prints the
    coverage for samples drawn as ours are. Sources: two-phase sampling, Särndal, Swensson & Wretman 1992, chapter 9;
    posterior predictive of a finite population, Ericson 1969, with weights, Dong, Elliott & Raghunathan 2014;
    Jeffreys' prior, Brown, Cai & DasGupta 2001, section 4.3; Kish 1965, section 11.7.

    Raises:
        ValueError: there are more labelled or judged members than the population has.
    """
    if len(labelled) + sum(judged.values()) > n + 1e-6:
        raise ValueError("a population has at least as many members as are labelled or judged")
    if not n:
        return Rate(0.0, 0.0, 1.0, 0)
    rng = np.random.default_rng(seed)
    beside = _stands_for(labelled, n)
    pool = _pools(labelled, judged)
    cells = sorted(set(pool.values()))
    counts = [sum(judged.get(c, 0.0) for c in pool if pool[c] == cell) for cell in cells]
    members = _members(counts, n - len(labelled), rng)
    true = np.full(DRAWS, float(sum(x.true for x in labelled)))
    for place, cell in enumerate(cells):
        own = [(v, x.true) for v, x in zip(beside, labelled, strict=True) if pool[x.cell] == cell]
        true += rng.binomial(members[:, place], _rates(own, rng))
    low, high = (float(q) for q in np.quantile(true / n, [0.025, 0.975]))
    return Rate(float(true.mean()) / n, low, high, len(labelled))


def _pools(labelled: Sequence[Labelled], judged: Mapping[str, float]) -> dict[str, str]:
    """Return {cell: the cell that it is counted as}: one with too few labels as that with the fewest among the others.

    A rate is valid whichever verdicts are distinguished, so that they may be pooled at will.
    """
    n = Counter(x.cell for x in labelled)
    pool = {cell: cell for cell in sorted({*judged, *n})}
    while len(left := sorted(set(pool.values()), key=lambda c: (n[c], c))) > 1 and n[left[0]] < MIN_LABELS:
        small, into = left[:2]
        n[into] += n.pop(small, 0)
        pool = {cell: into if to == small else to for cell, to in pool.items()}
    return pool


def _stands_for(labelled: Sequence[Labelled], n: int) -> list[float]:
    """Return how many members each labelled one stands for beside itself, with weights that sum to the population."""
    total = sum(x.weight for x in labelled)
    return [max(0.0, x.weight * n / total - 1) for x in labelled]


def _members(counts: Sequence[float], rest: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return draws, shape (DRAWS, cells), of how many of the `rest` unlabelled members are in every cell."""
    known = np.floor(np.asarray(counts) + 1e-6).astype(np.int64)
    if not len(known) or int(known.sum()) >= rest:
        return np.tile(known, (DRAWS, 1))
    shares = rng.dirichlet(np.asarray(counts) + 0.5, DRAWS)
    return known + np.asarray(rng.multinomial(rest - int(known.sum()), shares), dtype=np.int64)


def _rates(own: Sequence[tuple[float, bool]], rng: np.random.Generator) -> Floats:
    """Return draws of the rate of a cell's unlabelled members from (members it stands for, true) of labelled ones."""
    total, squares = sum(v for v, _ in own), sum(v * v for v, _ in own)
    m = total**2 / squares if squares else 0.0
    true = m * sum(v for v, is_true in own if is_true) / total if total else 0.0
    return rng.beta(true + 0.5, m - true + 0.5, DRAWS)
