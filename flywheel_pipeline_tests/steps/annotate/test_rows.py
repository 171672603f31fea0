"""The bytes of a label file -> rows with the line that each began on."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.csv_injection import plain
from flywheel_pipeline.steps.annotate.rows import Row, read_rows

COVERS = ("steps/annotate/delimited.py", "steps/annotate/documents.py", "steps/annotate/rows.py")


def rows(file: str, data: bytes) -> list[Row]:
    return list(read_rows(file, data, {}).rows)


def notes(file: str, data: bytes) -> list[str]:
    return list(read_rows(file, data, {}).notes)


def the_row(file: str, data: bytes) -> Row:
    (row,) = rows(file, data)
    return row


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends_of_all_spreadsheets_are_read(delimiter: str, end: str) -> None:
    lines = [["trace_id", "verdict", "comment"], ["t1", "fail", "wrong"], ["t2", "pass", ""]]
    text = end.join(delimiter.join(cells) for cells in lines) + end
    assert [(r.line, r.cells, r.problem) for r in rows("a.csv", text.encode())] == [
        (2, {"trace_id": "t1", "verdict": "fail", "comment": "wrong"}, None),
        (3, {"trace_id": "t2", "verdict": "pass", "comment": ""}, None),
    ]


def test_a_row_keeps_its_first_line_where_cells_hold_line_breaks_and_lines_are_empty() -> None:
    data = (
        b'trace_id,verdict,comment\r\nt1,fail,"one\r\ntwo\r\nthree"\r\n\r\n,,\r\n'
        b't2,pass,\r\nt3,fail,"a\nb"\r\nt4,pass,\r\n'
    )
    assert [(r.line, r.cells["trace_id"]) for r in rows("a.csv", data)] == [(2, "t1"), (7, "t2"), (8, "t3"), (10, "t4")]
    assert rows("a.csv", data)[0].cells["comment"] == "one\r\ntwo\r\nthree"


def test_a_header_over_two_lines_moves_the_rows_down() -> None:
    assert [(r.line, r.cells) for r in rows("a.csv", b'trace_id,"ver\ndict"\nt1,pass\n')] == [
        (3, {"trace_id": "t1", "ver\ndict": "pass"})
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert the_row("a.csv", "\ufefftrace_id,verdict\nt1,pass\n".encode()).cells == {"trace_id": "t1", "verdict": "pass"}
    assert the_row("a.jsonl", '\ufeff{"trace_id": "t1"}'.encode()).cells == {"trace_id": "t1"}
    assert the_row("a.json", '\ufeff[{"trace_id": "t1"}]'.encode()).cells == {"trace_id": "t1"}


def test_empty_lines_before_the_header_are_passed_over() -> None:
    assert the_row("a.csv", b"\n\ntrace_id;verdict\nt1;pass\n").cells == {"trace_id": "t1", "verdict": "pass"}


def test_a_row_with_too_many_cells_names_both_counts_and_the_cure() -> None:
    good, bad = rows("a.csv", b"trace_id,verdict,comment\nt1,fail,short\nt2,fail,well, no, not so\n")
    assert good.problem is None
    assert bad.line == 3
    assert "5 cells, but the header has 3: quote cells that hold ','" in (bad.problem or "")


def test_a_row_with_too_few_cells_has_only_those() -> None:
    assert the_row("a.csv", b"trace_id,verdict,comment\nt1,pass\n").cells == {"trace_id": "t1", "verdict": "pass"}


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it() -> None:
    found = rows("a.csv", b'trace_id,verdict,comment\nt1,fail,"he said\nt2,pass,\nt3,pass,\n')
    assert any(r.problem for r in found)


@pytest.mark.parametrize("file", ["a.csv", "a.TSV", "a.json", "a.jsonl"])
@pytest.mark.parametrize("data", [b"", b"\n \r\n\t", b"\xef\xbb\xbf"])
def test_an_empty_file_is_one_row_with_a_problem(file: str, data: bytes) -> None:
    row = the_row(file, data)
    assert (row.line, row.cells) == (0, {})
    assert "the file is empty" in (row.problem or "")


@pytest.mark.parametrize(("file", "named"), [("a.xls", ".xls"), ("labels", "labels"), ("a.csv.gz", ".gz")])
def test_an_unknown_ending_is_one_row_that_names_it_and_the_known_ones(file: str, named: str) -> None:
    row = the_row(file, b"PK\x03\x04 some bytes")
    assert row.line == 0
    assert row.problem is not None and named in row.problem
    assert all(ending in row.problem for ending in (".csv", ".tsv", ".xlsx", ".jsonl", ".json"))


def test_a_column_that_is_there_twice_is_reported_instead_of_losing_one() -> None:
    (row,) = rows("a.csv", b"trace_id,verdict,verdict\nt1,pass,fail\n")
    assert "the columns verdict appear twice: rename one" in (row.problem or "")


@pytest.mark.parametrize("file", ["a.json", "a.jsonl"])
def test_json_is_read_by_its_content_where_the_ending_says_something_else(file: str) -> None:
    lines = b'{"trace_id": "t1"}\n{"trace_id": "t2"}\n'
    whole = b'[\n {"trace_id": "t1"},\n {"trace_id": "t2"}\n]'
    for data in (lines, whole):
        assert [(r.line, r.cells["trace_id"], r.problem) for r in rows(file, data)] == [
            (1, "t1", None),
            (2, "t2", None),
        ]


def test_the_list_in_the_answer_of_an_api_is_read() -> None:
    data = json.dumps({"data": [{"trace_id": "t1"}, {"trace_id": "t2"}], "meta": {"page": 1}}).encode()
    assert [r.cells["trace_id"] for r in rows("a.json", data)] == ["t1", "t2"]


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_pipeline.steps.annotate import rows as module

    monkeypatch.setattr(module, "MAX_BYTES", 10)
    assert "split it into several files" in (the_row("a.csv", b"trace_id,verdict\nt1,pass\n").problem or "")


def test_lines_of_json_are_rows_and_a_bad_one_has_a_problem() -> None:
    data = b'{"trace_id": "t1"}\r\n\n{"trace_id": \n[1]\n{"trace_id": "t2"}\n'
    assert [(r.line, r.cells, bool(r.problem)) for r in rows("a.jsonl", data)] == [
        (1, {"trace_id": "t1"}, False),
        (3, {}, True),
        (4, {}, True),
        (5, {"trace_id": "t2"}, False),
    ]


def test_a_json_file_is_a_list_of_rows_or_one_row() -> None:
    data = b'[{"trace_id": "t1"}, "text",\n {"trace_id": "t2"}]'
    assert [(r.line, r.cells, bool(r.problem)) for r in rows("a.json", data)] == [
        (1, {"trace_id": "t1"}, False),
        (2, {}, True),
        (3, {"trace_id": "t2"}, False),
    ]
    assert the_row("a.json", b'{"trace_id": "t1"}').cells == {"trace_id": "t1"}


@pytest.mark.parametrize("data", [b"[{]", b"[" * 100_000 + b"]" * 100_000, b"nothing"], ids=["bad", "deep", "text"])
@pytest.mark.parametrize("file", ["a.json", "a.jsonl"])
def test_json_that_cannot_be_read_is_one_row_with_a_problem(file: str, data: Any) -> None:
    assert "not valid JSON" in (the_row(file, data).problem or "")


TEXT = "trace_id,verdict,comment\r\nt1,fail,Größe – 费用\r\nt2,pass,\r\n"
MARKS = {
    "utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "utf-32-le": b"\xff\xfe\x00\x00",
    "utf-32-be": b"\x00\x00\xfe\xff",
}  # fmt: skip


@pytest.mark.parametrize("encoding", MARKS)
def test_a_text_is_read_by_its_byte_order_mark(encoding: Any) -> None:
    found = rows("a.csv", MARKS[encoding] + TEXT.encode(encoding))
    assert [r.cells["comment"] for r in found] == ["Größe – 费用", ""]
    tabs = MARKS[encoding] + TEXT.replace(",", "\t").encode(encoding)
    assert rows("a.tsv", tabs)[0].cells["verdict"] == "fail"
    line = MARKS[encoding] + '{"trace_id": "ü"}\n'.encode(encoding)
    assert the_row("a.jsonl", line).cells == {"trace_id": "ü"}


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("a.csv", "trace_id,comment\nt1,fine\nt2,Größe\n".encode("cp1252")),
        ("a.csv", TEXT.encode("utf-16-le")), ("a.csv", b"\xff\xfe" + TEXT.encode("utf-16-le")[:-1]),
        ("a.jsonl", b'{"trace_id": "t1"}\n{"trace_id": "\xf6"}\n'), ("a.json", b'[{"trace_id": "\xf6"}]'),
    ],
)  # fmt: skip
def test_a_text_in_another_encoding_is_refused_whole(file: str, data: Any) -> None:
    row = the_row(file, data)
    assert row.line == 0 and "save the file as UTF-8" in (row.problem or "")


def test_utf16_without_a_mark_is_refused_also_where_every_byte_is_ascii() -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        row = the_row("a.csv", "trace_id,verdict\nt1,pass\n".encode(encoding))
        assert row.line == 0 and "perhaps UTF-16" in (row.problem or "")


def test_characters_that_were_lost_before_are_reported() -> None:
    assert "U+FFFD" in notes("a.csv", "trace_id,verdict\nt\ufffd,pass\n".encode())[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_header_below_titles_is_found(delimiter: str) -> None:
    table = [["Batch 7, please label; by Friday", "", ""], ["Rubric", "r2", ""], ["Trace ID", "Verdict", "Note"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([*table, ["t1", "fail", "a, b; c"]])
    row = the_row("a.csv", out.getvalue().encode())
    assert (row.line, row.cells) == (4, {"Trace ID": "t1", "Verdict": "fail", "Note": "a, b; c"})
    assert notes("a.csv", out.getvalue().encode()) == ["rows 1 and 2 above the header were passed over"]


def test_without_a_header_of_labels_the_first_row_with_several_cells_is_the_header() -> None:
    (row,) = rows("a.csv", b"Batch 7,,\nconversation,verdict,note\nc1,fail,rude\n")
    assert (row.line, list(row.cells)) == (3, ["conversation", "verdict", "note"])


def test_excel_s_line_with_the_separator_is_understood() -> None:
    for first in (b"sep=;", b"SEP=;", b'"sep=;"'):
        assert the_row("a.csv", first + b"\r\ntrace_id;verdict\r\nt1;pass\r\n").line == 3
    assert the_row("a.csv", b"sep=|\ntrace_id|verdict\nt,1|pass\n").cells == {"trace_id": "t,1", "verdict": "pass"}


def test_empty_cells_beyond_the_header_do_no_harm() -> None:
    assert the_row("a.csv", b"trace_id,verdict\nt1,pass,,\n").problem is None


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text("abct123", min_size=1), cells, cells), max_size=6), st.sampled_from(",;\t"))
def test_whatever_a_spreadsheet_writes_is_read_back_cell_by_cell_with_its_line(table: Any, delimiter: Any) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["trace_id", "verdict", "comment"])
    starts = []
    for row in table:
        starts.append(len(io.StringIO(out.getvalue(), newline="").readlines()) + 1)
        writer.writerow(row)
    found = rows("a.csv", out.getvalue().encode())
    assert [tuple(r.cells.values()) for r in found] == [tuple(map(plain, row)) for row in table]
    assert [r.line for r in found] == starts
    assert not any(r.problem for r in found)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none()), min_size=1, max_size=5))
def test_a_json_file_and_its_lines_hold_the_same_rows(items: Any) -> None:
    whole = rows("a.json", json.dumps(items).encode())
    lines = rows("a.jsonl", "\n".join(json.dumps(i) for i in items).encode())
    assert [(r.line, r.cells, r.problem) for r in whole] == [(r.line, r.cells, r.problem) for r in lines]
    assert [r.cells for r in whole] == items
