"""The pages on a home of 10,000 sampled traces: how long each request takes, before and after 5,000 labels.

`python -m flywheel_pipeline_tests.benchmarks.pages` serves a generated home in a process of its own and asks like a
browser does. The last part kills the server with SIGKILL between labels and counts those that were acknowledged and
are not there afterwards.
"""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE
from flywheel_pipeline.adapters.home.reviewed import ReviewedFile
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.cluster.history import Reviewed, dump_taxonomy
from flywheel_pipeline.steps.cluster.modes import Member, Mode
from flywheel_pipeline_tests.builders import a_conversation, a_sampled_trace, a_trace, an_annotation
from flywheel_pipeline_tests.web.serving import Serving, serving

TRACES, BATCH, LABELS, MODES, DAYS = 10_000, 500, 5_000, 10, 20
DAY = datetime(2025, 6, 2)
HUGE = [{"role": ("user", "assistant")[n % 2], "content": f"message {n} " + "lorem ipsum " * 2_000} for n in range(208)]


def make_home(home: Path) -> None:
    """Write 20 batches of 500 traces, one of them with 5 MB of messages; a tenth are failures of ten modes."""
    lake = Lake(home / "lake")
    (home / "flywheel.yaml").write_text("annotate: {arbiter: mira, repeated: 0.1}\n")
    traces = [
        a_trace(
            trace_id=f"t{n:05}", started_at=DAY + timedelta(days=n % DAYS), input=f"question {n}",
            messages=Json(json.dumps(a_conversation(*(f"turn {n}.{k} " + "some words " * 20 for k in range(6))))),
        )
        for n in range(TRACES)
    ]  # fmt: skip
    traces[0] = a_trace(trace_id="t00000", started_at=DAY, messages=Json(json.dumps(HUGE)))
    for day in range(DAYS):
        own = [t for t in traces if t.started_at == DAY + timedelta(days=day)]
        lake.write("raw_traces", own, part=f"{DAY + timedelta(days=day):%Y-%m-%d}")
    sampled = [a_sampled_trace(batch=f"batch-{n // BATCH:02}", trace_id=t.trace_id) for n, t in enumerate(traces)]
    lake.write("sampled_traces", sampled)
    failures = [t.trace_id for t in traces[::3]]
    fails = set(failures)
    lake.write("annotations", [
        an_annotation(trace_id=t.trace_id, verdict="fail" if t.trace_id in fails else "pass",
                      code=f"breaks rule {n % MODES}" if t.trace_id in fails else None, comment=f"Case {n} broke it.")
        for n, t in enumerate(traces)
    ])  # fmt: skip
    modes = [
        Mode(f"fm-{m}", f"Breaks rule {m}", f"It breaks rule {m}.", members=tuple(
            Member(t, f"breaks rule {m}", "CODE", 0.9) for t in failures[m::MODES]
        ))
        for m in range(MODES)
    ]  # fmt: skip
    file = ReviewedFile(home / TAXONOMY_FILE)
    file.replace(dump_taxonomy(Reviewed(tuple(modes))), file.read().version)


class Browser:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, path: str, sent: Any = None) -> bytes:
        """Return the body of an answer.

        Raises:
            RuntimeError: it is no success.
        """
        headers = {"Content-Type": "application/json"}
        self._connection.request("GET" if sent is None else "POST", path, sent and json.dumps(sent), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return body


def timed(work: Callable[[], bytes], times: int = 1) -> tuple[list[float], int]:
    """Return how many milliseconds each of several times took, and the bytes of the last answer."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        body = work()
        took.append((time.perf_counter() - started) * 1000)
    return took, len(body)


def report(name: str, found: tuple[list[float], int]) -> None:
    """Print one line."""
    took, size = sorted(found[0]), found[1]
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"{name:44}{len(took):>6}{p50:>10.1f}{p99:>10.1f}{took[-1]:>10.1f}{size / 1000:>10.0f}", flush=True)


def labels(browser: Browser, keys: list[str]) -> tuple[list[float], int]:
    """Label items, as fast as they are acknowledged."""
    waiting = iter(keys)

    def give() -> bytes:
        sent = {"key": next(waiting), "verdict": "fail", "comment": "Promises a refund that no rule allows."}
        return browser.ask("/label/api/label?annotator=mira", sent)

    return timed(give, len(keys))


def measure(server: Serving) -> list[str]:
    """Ask for everything that the pages ask for; return the keys of the queue."""
    report("queue, first time after the start", timed(lambda: Browser(server.port).ask("/label/api/queue")))
    browser = Browser(server.port)
    report("queue again", timed(lambda: browser.ask("/label/api/queue"), 20))
    keys: list[str] = json.loads(browser.ask("/label/api/queue"))["keys"]
    following = iter(keys)
    report(
        "a trace, in the order of the queue", timed(lambda: browser.ask(f"/label/api/item?key={next(following)}"), 200)
    )
    report("a trace of 5 MB, first time", timed(lambda: browser.ask("/label/api/item?key=t00000")))
    report("a trace of 5 MB again", timed(lambda: browser.ask("/label/api/item?key=t00000"), 20))
    report(
        "a piece of it, from message 150 on", timed(lambda: browser.ask("/label/api/messages?key=t00000&start=149"), 20)
    )
    report(
        "a draft", timed(lambda: browser.ask("/label/api/draft", {"key": keys[-1], "comment": f"{time.time()}"}), 200)
    )
    report("labels 1 to 500", labels(browser, keys[:500]))
    labels(browser, keys[500 : LABELS - 500])
    report(f"labels {LABELS - 499:,} to {LABELS:,}", labels(browser, keys[LABELS - 500 : LABELS]))
    report(f"queue after {LABELS:,} labels", timed(lambda: browser.ask("/label/api/queue"), 20))
    report("board of failure modes, first time", timed(lambda: browser.ask("/taxonomy/api/board")))
    report("board again", timed(lambda: browser.ask("/taxonomy/api/board"), 20))
    report("moving 50 failures, board included", move(browser, 5))
    return keys


def move(browser: Browser, times: int) -> tuple[list[float], int]:
    """Move the failures that the board shows of one mode to another, several times."""

    def once() -> bytes:
        board = json.loads(browser.ask("/taxonomy/api/board"))
        source, target = board["modes"][0], board["modes"][1]
        traces = [f["trace_id"] for f in source["failures"]]
        sent = {"action": "move", "mode": target["mode_id"], "traces": traces, "version": board["version"]}
        return browser.ask("/taxonomy/api/act", sent)

    return timed(once, times)


def killed(server: Serving, keys: list[str]) -> tuple[int, int]:
    """Label, kill the server, start it again, several times; return the labels acknowledged, and those of them lost."""
    acknowledged: list[str] = []
    for start in range(0, 500, 100):
        browser = Browser(server.port)
        for key in keys[start : start + 100]:
            browser.ask("/label/api/label?annotator=mira", {"key": key, "verdict": "defer"})
            acknowledged.append(key)
        server.kill()
        server.start()
    there = json.loads(Browser(server.port).ask("/label/api/queue"))["verdicts"]
    return len(acknowledged), sum(there.get(key) != "defer" for key in acknowledged)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_home(home)
        print(f"{TRACES:,} sampled traces in {TRACES // BATCH} batches, {MODES} modes\n")
        print(f"{'milliseconds':44}{'n':>6}{'p50':>10}{'p99':>10}{'longest':>10}{'KB':>10}")
        with serving(home) as server:
            keys = measure(server)
            n, n_lost = killed(server, keys[LABELS:])
            print(f"\n{n} labels acknowledged before one of 5 kill -9, {n_lost} lost")


if __name__ == "__main__":
    main()
