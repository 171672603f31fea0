"""One bad value costs one row: in arrays, in answers of APIs, in lists of spans, in lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.ports import Block
from flywheel_pipeline.steps.capture import Captured, read_block
from flywheel_pipeline.steps.capture.flaws import Flaw, parse_marked, pieces_of
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.steps.capture.formats import samples
from flywheel_pipeline_tests.steps.capture.formats.test_exports import MATCH, RULES

COVERS = ("steps/capture/flaws.py", "steps/capture/rows.py", "steps/capture/pages.py", "steps/capture/same_id.py")

N, BAD = 50, 17
FAULTS = {
    "NaN": b'"score": NaN', "Infinity": b'"score": -Infinity', "a repeated key": b'"a": 1, "a": 2', "a huge number": b'"score": 1e999',
    "5000 digits": b'"score": ' + b"9" * 5000, "bytes that are not UTF-8": b'"note": "\xff\xfe"', "a nested NaN": b'"x": {"y": [1, {"z": NaN}]}',
    "a missing value": b'"score": ', "a missing comma": b'"a": 1 "b": 2', "depth": b'"x": ' + b"[" * 3000 + b"]" * 3000,
}  # fmt: skip
HARMLESS = {
    "a lone surrogate": b'"note": "\\ud83d"',
    "NUL": b'"note": "\\u0000"',
    "20 digits": b'"note": 12345678901234567890',
}


def element(i: int, fault: bytes = b"") -> bytes:
    record = a_chat_record(
        trace_id=f"t{i:02}",
        messages=[{"role": "user", "content": f"Boat {i}?"}, {"role": "assistant", "content": "Nine."}],
    )
    del record["started_at"]
    whole = json.dumps({**record, "created_at": samples.AT}).encode()
    return whole[:-1] + b", " + fault + b"}" if fault else whole


def elements(fault: bytes) -> list[bytes]:
    return [element(i, fault if i == BAD else b"") for i in range(N)]


WHOLES: dict[str, Callable[[list[bytes]], bytes]] = {
    "array": lambda found: b"[" + b", ".join(found) + b"]",
    "printed array": lambda found: b"[\n  " + b",\n  ".join(found) + b"\n]\n",
    "answer": lambda found: b'{"next_cursor": null, "data": [' + b",".join(found) + b']}',
    "deep answer": lambda found: b'{"data": {"items": [' + b",".join(found) + b'], "total": 50}}',
    "lines": lambda found: b"\n".join(found),
}  # fmt: skip


def read(data: bytes, kind: str = "document") -> Captured:
    captured = read_block("a.json", Block(kind, 1, data), RULES, MATCH)
    assert captured.n_rows_in == sum(t.n_rows for t in captured.traces) + len(
        captured.rejects
    ) + captured.n_repeated + sum(f.n_rows for f in captured.feedback)
    return captured


@pytest.mark.parametrize("whole", WHOLES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_one_of_fifty_costs_that_one(fault: str, whole: str) -> None:
    captured = read(WHOLES[whole](elements(FAULTS[fault])), "lines" if whole == "lines" else "document")
    assert [t.trace_id for t in captured.traces] == [f"t{i:02}" for i in range(N) if i != BAD]
    (reject,) = captured.rejects
    assert reject.line == BAD + 1
    assert reject.reason.startswith(("not valid", "nested"))


@pytest.mark.parametrize("whole", WHOLES)
@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_json_allows_costs_nothing(harmless: str, whole: str) -> None:
    captured = read(WHOLES[whole](elements(HARMLESS[harmless])), "lines" if whole == "lines" else "document")
    assert len(captured.traces) == N and captured.rejects == []


@pytest.mark.parametrize("whole", ["array", "printed array", "answer"])
def test_a_document_that_breaks_off_loses_its_last_element_and_says_so(whole: str) -> None:
    data = WHOLES[whole]([element(i) for i in range(5)])
    for end in (data.rfind(b"t04"), data.rfind(b"}") - 30):
        captured = read(data[:end])
        assert [t.trace_id for t in captured.traces] == ["t00", "t01", "t02", "t03"]
        assert len(captured.rejects) == 1 and "not valid JSON" in captured.rejects[0].reason


def test_a_document_that_breaks_off_between_elements_is_reported_as_well() -> None:
    captured = read(b"[" + element(0) + b", " + element(1) + b",")
    assert len(captured.traces) == 2
    assert "not valid JSON" in captured.rejects[0].reason


def test_an_array_in_a_line_loses_one_element() -> None:
    captured = read(
        b"[" + element(0) + b"," + element(1, b'"x": NaN') + b"," + element(2) + b"]\n" + element(3), "lines"
    )
    assert [t.trace_id for t in captured.traces] == ["t00", "t02", "t03"]
    assert [r.line for r in captured.rejects] == [1]


def test_a_record_that_no_format_knows_leaves_the_others_in_its_line() -> None:
    captured = read(b'[{"a": 1},' + element(1) + b',{"b": 2}]', "lines")
    assert [t.trace_id for t in captured.traces] == ["t01"]
    assert ["keys a" in r.reason or "keys b" in r.reason for r in captured.rejects] == [True, True]


def test_a_flaw_in_one_span_costs_that_span() -> None:
    spans = [
        {"traceId": samples.TRACE, "spanId": f"{i:016x}", "name": "s", "startTimeUnixNano": str(samples.NANO)}
        for i in range(1, 6)
    ]
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    captured = read(data.replace(b'"spanId": "0000000000000003"', b'"spanId": "0000000000000003", "x": NaN'))
    assert [t.n_rows for t in captured.traces] == [4]
    assert "NaN" in captured.rejects[0].reason and "0000000000000003" in captured.rejects[0].excerpt


def test_a_flaw_outside_of_all_rows_costs_the_record() -> None:
    captured = read(b'{"resourceSpans": [], "x": NaN}')
    assert captured.traces == [] and "NaN" in captured.rejects[0].reason


def test_a_flaw_in_a_message_never_leaves_a_conversation_without_it() -> None:
    record = element(0).replace(b'"content": "Nine."', b'"content": [{"type": "text", "text": "Nine.", "score": NaN}]')
    assert read(record, "lines").traces == []
    alone = json.dumps({**samples.CLAUDE, "created_at": samples.AT}).encode()
    assert len(read(alone, "lines").traces) == 1
    assert read(alone.replace(b'"type": "text"', b'"type": "text", "score": NaN'), "lines").traces == []


def test_a_piece_is_found_whatever_the_texts_hold() -> None:
    texts = ["}", "]", "\\", '\\"', "[{", '"data": [', "\\\\", "{" * 5]
    pieces = [json.dumps({"q": t}).encode() for t in texts]
    assert pieces_of(b"[" + b",".join(pieces) + b"]") == pieces
    assert pieces_of(b'{"x": 1, "data": [' + b",".join(pieces) + b"]}") == pieces
    assert pieces_of(b'"text"') == []


values = st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["data", "spans", "a", "b", "messages"]), inner, max_size=4), max_leaves=12)  # fmt: skip


@given(values)
def test_json_without_flaws_is_parsed_as_it_is(value: Any) -> None:
    assert parse_marked(json.dumps(value).encode()) == value


@given(st.lists(values, min_size=1, max_size=5), st.integers(0, 4))
def test_a_flaw_is_in_the_place_of_its_element_alone(found: list[Any], at: int) -> None:
    at %= len(found)
    raw = [json.dumps(v).encode() for v in found]
    raw[at] = b'{"x": [NaN]}'
    marked = parse_marked(b"[" + b",".join(raw) + b"]")
    assert isinstance(marked[at], Flaw)
    assert [v for i, v in enumerate(marked) if i != at] == [v for i, v in enumerate(found) if i != at]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b'"data"', b"NaN", b"1", b"\xff", b"\n", b'"a":1', b'{"messages":[]}']), max_size=60).map(b"".join), st.sampled_from(["document", "lines"]))  # fmt: skip
def test_no_bytes_crash_the_reader_and_every_row_is_in_the_account(data: bytes, kind: str) -> None:
    read(data, kind)


def test_pieces_of_a_large_broken_document_take_time_in_proportion() -> None:
    assert pieces_of(b'["' + b'\\"' * 500_000) == []
    assert len(pieces_of(b"[" + b'{"a": "\\"}"},' * 100_000)) == 100_000


def turn(i: int, question: str, **more: Any) -> dict[str, Any]:
    return {"id": "same", "time": samples.AT, "question": question, "answer": "A", "n": i, **more}


def test_two_rows_of_one_id_with_different_conversations_are_reported_with_both_lines() -> None:
    captured = read(
        json.dumps(
            [turn(1, "First?", rating=1), turn(2, "Second?", rating=5), {**turn(3, "Third?"), "id": "other"}]
        ).encode()
    )
    assert sorted(t.input for t in captured.traces) == ["Second?", "Third?"]
    (reject,) = captured.rejects
    assert (reject.line, "line 2" in reject.reason, "'same'" in reject.reason) == (1, True, True)
    assert [f.value for f in captured.feedback] == [5.0]


def test_a_conversation_that_grows_is_no_conflict() -> None:
    growing = [
        {
            "trace_id": "g",
            "created_at": samples.AT,
            "messages": samples.TURNS + [{"role": "assistant", "content": "Yes."}, *samples.TURNS][:n],
        }
        for n in range(3)
    ]
    captured = read(json.dumps(growing).encode())
    assert captured.rejects == [] and len(captured.traces) == 3


def test_equal_rows_in_one_line_are_counted_as_repeated() -> None:
    row = turn(1, "Once?")
    captured = read(json.dumps([row, row]).encode(), "lines")
    assert (len(captured.traces), captured.n_repeated, captured.rejects) == (1, 1, [])


def test_cells_that_no_column_takes_lose_the_row_not_its_meaning() -> None:
    rows = (
        (2, {"id": "a", "question": "Q", "answer": "Yes", "time": samples.AT, "": [" at nine"]}),
        (3, {"id": "b", "question": "Q", "answer": "A", "time": samples.AT, "": [" "]}),
    )
    captured = read_block("a.csv", Block("rows", 2, rows=rows), RULES, MATCH)
    assert [t.trace_id for t in captured.traces] == ["b"]
    assert "' at nine'" in captured.rejects[0].reason and captured.rejects[0].line == 2
