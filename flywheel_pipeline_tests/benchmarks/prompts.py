"""`prompts.get`: what its import costs, and a call, cold and warm; and the share of a canary.

python -m flywheel_pipeline_tests.benchmarks.prompts
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.prompts import in_canary
from flywheel_pipeline_tests.builders import a_prompt

PROCESSES, CALLS, IDS = 7, 10_000, 10_000
CODE = """
import os, sys, time
before = set(sys.modules)
started = time.perf_counter()
from flywheel_pipeline import prompts
imported = time.perf_counter()
prompts.get("fern", source=sys.argv[1], key="s")
first = time.perf_counter()
for _ in range({calls}):
    prompts.get("fern", source=sys.argv[1], key="s")
end = time.perf_counter()
others = sorted({{m.split(".")[0] for m in set(sys.modules) - before}} - set(sys.stdlib_module_names))
print((imported - started) * 1e3, (first - imported) * 1e3, (end - first) / {calls} * 1e3, *others)
"""


def main() -> None:
    """Print the figures: medians over processes, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        registry, prompt = Registry(Path(folder) / "prompts"), a_prompt("Be kind. " * 300, name="fern")
        registry.add(prompt)
        registry.promote(prompt.version)
        environment = {"XDG_CACHE_HOME": folder, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", CODE.format(calls=CALLS), folder]
        runs = [
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
            for _ in range(PROCESSES)
        ]
    for i, what in enumerate(("import", "first call", "call while it is fresh")):
        print(f"{what:24} {median(float(run[i]) for run in runs):10.4f} ms")
    print(f"{'modules of others':24} {', '.join(m for m in runs[0][3:] if m != 'flywheel_pipeline') or 'none':>10}")
    for share in (0.05, 0.2, 0.5):
        hits = sum(in_canary({"canary_id": "c1", "share": share}, f"id-{i}") for i in range(IDS))
        print(f"{f'canary of {share:.0%}':24} {hits / IDS:10.2%} of {IDS:,} ids")


if __name__ == "__main__":
    main()
