"""Exports as they come, as large as wanted: byte templates filled with slices of one long text, since a json.dumps for
each row would take minutes."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

DAYS, FIRST_DAY, SEED = 30, 20_240, 7
"""Event days, and the first of them in days since 1970."""
NEW_ROWS = 10_000
SPANS_A_TRACE = 4


class Prose:
    """Text of real words in their real frequencies: slices of it are JSON strings without their quotation marks."""

    def __init__(self, seed: int, size: int = 32_000_000) -> None:
        self.random = random.Random(seed)
        folder = files("flywheel_pipeline.demo").joinpath("documents")
        reported = " ".join(p.read_text("utf-8") for p in folder.iterdir() if p.name.endswith(".md"))
        words = [json.dumps(w, ensure_ascii=False)[1:-1] for w in re.findall(r"[^\W\d_]+[,.?!']?", reported)]
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
                began + (k + 9 if k else 99) * ms, b",".join(attribute(*a) for a in reported))
        for k, (name, reported) in enumerate(steps)
    ]  # fmt: skip


def attribute(key: str, value: bytes | int) -> bytes:
    """Return an attribute as OTLP writes it."""
    if isinstance(value, int):
        return b'{"key":"%s","value":{"intValue":"%d"}}' % (key.encode(), value)
    return b'{"key":"%s","value":{"stringValue":"%s"}}' % (key.encode(), value)


LANGFUSE = (
    b'{"id":"lf-%08d","timestamp":"%s","name":"ask","userId":"u-%d","sessionId":"s-%d","public":false,"metadata":{},'
    b'"environment":"default","tags":[],"input":"%s","output":"%s","observations":[%s,%s,%s],"scores":[%s]}'
)
OBSERVATION = (
    b'{"id":"o-%08d-%d","traceId":"lf-%08d","type":"%s","name":"%s","startTime":"%s","endTime":"%s","level":"DEFAULT",'
    b'"parentObservationId":%s,"metadata":{},"input":%s,"output":%s%s}'
)
USAGE = (
    b',"model":"gpt-4o-mini","modelParameters":{"temperature":0.2},"usageDetails":{"input":%d,"input_cached_tokens":64,'
    b'"output":%d,"total":%d},"costDetails":{"total":0.0%d}'
)
SCORE = (
    b'{"id":"sc-%d","traceId":"lf-%08d","name":"user-feedback","value":%d,"dataType":"NUMERIC","source":"API",'
    b'"comment":null,"timestamp":"%s"}'
)


def langfuse_lines(rows: Rows) -> Iterator[bytes]:
    """Yield Langfuse traces, 3 KB each: a chain, a retrieval and a generation, and a user's score on every seventh."""
    prose = Prose(SEED + rows.first, 8_000_000)
    prompt = prose.take(300)
    for i, seconds in rows.times():
        at, asked, said, known = stamp(seconds), prose.take(200) + address(i), prose.take(500), prose.take(400)
        question, answer = b'"%s"' % asked, b'"%s"' % said
        sent = b'[{"role":"system","content":"%s"},{"role":"user","content":%s}]' % (prompt, question)
        reply = b'{"role":"assistant","content":%s}' % answer
        found = b'[{"page_content":"%s","metadata":{"source":"kb-%d"}}]' % (known, i % 500)
        usage = USAGE % (300 + i % 90, 80 + i % 40, 444 + i % 90 + i % 40, 1 + i % 9)
        chain = b'"o-%08d-0"' % i
        steps = (
            OBSERVATION % (i, 0, i, b"SPAN", b"chain", at, at, b"null", question, answer, b""),
            OBSERVATION % (i, 1, i, b"RETRIEVER", b"search", at, at, chain, question, found, b""),
            OBSERVATION % (i, 2, i, b"GENERATION", b"llm", at, at, chain, sent, reply, usage),
        )
        score = SCORE % (i, i, i // 7 % 2, at) if i % 7 == 0 else b""
        yield LANGFUSE % (i, at, i % 5000, i // 3, asked, said, *steps, score) + b"\n"


def make_home(home: Path, lines: Callable[[Rows], Iterator[bytes]], n: int, parts: int) -> int:
    """Make a home whose landing files hold `n` rows; returns their bytes.

    Langfuse's interface exports one JSON array: the first file of its traces is one.
    """
    from flywheel_pipeline.flows.home import init_home

    init_home(home)
    for k, rows in enumerate(Rows(n).split(parts)):
        is_array = lines is langfuse_lines and k == 0
        with (home / "traces" / f"part-{k:03}.{'json' if is_array else 'jsonl'}").open("wb") as file:
            if is_array:
                file.write(b"[" + b",".join(lines(rows)) + b"]")
            else:
                file.writelines(lines(rows))
    return sum(p.stat().st_size for p in (home / "traces").iterdir())
