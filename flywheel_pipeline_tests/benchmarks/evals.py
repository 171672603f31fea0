"""Measure the evaluation engine against a local scripted server: speed, memory, a kill, faults.

    python -m flywheel_pipeline_tests.benchmarks.evals speed [--cases 2000] [--in-flight 64] [--latency 0.2]
        [--with pydantic_evals=/path/to/its/venv/bin/python] [--with promptfoo=/path/to/node_modules/.bin/promptfoo]
    python -m flywheel_pipeline_tests.benchmarks.evals rerun | memory | kill | faults

Every way runs in a process of its own. The span is from the first request that the server saw to its last reply; the
ideal is (calls / in flight) x latency. CPU is of the whole process, imports included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANSWER_PROMPT = "You are the support assistant of a garden company. Answer from the documents only."
WAYS = ("aiohttp", "flywheel", "openai", "pydantic_evals", "litellm", "promptfoo")
MODULE = "flywheel_pipeline_tests.benchmarks.evals"


def conversation(i: int) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": f"Hello, I have a question on order {i}. " + "It was late last week. " * 10},
        {"role": "assistant", "content": "Of course. What would you like to know? " * 3},
        {"role": "user", "content": f"Can I send the probe of order {i} back, and who pays for the parcel?"},
    ]


DOCUMENTS = [{"id": f"d{k}", "title": f"Page {k}", "content": "We refund within thirty days. " * 20} for k in range(3)]
JUDGE = "You judge one answer of an LLM application. " + "Look at the words. " * 40


def requests_of(i: int, output: str | None = None) -> dict[str, Any]:
    """A request of the size that ours have, for the ways that are not ours."""
    if output is None:
        system = ANSWER_PROMPT + json.dumps(DOCUMENTS)
        return {"model": "m", "messages": [{"role": "system", "content": system}, *conversation(i)], "max_tokens": 400}
    data = json.dumps({"conversation": conversation(i), "documents": DOCUMENTS, "answer": output})
    return {"model": "m", "messages": [{"role": "system", "content": JUDGE}, {"role": "user", "content": data}]}


async def spread(n: int, in_flight: int, work: Callable[[int], Awaitable[None]]) -> None:
    waiting = iter(range(n))

    async def worker() -> None:
        for i in waiting:
            await work(i)

    await asyncio.gather(*(worker() for _ in range(in_flight)))


async def run_aiohttp(url: str, n: int, in_flight: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(request: dict[str, Any]) -> str:
            async with session.post(f"{url}/chat/completions", json=request) as reply:
                return str((await reply.json())["choices"][0]["message"]["content"])

        async def work(i: int) -> None:
            await call(requests_of(i, await call(requests_of(i))))

        await spread(n, in_flight, work)


async def run_openai(url: str, n: int, in_flight: int) -> None:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async with AsyncOpenAI(base_url=url, api_key="none", http_client=DefaultAioHttpClient()) as client:

        async def call(request: dict[str, Any]) -> str:
            return (await client.chat.completions.create(**request)).choices[0].message.content or ""

        async def work(i: int) -> None:
            await call(requests_of(i, await call(requests_of(i))))

        await spread(n, in_flight, work)


async def run_litellm(url: str, n: int, in_flight: int) -> None:
    import litellm

    async def call(request: dict[str, Any]) -> str:
        request = {**request, "model": "openai/m", "api_base": url, "api_key": "none"}
        return str((await litellm.acompletion(**request)).choices[0].message.content)

    async def work(i: int) -> None:
        await call(requests_of(i, await call(requests_of(i))))

    await spread(n, in_flight, work)


async def run_pydantic_evals(url: str, n: int, in_flight: int) -> None:
    from openai import AsyncOpenAI, DefaultAioHttpClient
    from pydantic_evals import Case, Dataset  # type: ignore[import-not-found]
    from pydantic_evals.evaluators import Evaluator  # type: ignore[import-not-found]

    client = AsyncOpenAI(base_url=url, api_key="none", http_client=DefaultAioHttpClient())

    async def call(request: dict[str, Any]) -> str:
        return (await client.chat.completions.create(**request)).choices[0].message.content or ""

    class Judge(Evaluator):  # type: ignore[misc]
        async def evaluate(self, ctx: Any) -> bool:
            return '"pass"' in await call(requests_of(ctx.inputs, ctx.output))

    async def task(i: int) -> str:
        return await call(requests_of(i))

    dataset = Dataset(name="bench", cases=[Case(name=str(i), inputs=i) for i in range(n)], evaluators=[Judge()])
    await dataset.evaluate(task, max_concurrency=in_flight, progress=False)
    await client.close()


def run_flywheel(url: str, n: int, in_flight: int, folder: Path) -> dict[str, Any]:
    from flywheel_pipeline.adapters.apps import PromptApp
    from flywheel_pipeline.adapters.llm import ModelClient, ReplyStore
    from flywheel_pipeline.records import GoldenCase, Json, LLMCall, PromptVersion
    from flywheel_pipeline.steps.evaluate import ModeToJudge, Plan, run_evals
    from flywheel_pipeline_tests.adapters.llm.clients import a_model, some_limits
    from flywheel_pipeline_tests.builders import a_case

    calls: list[LLMCall] = []
    model = a_model("openai/m", url)
    from datetime import datetime

    client = ModelClient(
        {"app": model, "judge": model},
        ReplyStore(folder / "replies.sqlite"),
        some_limits(concurrency=in_flight),
        datetime.utcnow,
        lambda batch, found: calls.extend(found),
    )
    shown = Json(json.dumps(DOCUMENTS))
    cases: list[GoldenCase] = [
        a_case(case_id=f"g-{i}", messages=Json(json.dumps(conversation(i))), context=shown) for i in range(n)
    ]
    mode = ModeToJudge("fm-1", "Made up", "The answer claims what no document says.", ("There is no such plan.",) * 4)
    started = time.perf_counter()
    prompt = PromptVersion.of("bench", ANSWER_PROMPT, None, "")
    found = run_evals(prompt, cases, Plan([mode], "bench", "openai/m"), PromptApp(client), client)
    seconds = time.perf_counter() - started
    labels = [r.label for r in found.results if r.annotator_kind == "LLM"]
    errors = [x for x in (*(a.error for a in found.answers), *(r.error for r in found.results)) if x]
    return {
        "seconds": seconds, "requests": sum(not c.cached for c in calls), "cached": sum(c.cached for c in calls),
        "answers": sum(a.error is None for a in found.answers), "verdicts": sum(x is not None for x in labels),
        "errors": sorted({x[:60] for x in errors}),
        "n_errors": len(errors),
        "without_reason": sum(r.label is None and not r.error for r in found.results),
    }  # fmt: skip


def run_promptfoo(program: str, url: str, n: int, in_flight: int, folder: Path) -> dict[str, Any]:
    """Run promptfoo on the same requests: a chat prompt per case, and an assertion that asks a judge."""
    folder.mkdir(parents=True, exist_ok=True)
    system = ANSWER_PROMPT + json.dumps(DOCUMENTS)
    (folder / "prompt.js").write_text(
        "module.exports = ({vars}) => JSON.stringify([{role: 'system', content: vars.system}, "
        "...JSON.parse(vars.conversation)]);\n"
    )
    provider = {"id": "openai:chat:m", "config": {"apiBaseUrl": url, "apiKey": "none", "max_tokens": 400}}
    judge = {"type": "llm-rubric", "value": JUDGE, "provider": provider}
    tests = [{"vars": {"conversation": json.dumps(conversation(i)), "system": system}} for i in range(n)]
    config = {
        "prompts": ["file://prompt.js"], "providers": [provider], "tests": tests, "defaultTest": {"assert": [judge]}
    }  # fmt: skip
    (folder / "promptfooconfig.json").write_text(json.dumps(config))
    names = ("DISABLE_TELEMETRY", "DISABLE_UPDATE", "DISABLE_REMOTE_GENERATION", "SELF_HOSTED")
    quiet = {**dict.fromkeys((f"PROMPTFOO_{n}" for n in names), "1"), "PROMPTFOO_CONFIG_DIR": str(folder)}
    command = [program, "eval", "-c", "promptfooconfig.json", "--no-cache", "--no-table", "--no-progress-bar",
               "--max-concurrency", str(in_flight), "-o", "out.json"]  # fmt: skip
    started = time.perf_counter()
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **quiet}, stdout=log, stderr=log)
        _, _, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "rss_mb": used.ru_maxrss / 1024}


def child(way: str, url: str, n: int, in_flight: int, folder: str) -> None:
    """Run one way in this process and print what it took."""
    started = time.perf_counter()
    if way == "flywheel":
        result = run_flywheel(url, n, in_flight, Path(folder))
    else:
        asyncio.run(globals()[f"run_{way}"](url, n, in_flight))
        result = {"seconds": time.perf_counter() - started}
    used = resource.getrusage(resource.RUSAGE_SELF)
    result |= {"cpu": used.ru_utime + used.ru_stime, "rss_mb": used.ru_maxrss / 1024}
    print(json.dumps(result))


@contextmanager
def serving(latency: float, **faults: float) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", f"{MODULE}_server", str(port), str(latency), json.dumps(faults)]
    process = subprocess.Popen(command)

    def stats() -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats?reset") as reply:
            return dict(json.load(reply))

    try:
        for _ in range(200):
            try:
                stats()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1", stats
    finally:
        process.kill()
        process.wait()


def start(
    way: str, url: str, n: int, in_flight: int, folder: Path, python: str = sys.executable
) -> subprocess.Popen[str]:
    command = [python, "-m", MODULE, "child", way, url, str(n), str(in_flight), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run(way: str, url: str, n: int, in_flight: int, folder: Path, python: str = sys.executable) -> dict[str, Any]:
    out, _ = start(way, url, n, in_flight, folder, python).communicate()
    return dict(json.loads(out.strip().splitlines()[-1]))


def missing(way: str, where: str) -> str:
    """Return why a way cannot be measured, "" if it can; `where` is the program that `--with` names."""
    if way == "flywheel":
        return ""
    if way == "promptfoo" and not where:
        return "not named (npm install promptfoo, then --with promptfoo=node_modules/.bin/promptfoo)"
    if way == "promptfoo":
        found = (
            subprocess.run([where, "--version"], capture_output=True, text=True, check=False)
            if shutil.which(where)
            else None
        )
        return "" if found and found.returncode == 0 else f"{where} does not run"
    python = where or sys.executable
    found = subprocess.run([python, "-c", f"import {way}"], capture_output=True, text=True, check=False)
    return f"not installed for {python}" if found.returncode else ""


def speed(n: int, in_flight: int, latency: float, folder: Path, programs: Mapping[str, str] = {}) -> None:
    ideal = 2 * n / in_flight * latency
    print(
        f"{n} cases, an app and a judge call each, {in_flight} in flight, {latency:.3f} s a call: ideal {ideal:.1f} s"
    )
    print(f"{'way':16} {'span s':>8} {'x ideal':>8} {'CPU ms a call':>14} {'RSS MB':>8} {'requests':>9}")
    with serving(latency) as (url, stats):
        for way in WAYS:
            if reason := missing(way, programs.get(way, "")):
                print(f"{way:16} skipped: {reason}")
                continue
            if way == "promptfoo":
                found = run_promptfoo(programs[way], url, n, in_flight, folder / way)
            else:
                found = run(way, url, n, in_flight, folder / way, programs.get(way, sys.executable))
            seen = stats()
            span = seen["last"] - seen["first"]
            cpu = 1000 * found["cpu"] / (2 * n)
            print(
                f"{way:16} {span:8.1f} {span / ideal:8.2f} {cpu:14.2f} {found['rss_mb']:8.0f} {seen['requests']:9.0f}"
            )


def rerun(n: int, in_flight: int, latency: float, folder: Path) -> None:
    with serving(latency) as (url, stats):
        first = run("flywheel", url, n, in_flight, folder)
        made = stats()["requests"]
        second = run("flywheel", url, n, in_flight, folder)
        print(f"first run of {n} cases: {first['seconds']:.1f} s, {made:.0f} requests, {first['rss_mb']:.0f} MB")
        print(
            f"unchanged re-run: {second['seconds']:.2f} s, {stats()['requests']:.0f} requests, "
            f"{second['cached']} cached, {second['rss_mb']:.0f} MB"
        )


def kill(n: int, in_flight: int, latency: float, folder: Path) -> None:
    with serving(latency) as (url, stats):
        process = start("flywheel", url, n, in_flight, folder)
        before: dict[str, float] = {"requests": 0}
        while before["requests"] < n:
            time.sleep(0.02)
            with urllib.request.urlopen(url.replace("/v1", "/stats")) as reply:
                before = dict(json.load(reply))
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(latency + 0.2)
        seen = stats()
        second = run("flywheel", url, n, in_flight, folder)
        again = stats()
        total = seen["requests"] + again["requests"]
        bound = in_flight + in_flight / latency * 0.1
        print(
            f"killed after {seen['requests']:.0f} of {2 * n} requests; then {again['requests']:.0f}: "
            f"{total - 2 * n:.0f} repeated (in flight {in_flight}, and 100 ms of calls: at most {bound:.0f})"
        )
        lost = total - second["requests"]
        print(f"llm_calls holds {second['requests']} of {total:.0f} requests; {lost:.0f} never ended for the client")


def faults(n: int, in_flight: int, latency: float, folder: Path) -> None:
    rate = 100.0
    with serving(latency, server_errors=0.05, hangs=0.02, broken=0.05, rate=rate, burst=rate) as (url, stats):
        found, seen = run("flywheel", url, n, in_flight, folder), stats()
        least = (seen["requests"] - seen["throttled"]) / rate
        print(f"{n} cases against {rate:.0f} requests/s, 5 % 500, 2 % hangs, 5 % broken verdicts:")
        print(
            f"{found['seconds']:.1f} s, {found['seconds'] / (2 * n / rate):.2f}x of {2 * n} calls at the bucket's rate "
            f"({found['seconds'] / least:.2f}x of the {seen['requests'] - seen['throttled']:.0f} it let through)"
        )
        print(
            f"requests {seen['requests']:.0f}, throttled {seen['throttled']:.0f}, logged {found['requests']}; answers "
            f"{found['answers']}, verdicts {found['verdicts']}, errors with a reason {found['n_errors']}, "
            f"without {found['without_reason']}"
        )
        print(*found["errors"], sep="\n")


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        way, url, n, in_flight, folder = sys.argv[2:]
        Path(folder).mkdir(parents=True, exist_ok=True)
        child(way, url, int(n), int(in_flight), folder)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "rerun", "memory", "kill", "faults"))
    parser.add_argument("--cases", type=int)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency", type=float)
    parser.add_argument("--with", dest="programs", action="append", default=[], metavar="WAY=PROGRAM")
    asked = parser.parse_args()
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with tempfile.TemporaryDirectory() as name:
        if asked.what == "memory":
            rerun(asked.cases or 20_000, asked.in_flight, asked.latency or 0.02, Path(name))
        else:
            run_one: Callable[..., None] = {"speed": speed, "rerun": rerun, "kill": kill, "faults": faults}[asked.what]
            programs = [dict(p.split("=", 1) for p in asked.programs)] if asked.what == "speed" else []
            run_one(asked.cases or 2_000, asked.in_flight, asked.latency or 0.2, Path(name), *programs)


if __name__ == "__main__":
    main()
