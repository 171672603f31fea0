"""The page of traces on a million traces: the first page, every filter, words, a trace of 5 MB, memory of the server.

`python -m flywheel_pipeline_tests.benchmarks.traces [TRACES]` writes 30 days straight as Parquet, serves them in a
process of its own and asks like a browser does: `list` is what a person waits for, `facets` the counts beside it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline_tests.benchmarks.pages import Browser, report, timed
from flywheel_pipeline_tests.builders import NOON, a_trace, an_annotation
from flywheel_pipeline_tests.web.serving import serving

TRACES, DAYS, TIMES = 1_000_000, 30, 5
WORDS = (
    "hub valve probe parcel refund plan battery wifi schedule sensor garden water pump leak app account invoice "
    "delivery setup pair reset update light soil timer zone frost winter manual button signal router password email "
    "order return"
).split()
SAY = """create macro say(seed, k) as list_aggregate(list_transform(range(k),
    lambda j: (?::varchar[])[(1 + hash(seed * 1000003 + j) % 36)::bigint]), 'string_agg', ' ')"""
DAY = """
select md5(i::varchar) as trace_id, 's' || (i // 3) as session_id,
    timestamp '2026-10-01' + interval (day) day + to_seconds(((i - first) * 86399 / n)::bigint) as started_at,
    (hash(i) % 9000 + 200)::double as latency_ms, ['support', 'sales', 'search'][(1 + hash(i + 1) % 3)::bigint] as app,
    'fern' as prompt_name, 'p' || (hash(i + 2) % 4) as prompt_version,
    ['gpt-5', 'gpt-5-mini', 'claude'][(1 + hash(i + 3) % 3)::bigint] as model, question as input, answer as output,
    json_array(json_object('role', 'system', 'content', repeat('You answer questions on the garden hub. ', 6)),
        json_object('role', 'user', 'content', question),
        json_object('role', 'assistant', 'content', answer)) as messages,
    json_array(json_object('id', 'd1', 'content', say(i + 9, 60))) as retrieved, 1 + hash(i + 4) % 5 as n_turns,
    hash(i + 5) % 4 as n_tool_calls,
    case when hash(i + 6) % 20 = 0 then 0.0 when hash(i + 6) % 20 < 3 then 1.0 end as feedback_score,
    case when hash(i + 6) % 40 = 0 then say(i + 70, 8) end as feedback_comment,
    case when hash(i + 7) % 100 = 0 then 'timeout' end as error, 300 + hash(i) % 900 as input_tokens,
    50 + hash(i) % 300 as output_tokens, (hash(i) % 1000) / 1e5 as cost_usd,
    json_object('language', ['en', 'de', 'fr'][(1 + hash(i + 8) % 3)::bigint], 'tier', 'pro') as tags,
    'chat' as source_format, 'a.jsonl' as source_file, i + 1 as source_line
from (select range as i, say(range, 14) as question, say(range + 500000000, 60) as answer, $day as day, $first as first,
    $n as n from range($first, $first + $n))
"""
FILTERS: tuple[list[tuple[str, str]], ...] = (
    [],
    [("feedback", "negative")],
    [("error", "yes")],
    [("app", "sales"), ("model", "claude")],
    [("prompt", "p1")],
    [("language", "de")],
    [("verdict", "fail")],
    [("verdict", "(none)")],
    [("since", "2026-10-10"), ("until", "2026-10-12")],
    [("session", "s77")],
    [("tag", "language=fr")],
    [("turns", "5"), ("calls", "3")],
    [("tokens", "1500")],
    [("cost", "0.0099")],
    [("latency", "9.1")],
    [("words", "refund")],
    [("words", "refund invoice"), ("within", "question")],
    [("words", "nowhere-to-be-found")],
)


def make_home(home: Path, n: int) -> None:
    """Write the traces day by day, 10,000 verdicts, and one trace with 5 MB of messages."""
    lake = Lake(home / "lake")
    (home / "flywheel.yaml").write_text("annotate: {arbiter: mira}\n")
    per_day = n // DAYS
    with lake.connect() as con:
        con.execute(SAY.replace("?", "[" + ", ".join(f"'{w}'" for w in WORDS) + "]"))
        for day in range(DAYS):
            params = {"day": day, "first": day * per_day, "n": per_day}
            lake.write_from(con, (DAY, params), "raw_traces", f"2026-10-{day + 1:02}", "")
    with lake.connect() as con:  # its views see what was written since
        ids = con.execute("select trace_id from raw_traces using sample 10000 rows (reservoir, 1)").fetchall()
    labels = [
        an_annotation(trace_id=i, verdict=("fail", "pass")[k % 2], source_line=k + 1) for k, (i,) in enumerate(ids)
    ]
    lake.write("annotations", labels)
    huge = json.dumps([{"role": ("user", "assistant")[k % 2], "content": "lorem ipsum " * 2_000} for k in range(208)])
    lake.write("raw_traces", [a_trace(trace_id="huge", messages=huge, started_at=NOON)], part="2025-06-02")


def memory(pid: int) -> str:
    """Return what a process holds in memory now, and has held at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {
        name: int(value.split()[0]) // 1000
        for name, _, value in (line.partition(":") for line in lines)
        if "VmRSS" in name or "VmHWM" in name
    }
    return f"{found['VmRSS']} MB now, {found['VmHWM']} MB at most"


def main() -> None:
    """Print one line per request: how often, median, 99th percentile and longest in ms, and the size of the answer."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else TRACES
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_home(home, n)
        print(f"{n:,} traces{'':33}{'times':>6}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}{'kB':>10}")
        with serving(home) as server:
            browser = Browser(server.port)
            report("list, first time after the start", timed(lambda: browser.ask("/traces/api/list")))
            for pairs in FILTERS:
                query = urlencode(pairs)
                for what in ("list", "facets"):
                    address = f"/traces/api/{what}?{query}"
                    report(f"{what} {query[:36]}", timed(lambda a=address: browser.ask(a), TIMES))  # type: ignore[misc]
            after = json.loads(browser.ask("/traces/api/list"))["next"]
            report("list, second page", timed(lambda: browser.ask(f"/traces/api/list?after={quote(after)}"), TIMES))
            like = "/traces/api/list?like=" + json.loads(after)[1]
            report("like a trace, first time", timed(lambda: browser.ask(like)))
            report("like a trace, again", timed(lambda: browser.ask(like), TIMES))
            report("a trace", timed(lambda: browser.ask("/traces/api/trace?id=" + json.loads(after)[1]), TIMES))
            report("a trace of 5 MB, first time", timed(lambda: browser.ask("/traces/api/trace?id=huge")))
            report("a trace of 5 MB again", timed(lambda: browser.ask("/traces/api/trace?id=huge"), TIMES))
            print(f"memory of the server: {memory(server.process.pid)}")


if __name__ == "__main__":
    main()
