"""What is about a trace goes from a file; everything else stays, byte for byte where that is possible."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate.xlsx import write_sheet
from flywheel_pipeline.steps.capture.erase import CannotEditError, erase_from, without

IDS = ("t1", "t1#picked")


@pytest.mark.parametrize(
    ("name", "before", "after", "n"),
    [
        ("a.jsonl", '{"id": "t1"}\n{"id":  "t2"}\n', '{"id":  "t2"}\n', 1),
        ("a.jsonl", '{"traces": ["t1", "t2"], "why": "x"}\n', '{"traces": ["t2"], "why": "x"}\n', 1),
        ("a.jsonl", '{"id": "t1"}', "", 1),
        ("a.csv", 'trace_id,comment\nt1,bad\nt2,"two\nlines"\n', 'trace_id,comment\nt2,"two\nlines"\n', 1),
        ("a.csv", 'trace_id;comment\r\nt2;x\r\nt1;"a\r\nb"\r\n', "trace_id;comment\r\nt2;x\r\n", 1),
        ("a.csv", 'id,c\nt0,"a\rb"\nt1,x\nt2,y\n', 'id,c\nt0,"a\rb"\nt2,y\n', 1),
        ("a.tsv", "id\tc\nt1\tx", "id\tc\n", 1),
        ("a.json", '[{"data": {"id": "t1"}}, {"data": {"id": "t2"}}]', '[{"data": {"id": "t2"}}]', 1),
        ("a.json", '{"t1#picked": {"verdict": "fail"}, "t2": {}}', '{"t2": {}}', 1),
        ("a.csv", "id,c\nt10,not t1\n", "id,c\nt10,not t1\n", 0),
    ],
)
def test_rows_and_entries_about_a_trace_go(name: str, before: str, after: str, n: int) -> None:
    left, gone = erase_from(name, before.encode(), IDS)
    assert gone == n
    if name.endswith(".json"):
        assert json.loads(left) == json.loads(after)
    else:
        assert left.decode() == after


def test_the_mark_of_utf_8_stays() -> None:
    assert erase_from("a.csv", b"\xef\xbb\xbfid,c\nt1,x\nt2,y\n", IDS) == (b"\xef\xbb\xbfid,c\nt2,y\n", 1)


def test_a_table_in_utf_16_is_edited_and_stays_in_utf_16() -> None:
    before, after = ("\ufeffid,c\nt1,x\nt2,y\n", "\ufeffid,c\nt2,y\n")
    assert erase_from("a.csv", before.encode("utf-16-le"), IDS) == (after.encode("utf-16-le"), 1)


def test_a_workbook_is_looked_into() -> None:
    book = write_sheet(["trace_id"], [["t&1"], ["x" * 99]], {})
    assert b"t&1" not in book and b"t&amp;1" not in book, "it is compressed"
    with pytest.raises(CannotEditError, match="not edited here"):
        erase_from("a.xlsx", book, ["t&1"])
    assert erase_from("a.xlsx", book, ["trace-77"]) == (book, 0)
    with pytest.raises(CannotEditError, match="may name them"):
        erase_from("a.xlsx", book[:-30], ["trace-77"])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xlsx", b"PK t1"), ("a", b"t1"), ("a.jsonl", b'{"id": "t1"'), ("a.csv", b"t1,\xff"),
        ("a.json", b'[{"id": "t1"}, "\\ud800"]'),
    ],
)  # fmt: skip
def test_a_file_that_is_not_edited_is_named_when_it_holds_the_trace(name: str, data: bytes) -> None:
    with pytest.raises(CannotEditError):
        erase_from(name, data, IDS)
    assert erase_from(name, data.replace(b"t1", b"t2"), IDS)[1] == 0


def test_a_failure_mode_loses_the_member_and_stays() -> None:
    modes = {"modes": [{"id": "m", "members": [{"trace_id": "t1"}, {"trace_id": "t2"}], "examples": ["t1"]}]}
    assert without(modes, IDS) == (
        {"modes": [{"id": "m", "members": [{"trace_id": "t2"}], "examples": []}]},
        2,
    )


values: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(["t1", "t2", "text about t1", 1, None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["t1", "a", "b"]), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(values, max_size=4))
def test_nothing_about_the_trace_is_left_in_any_list(value: list[Any]) -> None:
    left, n = without(value, IDS)
    assert '"t1"' not in json.dumps(left)
    assert without(left, IDS) == (left, 0)
    assert (left == value) == (n == 0)
