"""Two finished runs of 20,000 cases: how long it takes to compare them, and how long the page needs to show them.

`python -m flywheel_pipeline_tests.benchmarks.evals_page [HOME]` generates the home (in HOME, if it is given, where it
stays) and prints milliseconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.flows.compare import compare
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.builders import a_candidate, a_case, a_mode, an_alignment, an_answer, an_eval_result

CASES, MODES = 20_000, 7
LABELS = np.array(["pass", "fail", "unsure", None], dtype=object)
ANSWER = "You can pair the hub in the app: hold the button for three seconds until the light is blue. "


def make_home(home: Path, n: int = CASES) -> None:
    """Write a golden set of `n` cases, two prompts' answers of 600 characters, and verdicts of 7 judges and a check."""
    lake, rng = Lake(home / "lake"), np.random.default_rng(0)
    ids = [f"g-{i:05}" for i in range(n)]
    lake.write("failure_taxonomy", [a_mode(mode_id=f"m{k}", name=f"Breaks rule {k}", rank=k + 1) for k in range(MODES)])
    lake.write("judge_alignment", [
        an_alignment(evaluator=f"judge:m{k}", mode_id=f"m{k}", status="trusted" if k else "advisory")
        for k in range(MODES)
    ] + [an_alignment(evaluator="judges:all", mode_id=None, evaluator_version="")])  # fmt: skip
    base, new = PromptVersion.of("p", "Be brief.", None, ""), PromptVersion.of("p", "Be brief and kind.", None, "")
    lake.write("production_prompt", [base])
    lake.write("prompt_candidate", [a_candidate(candidate_id=new.version, base_version=base.version)])
    lake.write("golden_set", repeated(a_case(), n, case_id=ids, family=ids, mode_id=[f"m{i % MODES}" for i in range(n)],
                                      input=[f"Question {i}: how do I pair hub {i}?" for i in range(n)],
                                      source_trace_id=[f"t{i}" for i in range(n)]))  # fmt: skip
    for version, p_fail in ((base.version, 0.04), (new.version, 0.03)):
        texts = [f"{ANSWER * 6}It is number {x}." for x in rng.integers(0, 9, n)]
        lake.write("answers", repeated(an_answer(), n, answer_id=[f"{version}-{i}" for i in ids], case_id=ids,
                                       prompt_version=[version] * n, output=texts), part=version)  # fmt: skip
        evaluators = ["answered", *(f"judge:m{k}" for k in range(MODES))]
        m = n * len(evaluators)
        labels = LABELS[rng.choice(4, m, p=[1 - p_fail - 0.002, p_fail, 0.001, 0.001])]
        lake.write("eval_results", repeated(
            an_eval_result(), m, case_id=list(np.repeat(ids, len(evaluators))), evaluator=evaluators * n,
            prompt_version=[version] * m, label=list(labels), explanation=[f"Because of rule {x}." for x in range(m)],
            answer_id=[f"{version}-{i}" for i in np.repeat(ids, len(evaluators))],
        ), part=version)  # fmt: skip


def repeated(row: Any, n: int, **columns: list[Any]) -> dict[str, list[Any]]:
    """Return `n` rows like `row` as columns, some of which are given."""
    return {name: columns.get(name, [value] * n) for name, value in vars(row).items()}


def timed(name: str, work: Callable[[], object], times: int = 3) -> None:
    """Do some work several times, and print how many milliseconds the first and the fastest took."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    print(f"{name:52}{took[0]:>10.0f}{min(took):>10.0f}", flush=True)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(sys.argv[1] if len(sys.argv) > 1 else folder)
        if not (home / "lake").exists():
            make_home(home)
        bench = Workbench(load_settings(home, {}))
        print(f"{CASES:,} cases, {MODES} judges, two versions: milliseconds\n{'':52}{'first':>10}{'fastest':>10}")
        timed("compare two runs", lambda: compare(bench, "production", "candidate"))
        print(json.dumps(compare(bench, "production", "candidate").found.counts()))


if __name__ == "__main__":
    main()
