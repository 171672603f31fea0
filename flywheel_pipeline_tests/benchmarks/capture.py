"""Capture at scale, against what copying the same files to Parquet costs: seconds, peak memory, rows per second.

The reference is DuckDB's `copy (select * from read_json(…)) to … (format parquet, compression zstd)` on two threads.
Beside it stand what a user would otherwise write, a plain pandas program and a plain polars one (where polars is
installed), which find question and answer in the messages of chat files and keep the rest as it is.

Capture is what the assets `capture_log` (read, account) and `raw_traces` (write the days) do. Every run is a process of
its own; its seconds begin after its imports, its memory is that of it and its children together, looked at ten times a
second. Reference and capture take turns, and the medians are shown, because other work shares the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from flywheel_pipeline_tests.benchmarks.capture_data import (
    DAYS,
    NEW_ROWS,
    Rows,
    chat_lines,
    langfuse_lines,
    make_home,
    otlp_lines,
)

SETTINGS = "automation: {{settle_seconds: 0}}\ncapture: {{redact: {}}}\n"
ALL_KINDS = "[email, phone, card, iban, ip, secret]"


# What is measured. These run in processes of their own, whose workers import this module again: so only what all need
# is imported above.


def copy_with_duckdb(home: Path) -> dict[str, float]:
    """Copy the landing files to Parquet as they are."""
    import duckdb

    con = duckdb.connect()
    con.execute("set threads = 2")
    source, target = home / "traces" / "*.json*", home / "reference.parquet"
    started = time.perf_counter()
    con.execute(f"copy (select * from read_json('{source}')) to '{target}' (format parquet, compression zstd)")
    return {"seconds": time.perf_counter() - started}


def _asked_and_said(messages: Any) -> tuple[str | None, str | None]:
    """Return the last texts of user and assistant, as a plain program finds them."""
    texts = {m["role"]: m.get("content") for m in messages}
    return texts.get("user"), texts.get("assistant")


def run_pandas(home: Path) -> dict[str, float]:
    """Read chat files with pandas, find question and answer, and write Parquet with DuckDB (pandas needs pyarrow)."""
    import duckdb
    import pandas as pd

    started = time.perf_counter()
    for path in sorted((home / "traces").glob("*.jsonl")):
        frame = pd.read_json(path, lines=True, dtype_backend="numpy_nullable")
        pairs = [_asked_and_said(m) for m in frame["messages"]]
        frame["input"], frame["output"] = [p[0] for p in pairs], [p[1] for p in pairs]
        nested = [name for name in frame.columns if frame[name].map(lambda v: isinstance(v, list | dict)).any()]
        for name in nested:
            frame[name] = frame[name].map(json.dumps, na_action="ignore").astype(object)
        con = duckdb.connect()
        con.register("frame", frame.astype(object))
        con.execute(f"copy frame to '{home / path.stem}.parquet' (format parquet, compression zstd)")
        con.close()
    return {"seconds": time.perf_counter() - started}


def run_polars(home: Path) -> dict[str, float]:
    """Do the same with polars."""
    import polars as pl  # type: ignore[import-not-found,unused-ignore]

    started = time.perf_counter()
    for path in sorted((home / "traces").glob("*.jsonl")):
        frame = pl.read_ndjson(path, infer_schema_length=None)
        role, content = pl.element().struct.field("role"), pl.element().struct.field("content")
        made = {
            name: pl.col("messages").list.eval(content.filter(role == who)).list.last()
            for name, who in (("input", "user"), ("output", "assistant"))
        }
        frame.with_columns(**made).write_parquet(home / f"{path.stem}.parquet", compression="zstd")
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


STEPS = {f.__name__: f for f in (copy_with_duckdb, run_pandas, run_polars, run_capture, run_jobs)}


def measure(step: str, home: Path) -> dict[str, float]:
    """Run a step in a process of its own; returns its seconds and the peak memory of it and its children in MB."""
    command = (sys.executable, "-m", "flywheel_pipeline_tests.benchmarks.capture", "--step", step, "--home", str(home))
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(resident, family(process.pid))))
        time.sleep(0.1)
    reported = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{step} failed")
    return {**json.loads(reported.splitlines()[-1]), "mb": peak / 1e6}


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
        table.run("a pandas program", "run_pandas", home, n)
        if find_spec("polars"):
            table.run("a polars program", "run_polars", home, n)
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
    if not find_spec("polars"):
        print("a polars program: not measured, polars is not installed", flush=True)


def measure_spans(home: Path, n: int, rounds: int) -> None:
    """Measure exports of spans."""
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
    for name, value in (("traces", 1_000_000), ("spans", 200_000), ("langfuse", 50_000), ("files", 10), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--home", type=Path)
    reported = parser.parse_args()
    if reported.step:
        print(json.dumps(STEPS[reported.step](reported.home)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, lines, n, run in (
            ("chat JSONL, traces", chat_lines, reported.traces, measure_chat),
            ("OTLP JSON, spans", otlp_lines, reported.spans, measure_spans),
            ("Langfuse, traces", langfuse_lines, reported.langfuse, measure_spans),
        ):
            if n:
                home = Path(folder) / lines.__name__
                parts = (
                    4 if lines is langfuse_lines else reported.files
                )  # its first file, of over 32 MB, is one document
                size = make_home(home, lines, n, parts)
                print(f"\n{n} {name}, {size / 1e6:.0f} MB in {parts} files", flush=True)
                run(home, n, reported.rounds)


if __name__ == "__main__":
    main()
