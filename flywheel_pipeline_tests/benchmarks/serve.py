"""The live endpoint under load, killed in the middle, and under attack.

The clients are processes of their own and send again what was not acknowledged; lost are spans that were acknowledged
and are in no file. `traces whole` are those that have all that their four spans say after a `flywheel run`; the spans
of a trace arrive in four requests, over both protocols.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline_tests.homes import a_home
from flywheel_pipeline_tests.web.capture.sender import EXPORT, GrpcSender, Sender, a_request
from flywheel_pipeline_tests.web.serving import Serving, serving, spans_of

SINGLE, SPANS, BATCH, CONNECTIONS = 10_000, 40_000, 100, 8
TRACES = SPANS // 4
START = 1_764_000_000_000_000_000
"""Nanoseconds of 2025-11-24."""
STEPS: tuple[dict[str, str], ...] = (
    {"openinference.span.kind": "AGENT", "output.value": "It is in Kiel."},
    {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "output.value": "It is in Kiel."},
    {"openinference.span.kind": "RETRIEVER", "retrieval.documents.0.document.content": "Parcels go to Kiel."},
    {"openinference.span.kind": "TOOL", "tool.name": "track", "output.value": "Kiel"},
)
WHOLE = (
    "select count(*) from raw_traces where output = 'It is in Kiel.' and model = 'gpt-4o' and len(retrieved) > 2"
    " and input like 'Where is parcel %'"
)


def a_batch(n: int) -> ExportTraceServiceRequest:
    """Batch `n`: the same step of 100 traces."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(n * BATCH, (n + 1) * BATCH):
        step, trace = divmod(number, TRACES)
        span = spans.add(
            trace_id=(trace + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=(trace + 1).to_bytes(8, "big") if step else b"",
            name="step",
            start_time_unix_nano=START + 1_000_000_000 * trace + step,
            end_time_unix_nano=START + 1_000_000_000 * trace + 900_000_000,
        )
        span.attributes.add(key="input.value").value.string_value = f"Where is parcel {trace}?"
        for key, text in STEPS[step].items():
            span.attributes.add(key=key).value.string_value = text
    return request


def send(kind: str, port: int, grpc_port: int) -> None:
    """Send from this process; prints which requests were acknowledged, and how long it took."""
    make = a_request if kind == "single" else a_batch
    numbers = range(SINGLE if kind == "single" else SPANS // BATCH)
    senders: list[Sender] = []
    for k in range(CONNECTIONS):
        over_grpc = kind == "grpc" or (kind == "both" and k % 2)
        own = numbers[k::CONNECTIONS]
        senders.append(GrpcSender(grpc_port, own, make) if over_grpc else Sender(port, own, make))
    threads = [threading.Thread(target=s.run) for s in senders]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    took = sorted(t for s in senders for t in s.took)
    print(json.dumps({"seconds": seconds, "numbers": [n for s in senders for n in s.acknowledged], "took": took}))


def measure(kind: str, kill: bool) -> dict[str, Any]:
    """Return the figures of one run."""
    size = 1 if kind == "single" else BATCH
    with tempfile.TemporaryDirectory() as folder:
        place = a_home(Path(folder) / "home")
        with serving(place.root) as server:
            command = (sys.executable, "-m", "flywheel_pipeline_tests.benchmarks.serve")
            arguments = (kind, str(server.port), str(server.grpc_port))
            client = subprocess.Popen((*command, *arguments), stdout=subprocess.PIPE)
            if kill:
                wait_for_lines(place.root, SPANS // BATCH // 2)
                server.kill()
                server.start()
            reported = json.loads(client.communicate()[0])
        landed = {(int(s["spanId"], 16) - 1) // size for s in spans_of(place.root)}
        whole = traces_whole(place.root) if kill else None
    took = reported["took"]
    return {
        "rate": len(took) * size / reported["seconds"],
        "p50": took[len(took) // 2] * 1000,
        "p99": took[len(took) * 99 // 100] * 1000,
        "acknowledged": len(reported["numbers"]) * size,
        "lost": len(set(reported["numbers"]) - landed) * size,
        "whole": whole,
    }


def traces_whole(home: Path) -> int:
    """Run the flywheel, and return how many traces have all that their spans say."""
    command = (sys.executable, "-m", "flywheel_pipeline.cli", "run", "--home", str(home))
    subprocess.run(command, capture_output=True)  # without labels the later steps have nothing to do
    (n,) = Workbench.of(home).lake.frame(WHOLE).itertuples(index=False, name=None)
    return int(n[0])


def wait_for_lines(home: Path, n: int) -> None:
    """Return when the endpoint has written `n` lines."""
    while sum(p.read_bytes().count(b"\n") for p in (home / "traces").iterdir()) < n:
        time.sleep(0.1)


def hostile_bodies() -> dict[str, tuple[str, bytes, str]]:
    """{name: (path, body, content type)}."""
    rows = b"[" + b",".join([b'{"trace_id":"t","score":1}'] * 560_000) + b"]"
    attributes = b"\x0a\x10" + b"\x01" * 16 + b"\x12\x08" + b"\x02" * 8 + b"\x4a\x00" * 480_000
    for tag in (b"\x12", b"\x12", b"\x0a"):
        attributes = tag + varint(len(attributes)) + attributes
    surrogates = b'{"resourceSpans":[],"x":"' + b"\\ud800" * 2_300_000 + b'"}'
    return {
        "560,000 opinions, gzip": ("/v1/feedback", gzip.compress(rows), "application/json"),
        "15 MB of empty elements": ("/v1/traces", b"\x0a\x00" * 7_500_000, "application/x-protobuf"),
        "480,000 empty attributes": ("/v1/traces", attributes, "application/x-protobuf"),
        "14 MB of lone surrogates": ("/v1/traces", surrogates, "application/json"),
    }


def varint(n: int) -> bytes:
    """Return a length as protobuf has it."""
    return bytes([n & 0x7F]) if n < 0x80 else bytes([n & 0x7F | 0x80]) + varint(n >> 7)


def attack(port: int, grpc_port: int, name: str) -> None:
    """Send one hostile body four times at once from this process, over HTTP and, where it is protobuf, gRPC."""
    bodies = hostile_bodies()
    if name not in bodies:
        return  # what the machine does without an attack
    path, body, kind = bodies[name]
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": kind})
    if body[:2] == b"\x1f\x8b":
        request.add_header("Content-Encoding", "gzip")

    def over_http() -> None:
        with suppress(OSError):  # refused, as it should be
            urllib.request.urlopen(request, timeout=60).read()

    def over_grpc() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel, suppress(grpc.RpcError):
            channel.unary_unary(EXPORT)(body, timeout=60)

    tasks: list[Callable[[], None]] = [over_http, over_http] + ([over_grpc] * 2 if "protobuf" in kind else [])
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def watching(server: Serving) -> Iterator[dict[str, float]]:
    """Yield the longest answer of `/healthz` in ms, and the most memory of the server's processes in MB."""
    seen, done = {"ms": 0.0, "MB": 0.0}, threading.Event()

    def watch() -> None:
        while not done.is_set():
            started = time.perf_counter()
            urllib.request.urlopen(server.url + "/healthz").read()
            seen["ms"] = max(seen["ms"], (time.perf_counter() - started) * 1000)
            seen["MB"] = max(seen["MB"], memory_of(server.process.pid))
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def memory_of(pid: int) -> float:
    """Return the resident memory of a process and its children, in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in (pid, *map(int, children))]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure and print."""
    print(f"{'':28}{'spans/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'acknowledged':>14}{'lost':>6}{'traces whole':>18}")
    for name, kind, kill in (
        ("HTTP, one span a request", "single", False),
        ("HTTP, batches of 100", "http", False),
        ("gRPC, batches of 100", "grpc", False),
        ("both, batches of 100", "both", False),
        ("both, kill -9", "both", True),
    ):
        found = measure(kind, kill)
        whole = f"{found['whole']:,} of {TRACES:,}" if kill else ""
        print(
            f"{name:28}{found['rate']:9.0f}{found['p50']:9.1f}{found['p99']:9.1f}"
            f"{found['acknowledged']:14,}{found['lost']:6}{whole:>18}"
        )
    print(f"\n{'':28}{'/healthz, longest ms':>22}{'most memory, MB':>18}")
    for name in ("none", *hostile_bodies()):
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
            time.sleep(3)  # what starting takes is not measured
            with watching(server) as seen:
                command = (sys.executable, "-m", "flywheel_pipeline_tests.benchmarks.serve")
                subprocess.run((*command, "attack", str(server.port), str(server.grpc_port), name), check=True)
        print(f"{name:28}{seen['ms']:22.0f}{seen['MB']:18.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["attack"]:
        attack(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    elif sys.argv[1:]:
        send(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
