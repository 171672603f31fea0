"""The truth figures of judges and rates: who is trusted, and whether intervals cover, by simulation or exactly.

    python -m flywheel_pipeline_tests.benchmarks.judges

Trust is exact (sums over binomial distributions); coverage is of 2,000 seeded runs, Monte Carlo error 0.5 points.
`benchmarks.production` has the rates of production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binom

from flywheel_pipeline.stats import JudgeError, Recall, corrected_rate, paired_change
from flywheel_pipeline.steps.evaluate.alignment import MAX_P_GUESS, MIN_YOUDEN

RUNS = 2_000
LABELS = (5, 7, 10, 20, 40, 100)
TRUST: tuple[tuple[str, float, float, float, Callable[[float, int], bool]], ...] = (
    ("useless, says pass and fail alike", 0.5, 0.5, 1, lambda p, n: p < 1),
    ("useless, nearly always says pass", 0.98, 0.02, 1, lambda p, n: p < 1),
    ("TPR and TNR .7", 0.7, 0.7, 3, lambda p, n: n != 20 or p < 3),
    ("finds half of the failures, keeps .98", 0.98, 0.5, 5, lambda p, n: p < 5),
    ("unsure on half of its failures", 1.0, 0.5, 1, lambda p, n: p < 1),
    ("TPR and TNR .9", 0.9, 0.9, 85, lambda p, n: n != 20 or p > 85),
)


def trusted(tpr: float, tnr: float, n: int) -> float:
    """Return in percent how often a judge is trusted with `n` labelled passes and `n` fails."""
    may = np.array([[JudgeError(Recall(a, n), Recall(b, n)).may_decide(MIN_YOUDEN, MAX_P_GUESS) for b in range(n + 1)]
                    for a in range(n + 1)])  # fmt: skip
    counts = np.arange(n + 1)
    return 100 * float(binom.pmf(counts, n, tpr) @ may @ binom.pmf(counts, n, tnr))


def corrected(
    theta: float, n: int, recalls: tuple[float, float], labels: tuple[int, int], rng: np.random.Generator
) -> bool:
    """Return whether the corrected interval covers `theta` where the judge's recalls were measured on `labels`."""
    (tpr, tnr), (n_pass, n_fail) = recalls, labels
    error = JudgeError(Recall(rng.binomial(n_pass, tpr), n_pass), Recall(rng.binomial(n_fail, tnr), n_fail))
    rate = corrected_rate(int(rng.binomial(n, theta * tpr + (1 - theta) * (1 - tnr))), n, error)
    return rate is not None and bool(rate.low <= theta <= rate.high)


def families(size: int, correlation: float, rng: np.random.Generator) -> bool:
    """Return whether the interval of a paired change covers 0 in 27 families of `size` equal cases."""
    ids = np.repeat(np.arange(27), size)
    own, shared = (rng.choice([-1, 0, 1], n, p=[0.15, 0.7, 0.15]) for n in (len(ids), 27))
    d = np.where(rng.random(len(ids)) < correlation**0.5, shared[ids], own)
    change = paired_change((d < 0).tolist(), (d > 0).tolist(), [str(i) for i in ids])
    return change.low <= 0 <= change.high


def covered(one: Callable[[np.random.Generator], bool], runs: int = RUNS) -> float:
    """Return in percent how often `one` is true."""
    rng = np.random.default_rng(1)
    return 100 * float(np.mean([one(rng) for _ in range(runs)]))


def lines() -> Iterator[str]:
    """Yield the lines of the tables."""
    yield f"{'% trusted, by labels of each kind':42}" + "".join(f"{n:>8}" for n in LABELS)
    for name, tpr, tnr, limit, good in TRUST:
        shares = [trusted(tpr, tnr, n) for n in LABELS]
        met = all(good(p, n) for p, n in zip(shares, LABELS, strict=True))
        yield f"{name:42}" + "".join(f"{p:8.2f}" for p in shares) + f"  {limit} %: {'met' if met else 'NOT MET'}"
    yield f"\n{'% of 95 % intervals that cover the truth':58} required 93"
    app = 0.9**7, 1 - 0.1 * 0.9**6
    rows: list[tuple[str, Callable[[np.random.Generator], bool], int]] = [
        *(
            (f"perfect app, 7 judges .9/.9, {m[0]}+{m[1]} labels, n={n}",
             lambda r, n=n, m=m: corrected(1.0, n, app, m, r), RUNS)
            for n, m in ((50, (20, 20)), (100, (30, 56)), (1000, (30, 56)))
        ),
        *(
            (f"pass rate {t}, judge .9/.85, 40+40 labels, n=200",
             lambda r, t=t: corrected(t, 200, (0.9, 0.85), (40, 40), r), RUNS)
            for t in (0.6, 0.85, 0.95)
        ),
        *(
            (f"paired change, families of {k}, correlation {c}", lambda r, k=k, c=c: families(k, c, r), 600)
            for k, c in ((1, 0.0), (3, 0.0), (3, 0.5))
        ),
    ]  # fmt: skip
    for name, one, runs in rows:
        found = covered(one, runs)
        yield f"{name:58} {found:5.1f}  {'met' if found >= 93 else 'NOT MET'}"


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
