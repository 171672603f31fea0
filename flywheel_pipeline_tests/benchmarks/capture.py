"""Capture at scale, against what copying the same files to Parquet costs: seconds, peak memory, rows a second.

The reference is DuckDB's `copy (select * from read_json(…)) to … (format parquet, compression zstd)` on two threads.
Capture is what the assets `capture_log` (read, account) and `raw_traces` (write the days) do. Every run is a process of
its own; its seconds begin after its imports, its memory is that of it and its children together, looked at ten times a
second. Reference and capture take turns, and the medians are shown, because other work shares the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import median

DAYS, FIRST_DAY, SEED = 30, 20_240, 7
"""Event days, and the first of them in days since 1970."""
NEW_ROWS = 10_000
SPANS_A_TRACE = 4
SETTINGS = "automation: {{settle_seconds: 0}}\ncapture: {{redact: {}}}\n"
ALL_KINDS = "[email, phone, card, iban, ip, secret]"


# The data: byte templates filled with slices of one long text, since a json.dumps a row would take minutes.


class Prose:
    """Text of real words in their real frequencies: slices of it are JSON strings without their quotation marks."""

    def __init__(self, seed: int, size: int = 32_000_000) -> None:
        self.random = random.Random(seed)
        folder = files("flywheel_pipeline.demo").joinpath("documents")
        told = " ".join(p.read_text("utf-8") for p in folder.iterdir() if p.name.endswith(".md"))
        words = [json.dumps(w, ensure_ascii=False)[1:-1] for w in re.findall(r"[^\W\d_]+[,.?!']?", told)]
        self.text = " ".join(self.random.choices([*words, "\\n", '\\"so\\"'], k=size // 6)).encode()
        self.end = len(self.text) - 10_000

    def take(self, size: int) -> bytes:
        """Return about `size` bytes that begin and end with whole words."""
        start = self.text.find(b" ", int(self.random.random() * self.end)) + 1
        return self.text[start : self.text.find(b" ", start + size)]


@dataclass(frozen=True)
class Rows:
    """Which rows to write: `n` of them, the first being number `first`, over `days` from day `day` on."""

    n: int
    first: int = 0
    day: float = 0
    days: float = DAYS

    def times(self) -> Iterator[tuple[int, float]]:
        """Yield (number, seconds since 1970) of every row, in order of time."""
        begin, step = (FIRST_DAY + self.day) * 86_400, self.days * 86_400 / self.n
        return ((self.first + i, begin + i * step) for i in range(self.n))

    def split(self, parts: int) -> list[Rows]:
        """Return the rows in parts that follow each other in time."""
        share = self.days / parts
        counts = [self.n // parts + (k < self.n % parts) for k in range(parts)]
        return [Rows(c, self.first + sum(counts[:k]), self.day + k * share, share) for k, c in enumerate(counts)]


CHAT = (
    b'{"trace_id":"t-%08d","session_id":"s-%07d","started_at":"%s","latency_ms":%d,"app":"assistant",'
    b'"prompt_name":"support","prompt_version":"v%d","model":"gpt-4o-mini","input_tokens":%d,"output_tokens":%d,'
    b'"cost_usd":0.000%d,"environment":"production","user_id":"u-%06d","messages":[{"role":"system","content":"%s"},'
    b'{"role":"user","content":"%s"},%s{"role":"assistant","content":"%s"}]%s}\n'
)
TOOL = (
    b'{"role":"assistant","content":"","tool_calls":[{"id":"call_%d","type":"function","function":'
    b'{"name":"look_up_order","arguments":"{\\"order\\": \\"%d\\"}"}}]},'
    b'{"role":"tool","tool_call_id":"call_%d","content":"%s"},'
)
DOCUMENT = b'{"id":"kb-%d","title":"%s","content":"%s","score":0.%d}'


def chat_lines(rows: Rows) -> Iterator[bytes]:
    """Yield chat JSONL, 1.5 KB a trace; a twentieth holds documents, a tenth an address, a sixth a tool call."""
    prose = Prose(SEED + rows.first, 32_000_000 if rows.n > NEW_ROWS else 2_000_000)
    prompts, number = [prose.take(300) for _ in range(3)], prose.random.randrange
    for i, seconds in rows.times():
        extra = b""
        if i % 20 == 0:
            held = [(number(999), prose.take(40), prose.take(number(2000, 4000)), 10 + k) for k in range(5)]
            extra = b',"retrieved":[%s]' % b",".join(DOCUMENT % d for d in held)
        if i % 7 == 0:
            extra += b',"feedback":{"score":%d,"comment":"%s"}' % (i % 2, prose.take(30))
        calls = TOOL % (i, i, i, prose.take(120)) if i % 6 == 0 else b""
        asked = prose.take(number(60, 300)) + address(i)
        said = prose.take(number(200, 800))
        numbers = (300 + i % 3000, 1 + i % 3, 200 + i % 900, 50 + i % 400, 10 + i % 80, i % 50_000)
        yield CHAT % (i, i // 3, stamp(seconds), *numbers, prompts[i % 3], asked, calls, said, extra)


def address(i: int) -> bytes:
    """Return what a tenth of the users tell of themselves."""
    if i % 20 == 3:
        return b" Please write to jo.miller%d@example.org." % (i % 9000)
    return b" Call me at +1 415 555 %04d." % (i % 10_000) if i % 20 == 13 else b""


def stamp(seconds: float) -> bytes:
    """Return a time as ISO 8601."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return b"%s.%03dZ" % (whole.encode(), int(seconds % 1 * 1000))


SPAN = (
    b'{"traceId":"%032x","spanId":"%016x","parentSpanId":"%s","name":"%s","kind":3,"startTimeUnixNano":"%d",'
    b'"endTimeUnixNano":"%d","attributes":[%s],"status":{}}'
)
EXPORT = (
    b'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"assistant"}}]},'
    b'"scopeSpans":[{"scope":{"name":"opentelemetry.instrumentation.openai","version":"1.2"},"spans":[%s]}]}]}\n'
)
PART = b'{\\"role\\":\\"%s\\",\\"parts\\":[{\\"type\\":\\"text\\",\\"content\\":\\"%s\\"}]}'


def otlp_lines(rows: Rows) -> Iterator[bytes]:
    """Yield OTLP JSON documents of 20 to 50 spans, as a collector batches them: a trace may begin in one and end in
    the next."""
    prose = Prose(SEED + rows.first, 8_000_000)
    prose.text = prose.text.replace(b'\\"', b"").replace(b"\\n", b"so")  # these stand in JSON within JSON
    waiting: list[bytes] = []
    size = 20
    for i, seconds in Rows(max(1, rows.n // SPANS_A_TRACE), rows.first, rows.day, rows.days).times():
        waiting += trace_spans(prose, i, int(seconds * 1000) * 1_000_000)
        if len(waiting) >= size:
            yield EXPORT % b",".join(waiting[:size])
            waiting, size = waiting[size:], prose.random.randint(20, 50)
    if waiting:
        yield EXPORT % b",".join(waiting)


def trace_spans(prose: Prose, i: int, began: int) -> list[bytes]:
    """Return an agent's span and, below it, a model call that asks for a tool, the tool, and the call that answers."""
    trace, root, ms = (i + 1) * 0x9E3779B97F4A7C15 % 2**128, i * 16 + 1, 1_000_000
    asked, result, said = prose.take(250) + address(i), prose.take(200), prose.take(500)
    question, called = PART % (b"user", asked), PART % (b"assistant", prose.take(150))
    chat = (("gen_ai.operation.name", b"chat"), ("gen_ai.request.model", b"gpt-4o-mini"))
    tokens = (("gen_ai.usage.input_tokens", 400 + i % 500), ("gen_ai.usage.output_tokens", 50 + i % 300))
    steps = (
        (b"invoke_agent support", (("gen_ai.operation.name", b"invoke_agent"), ("gen_ai.conversation.id", b"c%d" % i),
         ("user.id", b"u%d" % (i % 5000)), ("gen_ai.agent.name", b"support"))),
        (b"chat gpt-4o-mini", (*chat, *tokens, ("gen_ai.input.messages", b"[%s]" % question),
         ("gen_ai.output.messages", b"[%s]" % called))),
        (b"execute_tool look_up", (("gen_ai.operation.name", b"execute_tool"), ("gen_ai.tool.name", b"look_up"),
         ("gen_ai.tool.call.arguments", b'{\\"order\\": %d}' % i), ("gen_ai.tool.call.result", result))),
        (b"chat gpt-4o-mini", (*chat, *tokens, ("gen_ai.input.messages", b"[%s,%s]" % (question, called)),
         ("gen_ai.output.messages", b"[%s]" % (PART % (b"assistant", said))))),
    )  # fmt: skip
    return [
        SPAN % (trace, root + k, b"%016x" % root if k else b"", name, began + k * ms,
                began + (k + 9 if k else 99) * ms, b",".join(attribute(*a) for a in told))
        for k, (name, told) in enumerate(steps)
    ]  # fmt: skip


def attribute(key: str, value: bytes | int) -> bytes:
    """Return an attribute as OTLP writes it."""
    if isinstance(value, int):
        return b'{"key":"%s","value":{"intValue":"%d"}}' % (key.encode(), value)
    return b'{"key":"%s","value":{"stringValue":"%s"}}' % (key.encode(), value)


def make_home(home: Path, lines: Callable[[Rows], Iterator[bytes]], n: int, parts: int) -> int:
    """Make a home whose landing files hold `n` rows; returns their bytes."""
    from flywheel_pipeline.commands.home import init_home

    init_home(home)
    for k, rows in enumerate(Rows(n).split(parts)):
        with (home / "traces" / f"part-{k:03}.jsonl").open("wb") as file:
            file.writelines(lines(rows))
    return sum(p.stat().st_size for p in (home / "traces").iterdir())


# What is measured. These run in processes of their own, whose workers import this module again: so only what all need
# is imported above.


def copy_with_duckdb(home: Path) -> dict[str, float]:
    """Copy the landing files to Parquet as they are."""
    import duckdb

    con = duckdb.connect()
    con.execute("set threads = 2")
    source, target = home / "traces" / "*.jsonl", home / "reference.parquet"
    started = time.perf_counter()
    con.execute(f"copy (select * from read_json('{source}')) to '{target}' (format parquet, compression zstd)")
    return {"seconds": time.perf_counter() - started}


def run_capture(home: Path) -> dict[str, float]:
    """Read the new landing files, account for them and write the days that they touch."""
    from flywheel_pipeline.flows.capture import capture_files, due_days, write_days
    from flywheel_pipeline.flows.workbench import Workbench
    from flywheel_pipeline.settings import load_settings

    bench = Workbench(load_settings(home, {}))
    started = time.perf_counter()
    capture_files(bench)
    read = time.perf_counter()
    write_days(bench.lake, due_days(bench.lake))
    ended = time.perf_counter()
    return {"seconds": ended - started, "read": read - started, "write": ended - read}


def run_jobs(home: Path) -> dict[str, float]:
    """Do the same through Dagster, with checks and metadata, as `flywheel turn` does; model calls are left out."""
    from flywheel_pipeline.adapters.lake import Lake
    from flywheel_pipeline.commands.dagster_runs import QUIET
    from flywheel_pipeline.definitions import build_definitions
    from flywheel_pipeline.defs.instance import open_instance
    from flywheel_pipeline.defs.partitions import range_tags
    from flywheel_pipeline.flows.capture import due_days, group_days
    from flywheel_pipeline.settings import load_settings

    settings = load_settings(home, {})
    defs = build_definitions(settings)
    with open_instance(home) as instance:

        def run(job: str, tags: dict[str, str]) -> float:
            before = time.perf_counter()
            resolved = defs.resolve_job_def(job)
            if not resolved.execute_in_process(instance=instance, tags=tags, run_config=QUIET).success:
                raise SystemExit(f"{job} failed")
            return time.perf_counter() - before

        read = run("read_trace_files", {})
        write = sum(run("capture", range_tags(days)) for days in group_days(due_days(Lake(home / "lake"))))
    return {"seconds": read + write, "read": read, "write": write}


STEPS = {f.__name__: f for f in (copy_with_duckdb, run_capture, run_jobs)}


def measure(step: str, home: Path) -> dict[str, float]:
    """Run a step in a process of its own; returns its seconds and the peak memory of it and its children in MB."""
    command = (sys.executable, "-m", "flywheel_pipeline_tests.benchmarks.capture", "--step", step, "--home", str(home))
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(resident, family(process.pid))))
        time.sleep(0.1)
    told = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{step} failed")
    return {**json.loads(told.splitlines()[-1]), "mb": peak / 1e6}


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [p for child in path.read_text().split() for p in family(int(child))]
        except OSError:  # it ended meanwhile
            continue
    return found


def resident(pid: int) -> int:
    """Return the bytes that a process holds in memory, 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


class Table:
    """What was measured, by name of the run."""

    def __init__(self) -> None:
        self.found: dict[str, list[dict[str, float]]] = {}
        self.rows: dict[str, int] = {}

    def run(self, name: str, step: str, home: Path, rows: int) -> None:
        """Measure once more."""
        self.found.setdefault(name, []).append(measure(step, home))
        self.rows[name] = rows

    def show(self, reference: str) -> None:
        """Print the medians; `reference` is the run that the others are compared with."""
        print(f"{'':40}{'seconds':>9}{'read':>8}{'days':>8}{'x ref.':>8}{'peak MB':>9}{'rows/s':>10}", flush=True)
        base = median(r["seconds"] for r in self.found[reference])
        for name, runs in self.found.items():
            seconds, read, write, mb = (median(r.get(k, 0) for r in runs) for k in ("seconds", "read", "write", "mb"))
            times = f"{seconds / base:8.2f}" if self.rows[name] == self.rows[reference] else " " * 8
            print(
                f"{name:40}{seconds:9.2f}{read:8.2f}{write:8.2f}{times}{mb:9.0f}{self.rows[name] / seconds:10.0f}",
                flush=True,
            )


def forget(home: Path, kinds: str) -> None:
    """Empty the lake, and set what is redacted."""
    shutil.rmtree(home / "lake", ignore_errors=True)
    shutil.rmtree(home / "dagster", ignore_errors=True)
    (home / "flywheel.yaml").write_text(SETTINGS.format(kinds))


def measure_chat(home: Path, n: int, rounds: int) -> None:
    """Measure chat JSONL, and what a lake that holds it all costs afterwards."""
    table, new = Table(), home / "traces" / "new.jsonl"
    for _ in range(rounds):
        table.run("DuckDB's copy", "copy_with_duckdb", home, n)
        forget(home, "[]")
        table.run("capture, redaction off", "run_capture", home, n)
        forget(home, ALL_KINDS)
        table.run("capture", "run_capture", home, n)
        table.run("again, nothing new", "run_capture", home, 0)
        new.write_bytes(b"".join(chat_lines(Rows(NEW_ROWS, n, DAYS // 2, 1))))
        table.run(f"one new file of {NEW_ROWS} rows of a day", "run_capture", home, NEW_ROWS)
        new.unlink()
    forget(home, ALL_KINDS)
    table.run("capture through Dagster", "run_jobs", home, n)
    table.run("the same again, nothing new", "run_jobs", home, 0)
    table.show("DuckDB's copy")


def measure_otlp(home: Path, n: int, rounds: int) -> None:
    """Measure OTLP; the rows are spans."""
    table = Table()
    for _ in range(rounds):
        table.run("DuckDB's copy", "copy_with_duckdb", home, n)
        forget(home, "[]")
        table.run("capture, redaction off", "run_capture", home, n)
        forget(home, ALL_KINDS)
        table.run("capture", "run_capture", home, n)
    table.show("DuckDB's copy")


def main() -> None:
    """Make the data, measure and print."""
    parser = argparse.ArgumentParser()
    for name, value in (("traces", 1_000_000), ("spans", 200_000), ("files", 10), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--home", type=Path)
    told = parser.parse_args()
    if told.step:
        print(json.dumps(STEPS[told.step](told.home)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, lines, n, run in (
            ("chat JSONL, traces", chat_lines, told.traces, measure_chat),
            ("OTLP JSON, spans", otlp_lines, told.spans, measure_otlp),
        ):
            if n:
                home = Path(folder) / lines.__name__
                size = make_home(home, lines, n, told.files)
                print(f"\n{n} {name}, {size / 1e6:.0f} MB in {told.files} files", flush=True)
                run(home, n, told.rounds)


if __name__ == "__main__":
    main()
