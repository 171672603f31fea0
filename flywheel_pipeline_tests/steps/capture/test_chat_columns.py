"""Plain lines are read a column at a time, and become exactly what the strict reader makes of them."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.re2 import Re2Match
from flywheel_pipeline.ports import Block
from flywheel_pipeline.steps.capture import Captured, Rules, read_block
from flywheel_pipeline.steps.capture.chat_columns import read_plain
from flywheel_pipeline.steps.capture.parse import split_lines
from flywheel_pipeline.steps.capture.read import _Reader, _records
from flywheel_pipeline_tests.builders import NOON, a_chat_record

RULES = Rules("shop", date(2025, 1, 1), NOON, redact=("email", "phone"))
MATCH = Re2Match()
EVER = (datetime.min, datetime.max)


def both(data: bytes) -> tuple[Captured, Captured]:
    """Read a block of lines as it is read, and with the strict reader alone."""
    strict = _Reader("a.jsonl", RULES, MATCH)
    for number, raw in split_lines(1, data):
        strict.take(number, raw, _records)
    return read_block("a.jsonl", Block("lines", 1, data), RULES, MATCH), strict.finish()


def n_plain(*lines: bytes) -> int:
    table, rest = read_plain(b"\n".join(lines), 1, ("a.jsonl", "shop"), EVER)
    assert len(table["trace_id"]) + len(rest) == len(lines)
    return len(table["trace_id"])


def line(**changes: Any) -> bytes:
    return json.dumps(a_chat_record(**changes)).encode()


texts = st.text(max_size=8) | st.sampled_from(["", "a@b.com", "+1 555 123 4567", "é", " ", "\x00", "\x1f", "\x85"])
scalars = st.none() | st.booleans() | texts | st.integers(-3, 2**70) | st.floats(allow_nan=False)
values = st.recursive(scalars, lambda v: st.lists(v, max_size=2) | st.dictionaries(texts, v, max_size=2), max_leaves=4)
calls = st.fixed_dictionaries({}, optional={"id": scalars, "type": texts, "function": values})
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "human", "AI", "judge"])},
    optional={"content": texts | values, "tool_calls": st.none() | st.lists(calls, max_size=2), "name": scalars},
)
times = st.sampled_from(
    ["2025-06-01T10:00:00Z", "2025-06-01T10:00:00.5+02:00", "2025-06-01 10:00", "1999-01-01T00:00:00Z", "2031-01-01",
     1748772000, 1748772000.25, "yesterday", None, True, ""]
)  # fmt: skip
known = st.sampled_from(
    ["session_id", "app", "prompt_name", "prompt_version", "model", "error", "latency_ms", "cost_usd",
     "input_tokens", "output_tokens", "feedback", "retrieved", "id", "trace_id"]
)  # fmt: skip
feedback = st.fixed_dictionaries({}, optional={"score": st.integers(-1, 2) | st.floats(0, 2), "comment": scalars})
records = st.builds(
    lambda base, told, extra: {**base, **told, **extra},
    st.fixed_dictionaries({"messages": st.lists(messages, max_size=3)}, optional={"started_at": times, "id": texts}),
    st.dictionaries(known, values | feedback | st.lists(values, max_size=2), max_size=4),
    st.dictionaries(texts, values, max_size=2),
)


def written(record: dict[str, Any], ascii_only: bool, spread: bool) -> str:
    return json.dumps(record, ensure_ascii=ascii_only, separators=(" , ", " : ") if spread else None)


lines = st.builds(written, records, st.booleans(), st.booleans()) | st.sampled_from(
    ['{"messages": [], "messages": []}', "{", "[]", '{"a": 1e400}', '{"messages": [NaN]}', "", '{"trace_id": "x"}']
)


@given(st.lists(lines, max_size=5))
def test_whatever_the_lines_hold_both_ways_of_reading_agree(told: list[str]) -> None:
    first = line(
        trace_id="first", latency_ms=3, input_tokens=4
    ).decode()  # without one plain line the others would not be tried
    quick, strict = both("\n".join([first, *told]).encode("utf-8", "replace"))
    assert quick.table == strict.table
    assert sorted(quick.rejects, key=str) == sorted(strict.rejects, key=str)
    assert (quick.n_rows_in, quick.formats, quick.redacted) == (strict.n_rows_in, strict.formats, strict.redacted)
    assert [list(map(type, c)) for c in quick.table.values()] == [list(map(type, c)) for c in strict.table.values()]


def test_usual_lines_are_plain() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    spoken = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "here"}]},
        {"role": "Assistant", "content": "Here."},
    ]
    assert n_plain(
        line(), line(messages=spoken), line(latency_ms=3, cost_usd=0.25, input_tokens=7),
        line(model=None, note={"a": [1]}),
        line(feedback={"score": 0, "comment": "no"}, retrieved=[{"id": "d", "content": "x", "score": 0.5}]),
    ) == 5  # fmt: skip


def test_a_block_of_usual_lines_leaves_nothing_to_the_strict_reader() -> None:
    reader = _Reader("a.jsonl", RULES, MATCH)
    assert list(reader.take_plain(Block("lines", 1, b"\n".join([line(), line()])))) == []
    assert reader.finish().n_rows_in == 2


@pytest.mark.parametrize(
    "odd",
    [
        b'{"trace_id": "x", "trace_id": "y", ' + line()[1:],
        b'{"note": 1, "note": 2, "other": "\\u0022\\u0022", ' + line()[1:],
        line(note={"a": 1}).replace(b'{"a": 1}', b'{"a": 1, "a": 2}'),
        line(note=2**64), line(input_tokens=2**60), line(input_tokens=1.5), line(latency_ms=-1), line(latency_ms=True),
        line(session_id=5), line(note="\x00"), line(messages=[]), line(messages=[{"role": "judge"}]),
        line(started_at="yesterday"), line(feedback={"score": 7}), line(trace_id=None), b"{", b"[]",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_strict_reader(odd: bytes) -> None:
    assert n_plain(line(), odd, line()) == 2


def test_lines_are_not_tried_where_none_of_the_first_is_plain() -> None:
    others = [b'{"note": "%s"}' % (b"x" * 5000)] * 300
    table, rest = read_plain(b"\n".join([*others, line()]), 1, ("a", "shop"), EVER)
    assert (len(table["trace_id"]), len(rest)) == (0, 301)


def test_lines_keep_their_numbers_over_many_chunks() -> None:
    told = [b"", line(trace_id="a"), b" \r", b"\xef\xbb\xbf" + line(note="x" * 500_000, trace_id="b") + b"\r", b"{"]
    table, rest = read_plain(b"\n".join(told * 3), 7, ("a", "shop"), EVER)
    assert list(zip(table["trace_id"], table["source_line"], strict=True)) == [
        ("a", 8), ("b", 10), ("a", 13), ("b", 15), ("a", 18), ("b", 20),
    ]  # fmt: skip
    assert rest == [(11, b"{"), (16, b"{"), (21, b"{")]


def test_rows_come_in_the_order_of_time_whichever_way_they_were_read() -> None:
    shuffled = [
        line(trace_id="c", started_at="2025-06-01T12:00:00Z"),
        line(trace_id="b", started_at="2025-06-01T11:00:00Z", input_tokens=1.0),
        line(trace_id="a", started_at="2025-06-01T10:00:00Z"),
    ]
    assert n_plain(*shuffled) == 2
    quick, _ = both(b"\n".join(shuffled))
    assert [t.trace_id for t in quick.traces] == ["a", "b", "c"]


MOMENTS = {
    "2025-01-01T00:00:00": 1, "2024-12-31T23:59:59.999999": 0, "2025-06-03T12:00:00": 1, "2025-06-03T12:00:01": 0
}  # fmt: skip


@pytest.mark.parametrize("told", MOMENTS)
def test_a_trace_may_begin_from_the_first_moment_of_the_first_day_to_a_day_ahead_of_our_clock(told: str) -> None:
    for captured in (both(line(started_at=told + "Z"))[0], *both(line(started_at=told + "+00:00"))):
        assert (len(captured.traces), len(captured.rejects)) == (MOMENTS[told], 1 - MOMENTS[told])
