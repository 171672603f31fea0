"""Landing files -> traces and rejects: every row is accounted for, whatever is in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline.adapters.re2 import Re2Match
from flywheel_pipeline.ports import Block
from flywheel_pipeline.records import CapturedTrace, Reject
from flywheel_pipeline.steps.capture import Rules, read_block
from flywheel_pipeline_tests.builders import NOON, a_chat_record, a_conversation

RULES = Rules("fernwater", date(2025, 6, 1), NOON)
LIMITS = BlockLimits(line=5_000_000, document=5_000_000)
BOM = b"\xef\xbb\xbf"
DEEP = 100_000
"""Deeper than the JSON parser of any Python goes."""


def line(**changes: Any) -> bytes:
    return json.dumps(a_chat_record(**changes)).encode()


@dataclass
class Read:
    """What came of all blocks of a file."""

    n_rows_in: int = 0
    traces: list[CapturedTrace] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def read(*lines: bytes, limits: BlockLimits = LIMITS) -> Read:
    """Read a file of these lines, all of its blocks."""
    whole = Read()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(b"\n".join(lines))
        for block in read_blocks(path, limits):
            captured = read_block("a.jsonl", block, RULES, Re2Match())
            whole.n_rows_in += captured.n_rows_in
            whole.traces += captured.traces
            whole.rejects += captured.rejects
    whole.traces.sort(key=lambda t: t.source_line)
    return whole


def the_reject(captured: Read) -> Reject:
    (reject,) = captured.rejects
    return reject


def test_every_good_line_is_a_trace_with_its_place() -> None:
    captured = read(line(trace_id="a"), line(trace_id="b"), b"", b"  \t", line(trace_id="c"))
    assert [(t.trace_id, t.source_file, t.source_line, t.app) for t in captured.traces] == [
        ("a", "a.jsonl", 1, "fernwater"),
        ("b", "a.jsonl", 2, "fernwater"),
        ("c", "a.jsonl", 5, "fernwater"),
    ]
    assert (captured.n_rows_in, captured.rejects) == (3, [])


BAD_ROWS = {
    "malformed JSON": (b'{"messages": [', "not valid JSON"),
    "no JSON": (b"hello", "not valid JSON"),
    "two values": (b"{} {}", "not valid JSON"),
    "a key twice": (line()[:-1] + b', "trace_id": "other"}', "the key 'trace_id' appears twice"),
    "unknown format": (
        b'{"prompt": "a", "completion": "b"}',
        r"unknown format \(keys completion, prompt\); known: chat",
    ),
    "messages of another kind": (b'{"messages": "a"}', "unknown format"),
    "not an object": (b'"text"', r"unknown format \(a str\)"),
    "broken UTF-8": (b'{"a": "\xff"}', "not valid UTF-8 at byte 7"),
    "UTF-16": ("{}".encode("utf-16"), "not valid UTF-8"),
    "NaN": (line(latency_ms=float("nan")), "NaN is not JSON"),
    "Infinity": (line(latency_ms=float("inf")), "Infinity is not JSON"),
    "a number beyond all": (line()[:-1] + b', "latency_ms": 1e999}', "too large for a number"),
    "a cost of 400 digits": (line()[:-1] + b', "cost_usd": 1' + b"0" * 400 + b"}", "cost_usd"),
    "an id of 5000 digits": (line()[:-1] + b', "id": 1' + b"0" * 5000 + b"}", "not valid JSON"),
    "deep nesting": (line()[:-1] + b', "x": ' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deeply"),
    "deeply nested objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "nested too deeply"),
    "no time": (line(started_at=None), "no time"),
    "no time that is one": (line(started_at="now"), "is not a time"),
    "a time before all calendars": (line(started_at="0001-01-01T00:00:00+14:00"), "is not a time"),
    "future": (line(started_at="2025-06-03T12:00:01Z"), "2025-06-03 12:00 is in the future"),
    "before the start": (line(started_at="2025-05-31T23:59:59Z"), "2025-05-31 is before capture.start_date 2025-06-01"),
    "wrong role": (line(messages=[{"role": "narrator", "content": "Q"}]), "message 0 has the role 'narrator'"),
    "nobody": (line(messages=[{"role": "system", "content": "Q"}]), "no message has the role `user`"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_a_reject_with_its_line_and_reason_and_the_rows_around_it_are_read(kind: Any) -> None:
    bad, reason = BAD_ROWS[kind]
    captured = read(line(trace_id="before"), bad, line(trace_id="after"))
    assert [t.trace_id for t in captured.traces] == ["before", "after"]
    reject = the_reject(captured)
    assert (reject.source, reject.file, reject.line) == ("traces", "a.jsonl", 2)
    assert len(reject.excerpt) <= 200
    assert re.search(reason, reject.reason), reject.reason
    assert captured.n_rows_in == 3


def test_the_edges_of_the_window_are_inside() -> None:
    first, last = line(started_at="2025-06-01T00:00:00Z"), line(started_at="2025-06-03T12:00:00Z")
    assert [t.started_at for t in read(first, last).traces] == [NOON - timedelta(days=1, hours=12), NOON + timedelta(1)]


def test_no_depth_of_nesting_stops_the_reader() -> None:
    for depth in (*range(1, 1100), 10_000, DEEP):
        deep = b"[" * depth + b"]" * depth
        in_tags = line(trace_id="deep")[:-1] + b', "x": ' + deep + b"}"
        in_document = line(trace_id="deep")[:-1] + b', "retrieved": [' + deep + b"]}"
        captured = read(in_tags, in_document, b'{"messages": [{"role": "user", "content": ' + deep + b"}]}", line())
        assert captured.traces[-1].trace_id == "t1"
        assert captured.n_rows_in == len(captured.traces) + len(captured.rejects) == 4


def test_no_depth_of_nesting_stops_the_reader_of_an_array() -> None:
    for depth in range(900, 1100):
        captured = read(b"[" + line()[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}]")
        assert captured.n_rows_in == len(captured.traces) + len(captured.rejects) == 1


@pytest.mark.parametrize("lines", [[], [b""], [b" ", b"\t", b"\r"], [b"[]"], [b"[", b"]"]])
def test_an_empty_file_is_one_reject_of_the_whole_file(lines: Any) -> None:
    captured = read(*lines)
    assert (captured.n_rows_in, captured.traces) == (1, [])
    assert (the_reject(captured).line, the_reject(captured).excerpt) == (0, "")
    assert "the file is empty" in the_reject(captured).reason


def test_a_line_that_is_too_long_is_a_reject_that_names_the_setting_also_when_it_comes_cut() -> None:
    limit = len(line()) + 10
    limits = BlockLimits(line=limit, document=5_000_000)
    long = line(trace_id="x" * 100)
    captured = read(line(), long, line(trace_id="y" * (limit - len(line()) + 2)), limits=limits)
    assert [t.source_line for t in captured.traces] == [1, 3]
    assert the_reject(captured).line == 2
    assert f"longer than {limit} bytes: raise capture.max_line_mb" in the_reject(captured).reason


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert [t.trace_id for t in read(BOM + line(trace_id="a"), line(trace_id="b")).traces] == ["a", "b"]


@pytest.mark.parametrize("start", [b"", BOM, b"  "], ids=["plain", "byte order mark", "indented"])
def test_a_file_that_is_one_json_array_is_taken_apart(start: Any) -> None:
    items = [a_chat_record(trace_id="a"), {"no": "trace"}, a_chat_record(trace_id="b")]
    text = start + json.dumps(items, indent=1).encode()
    captured = read(*text.split(b"\n"))
    assert [(t.trace_id, t.source_line) for t in captured.traces] == [("a", 1), ("b", 3)]
    assert the_reject(captured).line == 2
    assert captured.n_rows_in == 3


def test_an_array_is_read_like_lines() -> None:
    records = [a_chat_record(trace_id=t, messages=a_conversation("Ü\x00?", "漢")) for t in "abc"]
    as_lines = read(*(json.dumps(r).encode() for r in records))
    as_array = read(json.dumps(records, ensure_ascii=False).encode())
    assert as_lines.traces == as_array.traces


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'[{"a": 1},', "not valid JSON"),
        (b'["\xff"]', "not valid UTF-8"),
        (b"[" * DEEP + b"]" * DEEP, "nested too deeply"),
        (b"[" + b" " * LIMITS.document + b"]", "export it as JSONL"),
    ],
    ids=["malformed", "broken UTF-8", "deep", "too long"],
)
def test_an_array_that_cannot_be_taken_apart_is_one_reject(text: Any, reason: str) -> None:
    captured = read(text)
    assert (captured.n_rows_in, captured.traces) == (1, [])
    assert reason in the_reject(captured).reason


def test_an_id_from_the_content_is_the_same_in_every_file_and_order() -> None:
    record = a_chat_record()
    del record["trace_id"]
    one = read(json.dumps(record).encode()).traces[0]
    other = read(line(), json.dumps(record, sort_keys=True, indent=None, ensure_ascii=False).encode()).traces[1]
    assert one.trace_id == other.trace_id
    assert one.trace_id.startswith("c-")


def test_a_reject_can_be_stored_whatever_the_row_held() -> None:
    for bad in (b'{"\\ud800": 1}', b'{"a": "\xff\xfe"}', b'{"messages": [{"role": "\\udfff"}]}', b"\xed\xa0\x80"):
        reject = the_reject(read(bad))
        assert reject.reason.encode("utf-8")
        assert reject.excerpt.encode("utf-8")


times = st.sampled_from(["2025-06-02T12:00:00Z", 1_748_865_600, "x", "1999-01-01", "2999-01-01", None])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "asssistant", "x", 1]), "content": json_values},
        optional={"tool_calls": json_values},
    ),
    max_size=3,
)
near_records = st.fixed_dictionaries(
    {"messages": messages | json_values},
    optional={
        "started_at": times, "trace_id": json_values, "latency_ms": json_values, "feedback": json_values,
        "input_tokens": json_values, "retrieved": json_values, "other": json_values, "error": json_values,
    },
).map(lambda r: json.dumps(r).encode())  # fmt: skip
any_lines = st.lists(
    st.binary(max_size=40) | near_records | st.sampled_from([line(), b"", b"[", b"]", BOM, b"[" + line() + b"]"]),
    max_size=6,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(any_lines)
def test_whatever_a_file_holds_every_row_is_either_a_trace_or_a_reject(lines: Any) -> None:
    captured = read(*lines)
    assert captured.n_rows_in == len(captured.traces) + len(captured.rejects) > 0
    assert all(r.reason for r in captured.rejects)


def test_every_row_is_redacted_whichever_way_it_was_read() -> None:
    asked = a_conversation("I am joe@a.com", "Hello.")
    lines = [
        line(trace_id="plain", messages=asked),
        line(trace_id="odd", messages=asked, input_tokens=1.0, started_at="2025-06-02T13:00:00Z"),
        line(trace_id="clean", started_at="2025-06-02T14:00:00Z"),
        b'{"trace_id": "plain", "score": 0, "comment": "joe@a.com is not me"}',
        b'{"messages": "joe@a.com"}',
    ]
    rules = Rules("fernwater", date(2025, 6, 1), NOON, redact=("email",))
    captured = read_block("a.jsonl", Block("lines", 1, b"\n".join(lines)), rules, Re2Match())
    assert [(t.trace_id, t.input) for t in captured.traces] == [
        ("plain", "I am <EMAIL_1>"),
        ("odd", "I am <EMAIL_1>"),
        ("clean", "How do I pair the hub?"),
    ]
    assert [f.comment for f in captured.feedback] == ["<EMAIL_1> is not me"]
    assert captured.redacted == {"email": 3}
    assert "joe@" not in repr(captured)


def test_traces_come_in_the_order_of_time() -> None:
    times = {"c": "2025-06-01T12:00:00Z", "b": "2025-06-01T11:00:00Z", "a": "2025-06-01T10:00:00Z"}
    lines = b"\n".join(line(trace_id=t, started_at=at) for t, at in times.items())
    captured = read_block("a.jsonl", Block("lines", 1, lines), RULES, Re2Match())
    assert [(t.trace_id, t.source_line) for t in captured.traces] == [("a", 3), ("b", 2), ("c", 1)]


MOMENTS = {
    "2025-06-01T00:00:00": 1, "2025-05-31T23:59:59.999999": 0, "2025-06-03T12:00:00": 1, "2025-06-03T12:00:01": 0
}  # fmt: skip


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("offset", ["Z", "+00:00"])
def test_a_trace_may_begin_from_the_first_day_to_a_day_ahead_of_our_clock(moment: str, offset: str) -> None:
    captured = read(line(started_at=moment + offset))
    assert (len(captured.traces), len(captured.rejects)) == (MOMENTS[moment], 1 - MOMENTS[moment])
