"""Two finished runs of 20,000 cases: how long it takes to compare them, and how long the page needs to show them.

`python -m flywheel_pipeline_tests.benchmarks.evals_page [HOME]` generates the home (in HOME, if it is given, where it
stays) and prints milliseconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.flows.compare import compare
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.benchmarks.pages import Browser, report, timed
from flywheel_pipeline_tests.builders import a_candidate, a_case, a_mode, an_alignment, an_answer, an_eval_result
from flywheel_pipeline_tests.flows.evaluated import put_modes
from flywheel_pipeline_tests.homes import Place
from flywheel_pipeline_tests.web.browsing import CHROMIUM, open_browser
from flywheel_pipeline_tests.web.serving import serving

CASES, MODES = 20_000, 7
LABELS = np.array(["pass", "fail", "unsure", None], dtype=object)
ANSWER = "You can pair the hub in the app: hold the button for three seconds until the light is blue. "


def make_home(home: Path, n: int = CASES) -> None:
    """Write a golden set of `n` cases, two prompts' answers of 600 characters, and verdicts of 7 judges and a check."""
    lake, rng = Lake(home / "lake"), np.random.default_rng(0)
    ids = [f"g-{i:05}" for i in range(n)]
    lake.write("failure_taxonomy", [a_mode(mode_id=f"m{k}", name=f"Breaks rule {k}", rank=k + 1) for k in range(MODES)])
    by = put_modes(Place(home), *(f"m{k}" for k in range(MODES)))
    lake.write("judge_alignment", [
        an_alignment(evaluator=f"judge:m{k}", mode_id=f"m{k}", status="trusted" if k else "advisory",
                     evaluator_version=by[f"m{k}"])
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
            evaluator_version=["1", *by.values()] * n, prompt_version=[version] * m, label=list(labels),
            explanation=[f"Because of rule {x}." for x in range(m)],
            answer_id=[f"{version}-{i}" for i in np.repeat(ids, len(evaluators))],
        ), part=version)  # fmt: skip


def repeated(row: Any, n: int, **columns: list[Any]) -> dict[str, list[Any]]:
    """Return `n` rows like `row` as columns, some of which are given."""
    return {name: columns.get(name, [value] * n) for name, value in vars(row).items()}


def measure_page(home: Path) -> None:
    """Ask for what the page asks for, of a server that has just been started."""
    with serving(home) as server:
        started = time.perf_counter()
        Browser(server.port).ask("/evals/api/compare")
        report("first request after the start", ([(time.perf_counter() - started) * 1000], 0))
        browser, places = Browser(server.port), iter(range(0, CASES, 997))
        report("the page's comparison", timed(lambda: browser.ask("/evals/api/compare"), 20))
        report(
            "100 rows of the list, anywhere",
            timed(lambda: browser.ask(f"/evals/api/cases?start={next(places)}&n=100"), 20),
        )
        report("a case", timed(lambda: browser.ask("/evals/api/case?case=g-00777"), 20))
        report(
            "filtered by evaluator and outcome",
            timed(lambda: browser.ask("/evals/api/cases?evaluator=judge:m1&outcome=broken"), 20),
        )
        words = iter(range(10))
        report("filtered by a new text", timed(lambda: browser.ask(f"/evals/api/cases?text=hub+{next(words)}"), 10))
        measure_browser(server.url)


def measure_browser(url: str) -> None:
    """Open the page in Chromium, if there is one, and drag the list from its beginning to its end."""
    if CHROMIUM is None:
        return
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for name in ("page opened until a case is shown, first time", "page opened again"):
            started = time.perf_counter()
            page.goto(url + "/evals/")
            page.wait_for_selector("#case header")
            report(name, ([(time.perf_counter() - started) * 1000], 0))
        report("jump into the list until its rows are there", timed(lambda: jump(page), 20))
        report("next case (j) until it is shown", timed(lambda: step(page), 20))


def jump(page: Any) -> bytes:
    """Scroll somewhere else, and wait until no row in sight is empty."""
    page.evaluate("""() => { const list = document.querySelector("#list"); window.jumps = (window.jumps ?? 0) + 1;
        list.scrollTop = (window.jumps * 7919 * 60) % list.scrollHeight; }""")
    page.wait_for_function("""() => { const rows = [...document.querySelectorAll(".row-of-list")];
        const first = Math.floor(document.querySelector("#list").scrollTop / 60);
        return rows.some((r) => Number(r.dataset.at) === first) && !document.querySelector("[data-waits]"); }""")
    return b""


def step(page: Any) -> bytes:
    """Go to the next case, and wait until it is the one that is shown."""
    page.keyboard.press("j")
    page.wait_for_function("""() => document.querySelector("[aria-selected=true] .by")?.textContent.startsWith(
        document.querySelector("#case .id")?.textContent ?? "?")""")
    return b""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(sys.argv[1] if len(sys.argv) > 1 else folder)
        if not (home / "lake").exists():
            make_home(home)
        bench = Workbench(load_settings(home, {}))
        print(f"{CASES:,} cases, {MODES} judges and a check, two versions: {2 * CASES * (MODES + 1):,} verdicts\n")
        print(f"{'milliseconds':44}{'n':>6}{'p50':>10}{'p99':>10}{'longest':>10}{'KB':>10}")
        report(
            "two finished runs compared",
            timed(lambda: str(compare(bench, "production", "candidate").before).encode(), 5),
        )
        started = time.process_time()
        compare(bench, "production", "candidate")
        report("the same, processor time", ([(time.process_time() - started) * 1000], 0))
        measure_page(home)


if __name__ == "__main__":
    main()
