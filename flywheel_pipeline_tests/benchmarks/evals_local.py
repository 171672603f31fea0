"""Evaluate golden cases of the demo with a real, small model behind an OpenAI-compatible server.

    python -m flywheel_pipeline_tests.benchmarks.evals_local --url http://127.0.0.1:8199/v1 [--cases 60]

A small model cuts answers off, repeats itself and ignores instructions. It prints how many answers were finished, why
the others were not, and what a second run asks for: the unfinished answers again, and nothing else. Then the same
model judges a few of the answers.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from flywheel_pipeline.commands.dagster_runs import run_turn
from flywheel_pipeline.commands.home import demo_home
from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, LLMCall, PromptVersion
from flywheel_pipeline.settings import SETTINGS_FILE


def use_model(home: Path, asked: argparse.Namespace, *roles: str) -> Workbench:
    """Return the home with the served model in `roles` and the demo's stand-in in the others."""
    path = home / SETTINGS_FILE
    values = yaml.safe_load(path.read_text("utf-8"))
    model = {"model": asked.model, "api_base": asked.url, "price": {"input": 0, "output": 0}}
    most = {"app": asked.max_tokens, "judge": asked.judge_tokens}
    values["models"] |= {role: {**model, "max_tokens": most[role]} for role in roles}
    values["llm"] = {"concurrency": 4, "timeout_seconds": 600, "budget_usd": 0}
    path.write_text(yaml.safe_dump(values), "utf-8")
    return Workbench.of(home)


def made(bench: Workbench) -> int:
    """Return how many requests the served model got so far."""
    calls = bench.lake.read("llm_calls", LLMCall, "not cached and model not like 'offline/%'")
    return len(calls)


def evaluate(bench: Workbench, cases: Sequence[GoldenCase]) -> tuple[list[CaseAnswer], list[EvalResult], int, float]:
    """Return the answers and verdicts on `cases`, the requests made to the served model, and the seconds."""
    started = time.perf_counter()
    before, prompt = made(bench), bench.lake.read("production_prompt", PromptVersion)[0]
    try:
        Evaluator(bench, bench.llm()).evaluate(prompt, cases)
    except ModelError as error:
        print(f"the step stopped: {error}")
    seconds, n = time.perf_counter() - started, made(bench) - before
    ids = {c.case_id for c in cases}
    answers = bench.lake.read("answers", CaseAnswer, "prompt_version = ?", [prompt.version])
    results = bench.lake.read("eval_results", EvalResult, "prompt_version = ?", [prompt.version])
    return [a for a in answers if a.case_id in ids], [r for r in results if r.case_id in ids], n, seconds


def report_answers(asked: argparse.Namespace, bench: Workbench, cases: Sequence[GoldenCase]) -> list[str]:
    """Print what two runs with the model as app made of the cases; return those whose answers are finished."""
    answers, _, n, seconds = evaluate(bench, cases)
    finished = {a.case_id: a.output for a in answers if a.error is None}
    print(f"{len(cases)} cases, max_tokens {asked.max_tokens}: {n} requests in {seconds:.0f} s")
    print(f"finished {len(finished)}, errors {len(answers) - len(finished)}, without a row {len(cases) - len(answers)}")
    for reason, k in Counter(a.error for a in answers if a.error).most_common():
        print(f"  {k} x {reason}")
    cut = sum(a.finish_reason == "length" and a.error is None for a in answers)
    print(f"cut-off answers that count as answered: {cut}")
    again, _, n, seconds = evaluate(bench, cases)
    same = sum(a.cached and finished.get(a.case_id) == a.output for a in again)
    print(f"second run: {n} requests in {seconds:.0f} s for the {len(answers) - len(finished)} unfinished answers,")
    print(f"  {len(finished) - same} of the {len(finished)} finished answers were asked again")
    return sorted(finished)


def report_verdicts(asked: argparse.Namespace, bench: Workbench, cases: Sequence[GoldenCase]) -> None:
    """Print what the model makes of its own answers as their judge."""
    _, results, n, seconds = evaluate(bench, cases)
    judged = [r for r in results if r.annotator_kind == "LLM"]
    print(f"as judge of {len(cases)} cases: {n} requests in {seconds:.0f} s, {len(judged)} verdicts")
    for label, k in Counter(r.label or r.error for r in judged).most_common():
        print(f"  {k} x {label}")
    print(f"verdicts without a label that have a score: {sum(r.label is None and r.score is not None for r in judged)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8199/v1")
    parser.add_argument("--model", default="openai/smollm2")
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--max-tokens", type=int, default=120)
    parser.add_argument("--judge-cases", type=int, default=3)
    parser.add_argument("--judge-tokens", type=int, default=120)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        home = demo_home(Path(name) / "home")
        run_turn(Workbench.of(home), lambda line: None)
        logging.getLogger("flywheel_pipeline").setLevel(logging.INFO)
        bench = use_model(home, asked, "app")
        cases = sorted(active_cases(bench), key=lambda c: c.case_id)[: asked.cases]
        finished = report_answers(asked, bench, cases)[: asked.judge_cases]
        if finished:
            bench = use_model(home, asked, "app", "judge")
            report_verdicts(asked, bench, [c for c in cases if c.case_id in finished])


if __name__ == "__main__":
    main()
