"""Ctrl-C in the middle of `flywheel run`: it ends soon and cleanly, and nothing that was paid for is asked again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from flywheel_pipeline_tests.adapters.llm.scripted_server import Said, ScriptedServer, scripted_server
from flywheel_pipeline_tests.homes import Place, a_home, some_traces


def a_slow_model(body: dict[str, Any]) -> Said:
    text = '{"explanation": "seen", "label": "pass"}' if "response_format" in body else "It is sent on Monday."
    return Said(text, seconds=0.3)


def labelled_home(path: Path, server: ScriptedServer) -> Place:
    place = a_home(path)
    role = f'{{model: openai/x, api_base: "{server.url}", price: {{input: 1, output: 1}}}}'
    (path / "flywheel.yaml").write_text(
        f"models: {{app: {role}, judge: {role}, taxonomy: none}}\nautomation: {{settle_seconds: 0}}\n"
        "cluster: {embedder: tfidf}\nllm: {concurrency: 2}\nevaluate: {judge_checks: 0}\n"
        "improve: {fresh_baseline: false}\n"
    )
    place.put_traces("a.jsonl", *some_traces(20))
    rows = [f"2025-06-02-{i}," + ("fail,made up a plan," if i < 6 else "pass,,") for i in range(16)]
    place.put_labels("a.csv", "\n".join(["trace_id,verdict,code,comment", *rows]) + "\n")
    return place


def test_an_interrupted_run_says_so_keeps_what_was_answered_and_the_next_one_asks_the_rest(tmp_path: Path) -> None:
    with scripted_server(a_slow_model) as server:
        place = labelled_home(tmp_path / "home", server)
        command = [sys.executable, "-m", "flywheel_pipeline.cli", "run", "--home", str(place.root)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until = time.monotonic() + 240
        while len(server.bodies) < 6 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 1, out
        assert "stopped by an interruption" in out and "Traceback" not in out, out
        n = len(server.bodies)
        calls = place.lake.frame("select error from llm_calls where role in ('app', 'judge') and not cached")
        assert len(calls) == n
        n_cancelled = int(calls["error"].eq("cancelled").sum())
        assert n_cancelled <= 2  # the calls that were in flight
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    asked = Counter(str(b["messages"]) for b in server.bodies)
    assert sum(k - 1 for k in asked.values()) == n_cancelled
