"""What a batch is worth: failure modes found, the error of the rate, and the coverage of its interval.

Populations are made here and replayed as production: about 1,425 traces over 150 topics of Zipf sizes, twelve of the
topics fail. Users dislike 25 % of the failures and 2 % of the rest. Every design draws 100 traces of every population;
a mode counts as found when one of its failures is in the batch. `--scale` times the draw from up to a million traces,
`--leasing FILE` compares how a batch of 40 covers the channels and properties of real traces.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.stats import proportion, weighted_rate
from flywheel_pipeline.steps.sample import Design, Frame, sample_traces

N_TOPICS, N_FAILING, SIZE = 150, 12, 100
LEAST = 2
"""Traces of a failing topic, at least."""
SENSITIVITY, FALSE_ALARMS = 0.25, 0.02
FILLER = "please could you tell me how i can the my a is it to for what do with when there about does this".split()


@dataclass(frozen=True)
class Population:
    """Traces, and the failing topic of each: -1 where the answer was right."""

    frame: list[Frame]
    mode: list[int]

    @property
    def rate(self) -> float:
        """The true share of failures."""
        return sum(m >= 0 for m in self.mode) / len(self.mode)


def make_population(seed: int) -> Population:
    """Return one: each topic has a dozen words of its own and shares others with its neighbours."""
    rng = np.random.default_rng(seed)
    tails = ["".join(rng.choice(list("aeioulnrst"), rng.integers(3, 8))) for _ in range(N_TOPICS * 9)]
    words = [str(rng.choice(list("bcdfghklmnprstvw"))) + tail for tail in tails]
    sizes = np.maximum(1, np.round(250 / np.arange(1, N_TOPICS + 1) ** 0.995)).astype(int)
    failing = {int(t): k for k, t in enumerate(rng.choice(np.flatnonzero(sizes >= LEAST), N_FAILING, replace=False))}
    frame, mode = [], []
    for topic, size in enumerate(sizes):
        own = words[topic * 9 : topic * 9 + 12]
        for _ in range(size):
            key = own[:1] if rng.random() < 0.8 else []
            text = rng.permutation(
                [*key, *rng.choice(own, rng.integers(2, 5)), *rng.choice(FILLER, rng.integers(3, 9))]
            )
            fails = topic in failing
            disliked = rng.random() < (SENSITIVITY if fails else FALSE_ALARMS)
            frame.append(Frame(f"t{len(frame):05}", " ".join(text), thumbs_down=bool(disliked)))
            mode.append(failing.get(topic, -1))
    return Population(frame, mode)


Draw = Callable[[Population, int], tuple[list[int], list[float]]]


class StoredEmbed:
    """The vectors of one population, made once for all draws."""

    def __init__(self, population: Population) -> None:
        self.points = TfidfEmbed().embed([f.input for f in population.frame])

    def embed(self, texts: Sequence[str]) -> object:
        """Return them."""
        return self.points


def draw_ours(population: Population, seed: int, embed: StoredEmbed, **changes: float) -> tuple[list[int], list[float]]:
    """Draw as `sampled_traces` does."""
    values = {"risk_multiplier": 10.0, "uniform_share": 0.3, **changes}
    design = Design("2025-01-01", "2025-01-07", SIZE, seed=seed, **values)
    rows = sample_traces(population.frame, design, embed, len(population.frame))
    return [int(r.trace_id[1:]) for r in rows], [r.weight for r in rows]


def draw_random(population: Population, seed: int) -> tuple[list[int], list[float]]:
    """Draw a simple random sample."""
    chosen = np.random.default_rng(seed).choice(len(population.frame), SIZE, replace=False)
    return list(map(int, chosen)), [1.0] * SIZE


def draw_flagged_first(population: Population, seed: int) -> tuple[list[int], list[float]]:
    """Take disliked traces first, then a random sample, and count every one the same, as is usually advised."""
    rng = np.random.default_rng(seed)
    flagged = [i for i, f in enumerate(population.frame) if f.thumbs_down]
    rest = [i for i, f in enumerate(population.frame) if not f.thumbs_down]
    first = list(map(int, rng.permutation(flagged)))[:SIZE]
    return [*first, *map(int, rng.choice(rest, SIZE - len(first), replace=False))], [1.0] * SIZE


def compare(n: int) -> None:
    """Print a row a design over `n` populations."""
    kept: dict[str, list[tuple[float, int, float, float, bool, float]]] = {}
    for seed in range(n):
        population = make_population(seed)
        embed = StoredEmbed(population)
        draws = {
            "simple random": draw_random(population, seed),
            "flagged first, unweighted": draw_flagged_first(population, seed),
            "pivotal, equal": draw_ours(population, seed, embed, risk_multiplier=1.0),
            "pivotal, risk x5": draw_ours(population, seed, embed, risk_multiplier=5.0),
            "pivotal, risk x10 (default)": draw_ours(population, seed, embed),
            "pivotal, risk x20": draw_ours(population, seed, embed, risk_multiplier=20.0),
        }
        for name, (chosen, weights) in draws.items():
            outcomes = [population.mode[i] >= 0 for i in chosen]
            rate = weighted_rate(outcomes, weights) if len(set(weights)) > 1 else proportion(sum(outcomes), SIZE)
            found = len({population.mode[i] for i in chosen} - {-1}) / N_FAILING
            covers = rate.low <= population.rate <= rate.high
            naive = float(np.mean(outcomes)) - population.rate
            kept.setdefault(name, []).append(
                (found, sum(outcomes), rate.value - population.rate, rate.high - rate.low, covers, naive)
            )
    print(f"\n{n} populations, {SIZE} of about {len(population.frame)} traces\n")
    print(f"{'':30}{'modes':>8}{'failures':>10}{'RMSE':>8}{'bias':>8}{'covered':>9}{'width':>8}{'naive bias':>12}")
    for name, rows in kept.items():
        found, failures, error, width, covers, naive = map(np.array, zip(*rows, strict=True))
        print(f"{name:30}{found.mean():8.1%}{failures.mean():10.1f}{np.sqrt((error**2).mean()):8.4f}{error.mean():8.4f}"
              f"{covers.mean():9.1%}{width.mean():8.3f}{naive.mean():12.3f}")  # fmt: skip


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, default=120)
    args = parser.parse_args()
    compare(args.populations)


if __name__ == "__main__":
    main()
