"""Workbooks: every text comes back, and what a stranger packed is refused before it does harm."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.defs.counting import count_rows
from flywheel_pipeline.steps.annotate import read_labels, xlsx
from flywheel_pipeline.steps.annotate.xlsx import WorkbookError, sheet_rows, write_sheet

NAMES = ("trace_id", "verdict", "comment")


def a_book(*rows: tuple, more: dict[str, list[tuple]] | None = None) -> bytes:
    """A workbook as a person's spreadsheet program writes it."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, others in (more or {}).items():
        sheet = book.create_sheet(title)
        for row in others:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def problem(data: bytes) -> str:
    with pytest.raises(WorkbookError) as found:
        list(sheet_rows(data))
    return str(found.value)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8) | st.sampled_from(
    ["_x000D_", "a\r\nb", "\x01\x1f\ufffe", "=1+1", "_x005F_x000D_", "TRUE", "1.0", "007"]
)


@settings(max_examples=60)
@given(st.lists(st.tuples(texts, texts, texts), max_size=4))
def test_every_text_that_is_written_is_read_back_with_its_row(rows):
    found = dict(sheet_rows(write_sheet(NAMES, rows, {})))
    for number, row in enumerate(rows, 2):
        cells = found.get(number, [])
        assert cells == list(row)[: len(cells)] and not "".join(row[len(cells) :]).strip()
    assert found[1] == list(NAMES)


def test_a_formula_is_written_as_text():
    book = openpyxl.load_workbook(io.BytesIO(write_sheet(NAMES, [("t1", "fail", '=HYPERLINK("http://x")')], {})))
    assert book.active["C2"].data_type == "s"


def test_verdicts_are_chosen_from_a_list_and_the_header_stays():
    data = write_sheet(NAMES, [("t1", "", "")], {"verdict": ["pass", "fail"]})
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    (listed,) = sheet.data_validations.dataValidation
    assert (listed.formula1, str(listed.sqref), sheet.freeze_panes) == ('"pass,fail"', "B2", "B2")


def test_numbers_dates_and_truths_of_a_spreadsheet_are_understood():
    rows = [("trace_id", "verdict", "comment", "labelled_at", "step"), (12, True, None, datetime(2025, 6, 2), 3.0)]
    first, second = read_labels("b.xlsx", a_book(*rows, ("t2", 0, "wrong", None, None), (None, None, None))).annotations
    assert (first.trace_id, first.verdict, first.labelled_at) == ("12", "pass", datetime(2025, 6, 2))
    assert (first.first_failure_step, first.source_line, second.verdict) == (3, 2, "fail")


def test_rows_keep_their_numbers_where_others_are_empty_and_are_counted_without_the_reader():
    data = a_book(NAMES, (), ("t1", "fail", "x"), (), ("t2", "maybe", ""), ("t3", None, " "))
    found = read_labels("b.xlsx", data)
    assert [a.source_line for a in found.annotations] == [3]
    assert [(r.line, "'maybe'" in r.reason) for r in found.rejects] == [(5, True)]
    assert found.n_rows == count_rows("b.xlsx", data) == 3


def test_a_second_sheet_with_rows_is_told_and_an_empty_one_is_not():
    assert "only the first sheet is read" in problem(a_book(NAMES, more={"Noor": [("t1", "pass")]}))
    assert len(list(sheet_rows(a_book(NAMES, more={"Empty": []})))) == 1
    data = a_book(NAMES, ("t1", "pass"), more={"Noor": [("t1", "pass")]})
    found = read_labels("b.xlsx", data)
    assert (len(found.annotations), [r.line for r in found.rejects]) == (1, [0])
    assert found.n_rows == count_rows("b.xlsx", data)


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in parts.items():
            book.writestr(name.replace("__", "/") + ".xml", data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"PK\x03\x04half", "not a whole .xlsx file"),
        (a_book(NAMES)[:-30], "not a whole .xlsx file"),
        (b"trace_id,verdict", "not a whole .xlsx file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old .xls file or one with a password"),
        (packed(xl__workbook=b"<x/>"), "not a readable .xlsx file"),
        (packed(xl__workbook=b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'), "declares a document type"),
        (packed(xl__workbook='<!DOCTYPE x [<!ENTITY a "b">]><x/>'.encode("utf-16")), "declares a document type"),
    ],
    ids=["half", "cut", "csv", "xls", "empty", "entity", "utf-16"],
)
def test_bytes_that_are_no_workbook_are_told_with_what_to_do(data, told):
    assert told in problem(data)
    assert told in read_labels("b.xlsx", data).rejects[0].reason
    assert count_rows("b.xlsx", data) == 1


def test_a_bomb_is_measured_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_UNPACKED", 1_000_000)
    assert "larger than 1 MB" in problem(packed(xl__sheet=b" " * 5_000_000))
    monkeypatch.setattr(xlsx, "MAX_PARTS", 3)
    assert "larger than" in problem(packed(**{f"p{i}": b"" for i in range(5)}))


def test_rows_columns_and_characters_are_bounded(monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_ROWS", 3)
    assert "more than 3 rows" in problem(a_book(*[("t", "pass")] * 5))
    assert "200 columns" in problem(a_book(("x",) * 201))
    monkeypatch.setattr(xlsx, "MAX_CHARACTERS", 100)
    assert "million characters" in problem(a_book(("x" * 200,)))


def test_a_text_too_long_for_a_cell_is_refused_when_written():
    with pytest.raises(WorkbookError, match="too long for a cell"):
        write_sheet(NAMES, [("t1", "fail", "x" * 40_000)], {})
