"""What a batch is worth: failure modes found, the error of the rate, and the coverage of its interval.

Populations are made here and replayed as production: about 1,425 traces over 150 topics of Zipf sizes, twelve of the
topics fail. Users dislike 25 % of the failures and 2 % of the rest. Every design draws 100 traces of every population;
a mode counts as found when one of its failures is in the batch. `--scale` times the draw from up to a million traces,
`--leasing FILE` compares how a batch of 40 covers the channels and properties of real traces.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.stats import proportion, weighted_rate
from flywheel_pipeline.steps.sample import Design, Frame, sample_traces

N_TOPICS, N_FAILING, SIZE = 150, 12, 100
MODULE = "flywheel_pipeline_tests.benchmarks.sample"
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
    frame: list[Frame] = []
    mode: list[int] = []
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
    values: dict[str, Any] = {"risk_multiplier": 10.0, "uniform_share": 0.3, **changes}
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
        modes, failures, error, width, covered, bias = map(np.array, zip(*rows, strict=True))
        print(f"{name:30}{modes.mean():8.1%}{failures.mean():10.1f}{np.sqrt((error**2).mean()):8.4f}{error.mean():8.4f}"
              f"{covered.mean():9.1%}{width.mean():8.3f}{bias.mean():12.3f}")  # fmt: skip


MANY = """
    select
        't' || i as trace_id, 's' || i // 3 as session_id,
        '2025-01-01'::timestamp + to_milliseconds(i * 600) as started_at, 500 + hash(i) % 1000 as latency_ms,
        'a' as app, 'p' as prompt_name, 'v' || i % 3 as prompt_version, 'm' as model,
        'question ' || hash(i // 2) % 5000 || ' about ' || hash(i) % 97 || ' and ' || hash(i + 1) % 977 as input,
        repeat('an answer of several words ', 15) || hash(i) % 1000 as output,
        '[{"role": "user", "content": "how do I do this"}, {"role": "assistant", "content": "' ||
            repeat('an answer of several words ', 15) || '"}, {"role": "user", "content": "no, and that?"}]'
            as messages,
        '[]' as retrieved, 1 + (hash(i) % 9 = 0)::int as n_turns, hash(i) % 4 as n_tool_calls,
        case when hash(i) % 50 = 0 then 0.0 end as feedback_score, null as feedback_comment,
        case when hash(i) % 300 = 7 then 'timeout' end as error, 300 as input_tokens, 80 as output_tokens,
        0.0001 * (hash(i) % 20) as cost_usd, '{"channel": "c' || hash(i) % 4 || '"}' as tags, 'chat' as source_format,
        'f.jsonl' as source_file, i + 1 as source_line
    from range(?) r(i)
"""


def scale(sizes: Sequence[int]) -> None:
    """Print seconds and peak memory of the asset's whole work, drawn from lakes of these sizes."""
    print(f"\n{'traces':>10}{'seconds':>9}{'peak MB':>9}{'drawn':>7}")
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            code = f"from {MODULE} import draw_many; draw_many({folder!r}, {n})"
            subprocess.run([sys.executable, "-c", code], check=True)


def draw_many(folder: str, n: int) -> None:
    """Make a lake of `n` traces and draw 100 from it, in strata; prints a row of the table."""
    from flywheel_pipeline.flows.sample import BatchRequest, draw_batch
    from flywheel_pipeline.flows.workbench import Workbench
    from flywheel_pipeline.settings import load_settings

    bench = Workbench(load_settings(Path(folder)))
    code = f"from {MODULE} import fill; fill({folder!r}, {n})"
    subprocess.run([sys.executable, "-c", code], check=True)  # its memory is not the draw's
    started = time.perf_counter()
    _, rows = draw_batch(bench, BatchRequest(since="2025-01-01", strata=["channel"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{n:>10,}{time.perf_counter() - started:>9.1f}{peak:>9.0f}{len(rows):>7}")


def fill(folder: str, n: int) -> None:
    """Write a lake of `n` traces."""
    lake = Lake(Path(folder) / "lake")
    with lake.connect() as con:
        lake.write_from(con, (MANY, [n]), "raw_traces", "all", "")


def read_leasing(file: Path) -> tuple[list[Frame], list[tuple[str, str]]]:
    """Return the traces of a chat JSONL file, and of each its channel and property, as its system prompt tells them."""
    frame, reported = [], []
    for line in file.read_text("utf-8").splitlines():
        trace = json.loads(line)
        system = " ".join(str(m["content"]) for m in trace["messages"] if m["role"] == "system")
        asked = [str(m["content"]) for m in trace["messages"] if m["role"] == "user"]
        channel = next((c for c in ("phone", "text", "email") if re.search(CHANNELS[c], system)), "other")
        place = PROPERTY.search(system)
        reported.append((channel, place[1] if place else "?"))
        frame.append(Frame(trace["trace_id"], " ".join(asked), n_turns=len(asked), strata=reported[-1]))
    return frame, reported


PROPERTY = re.compile(
    r"(?:team member|agent|representative|assistant)[^.]{0,40}? (?:at|for) (?:the )?([A-Z][^.,]*?)(?: and|[.,])"
)
CHANNELS = {"phone": r"(?i)caller|phone call|voice", "text": r"(?i)text message|sms|texting", "email": r"(?i)e-?mail"}


def compare_leasing(file: Path, seeds: int = 200, size: int = 40) -> None:
    """Print how batches cover channels and properties, ours against random ones."""
    frame, reported = read_leasing(file)
    counts = [Counter(t[k] for t in reported) for k in range(2)]
    print(f"\n{len(frame)} traces; channels {dict(counts[0])}; {len(counts[1])} properties")
    embed = StoredEmbed(Population(frame, []))
    ours, plain = [], []
    for seed in range(seeds):
        design = Design("a", "b", size, 10.0, 0.3, seed, ("channel", "property"), 3)
        chosen = {r.trace_id for r in sample_traces(frame, design, embed, len(frame))}
        ours.append(_coverage([t for f, t in zip(frame, reported, strict=True) if f.trace_id in chosen], counts))
        drawn = np.random.default_rng(seed).choice(len(frame), size, replace=False)
        plain.append(_coverage([reported[i] for i in drawn], counts))
    print(f"{'':10}{'channels':>10}{'least of a channel':>20}{'properties':>12}{'with 3 or all':>15}")
    for name, rows in (("ours", ours), ("random", plain)):
        a, b, c, d = np.array(rows).mean(axis=0)
        print(f"{name:10}{a:10.1%}{b:20.2f}{c:12.1%}{d:15.1%}")


def _coverage(chosen: list[tuple[str, str]], counts: list[Counter[str]]) -> tuple[float, float, float, float]:
    """Return the share of channels met, the least number of one, the share of properties met, and of those with 3."""
    channel, place = (Counter(t[k] for t in chosen) for k in range(2))
    enough = sum(place[p] >= min(3, n) for p, n in counts[1].items())
    return (
        len(channel) / len(counts[0]),
        min(channel[c] for c in counts[0]),
        len(place) / len(counts[1]),
        enough / len(counts[1]),
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, default=120)
    parser.add_argument("--scale", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--leasing", type=Path, help="chat JSONL whose system prompts tell channel and property")
    args = parser.parse_args()
    if args.populations:
        compare(args.populations)
    if args.scale:
        scale(args.scale)
    if args.leasing:
        compare_leasing(args.leasing)


if __name__ == "__main__":
    main()
