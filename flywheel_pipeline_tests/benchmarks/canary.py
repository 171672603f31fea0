"""How a canary is shared out, how often its rule is wrong, and what reading a prompt costs.

    python -m flywheel_pipeline_tests.benchmarks.canary [--runs 2000]

The rule is looked at every hour for `HOURS` hours, a session of `RATE` going wrong without harm.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from flywheel_pipeline import prompts
from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.stats.sequential import Counts
from flywheel_pipeline.steps.deploy import ROLL_BACK, judge_canary
from flywheel_pipeline_tests.builders import a_prompt

HOURS, SESSIONS, SHARE = 24 * 14, 100, 0.2
"""Two weeks, sessions per hour, the canary's share of them."""


def rolled_back_at(rate: float, harm: float, runs: int, seed: int) -> np.ndarray:
    """Return the sessions of the canary after which each run was rolled back; 0 where it never was."""
    rng = np.random.default_rng(seed)
    found = np.zeros(runs)
    for run in range(runs):
        arms = [0, 0, 0, 0]
        for _ in range(HOURS):
            n = rng.binomial(SESSIONS, SHARE)
            arms[0] += n
            arms[1] += rng.binomial(n, rate + harm)
            arms[2] += SESSIONS - n
            arms[3] += rng.binomial(SESSIONS - n, rate)
            if judge_canary(Counts(arms[0], arms[1]), Counts(arms[2], arms[3])).decision == ROLL_BACK:
                found[run] = arms[0]
                break
    return found


def print_rule(runs: int) -> None:
    """Print how often the rule rolls back, and after how many sessions of the canary."""
    print(f"\nhourly looks over {HOURS} hours, {SESSIONS} sessions an hour, {SHARE:.0%} in the canary, {runs} runs")
    print(f"{'goes wrong':>12}{'harm':>8}{'rolled back':>14}{'after sessions (median, 90 %)':>34}")
    for rate in (0.02, 0.1, 0.3):
        for harm in (0.0, 0.05, 0.1, 0.2):
            at = rolled_back_at(rate, harm, runs, 1)
            hit = at[at > 0]
            when = f"{np.median(hit):.0f}, {np.quantile(hit, 0.9):.0f}" if len(hit) else "-"
            print(f"{rate:>12.0%}{harm:>8.0%}{(at > 0).mean():>14.1%}{when:>34}")


def print_shares() -> None:
    """Print the shares of 10,000 ids."""
    for share in (0.05, 0.2, 0.5):
        hits = [
            sum(prompts.in_canary({"canary_id": f"c{c}", "share": share}, f"id-{i}") for i in range(10_000)) / 10_000
            for c in range(20)
        ]
        print(f"share {share:.0%} of 10,000 ids, 20 canaries: {min(hits):.1%} to {max(hits):.1%}")


def print_reading() -> None:
    """Print what `prompts.get` costs: the import, the first call in a process, and the ones after it."""
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder) / "prompts")
        prompt = a_prompt("Be kind to {{customer}}. " * 200)
        registry.add(prompt)
        registry.promote(prompt.version)
        code = (
            "import time, sys; a = time.perf_counter(); from flywheel_pipeline import prompts\n"
            "b = time.perf_counter()\n"
            f"prompts.get(source={folder!r}); c = time.perf_counter()\n"
            f"for _ in range(1000): prompts.get(source={folder!r}, variables={{'customer': 'Ann'}}, key='u')\n"
            "d = time.perf_counter()\n"
            "print(f'import {(b-a)*1000:.1f} ms, first call {(c-b)*1000:.2f} ms, then {(d-c):.4f} ms a call')\n"
            "print(len(sys.modules), 'modules, third-party:', sorted({m.split(chr(46))[0] for m in sys.modules} "
            "- set(sys.stdlib_module_names) - {'__main__', 'sitecustomize'}))"
        )
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        subprocess.run(
            [sys.executable, "-S", "-c", code], check=True, env={**environment, "PYTHONPATH": str(Path.cwd())}
        )


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    asked = parser.parse_args()
    print_reading()
    print_shares()
    begun = time.perf_counter()
    print_rule(asked.runs)
    print(f"({time.perf_counter() - begun:.0f} s)")


if __name__ == "__main__":
    main()
