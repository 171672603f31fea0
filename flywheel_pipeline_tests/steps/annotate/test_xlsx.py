"""Workbooks: every text comes back, and a stranger's file is refused before it does harm."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate import read_labels, xlsx
from flywheel_pipeline.steps.annotate.xlsx import WorkbookError, read_sheets, write_sheet
from flywheel_pipeline_tests.steps.annotate.counting import count_rows

NAMES = ("trace_id", "verdict", "comment")


def a_book(*rows: tuple[object, ...], more: dict[str, list[tuple[object, ...]]] | None = None) -> bytes:
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


def sheet_rows(data: bytes) -> list[tuple[int, list[str]]]:
    return [(line.number, list(line.cells)) for sheet in read_sheets(data)[:1] for line in sheet.lines]


def problem(data: bytes) -> str:
    with pytest.raises(WorkbookError) as found:
        read_sheets(data)
    return str(found.value)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8) | st.sampled_from(
    ["_x000D_", "a\r\nb", "\x01\x1f\ufffe", "=1+1", "_x005F_x000D_", "TRUE", "1.0", "007"]
)


@settings(max_examples=60)
@given(st.lists(st.tuples(texts, texts, texts), max_size=4))
def test_every_text_that_is_written_is_read_back_with_its_row(rows: Any) -> None:
    found = dict(sheet_rows(write_sheet(NAMES, rows, {})))
    for number, row in enumerate(rows, 2):
        cells = found.get(number, [])
        assert cells == list(row)[: len(cells)] and not "".join(row[len(cells) :]).strip()
    assert found[1] == list(NAMES)


def test_a_formula_is_written_as_text() -> None:
    book = openpyxl.load_workbook(io.BytesIO(write_sheet(NAMES, [("t1", "fail", '=HYPERLINK("http://x")')], {})))
    assert book.active["C2"].data_type == "s"


def test_verdicts_are_chosen_from_a_list_and_the_header_stays() -> None:
    data = write_sheet(NAMES, [("t1", "", "")], {"verdict": ["pass", "fail"]})
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    (listed,) = sheet.data_validations.dataValidation
    assert (listed.formula1, str(listed.sqref), sheet.freeze_panes) == ('"pass,fail"', "B2", "B2")


def test_numbers_dates_and_truths_of_a_spreadsheet_are_understood() -> None:
    rows = [("trace_id", "verdict", "comment", "labelled_at", "step"), (12, True, None, datetime(2025, 6, 2), None)]
    first, second = read_labels("b.xlsx", a_book(*rows, ("t2", 0, "wrong", None, 3.0), (None, None, None))).annotations
    assert (first.trace_id, first.verdict, first.labelled_at) == ("12", "pass", datetime(2025, 6, 2))
    assert (second.first_failure_step, first.source_line, second.verdict) == (3, 2, "fail")


def test_rows_keep_their_numbers_where_others_are_empty_and_are_counted_without_the_reader() -> None:
    data = a_book(NAMES, (), ("t1", "fail", "x"), (), ("t2", "maybe", ""), ("t3", None, " "))
    found = read_labels("b.xlsx", data)
    assert [a.source_line for a in found.annotations] == [3]
    assert [(r.line, "'maybe'" in r.reason) for r in found.rejects] == [(5, True)]
    assert found.n_rows == count_rows("b.xlsx", data) == 3


def test_every_sheet_of_labels_is_read_and_others_are_named() -> None:
    data = a_book(NAMES, ("t1", "pass"), more={"Noor": [NAMES, ("t2", "fail", "rude")], "Empty": []})
    found = read_labels("b.xlsx", data)
    assert [(a.trace_id, json.loads(a.extra)["sheet"]) for a in found.annotations] == [("t1", "Sheet"), ("t2", "Noor")]
    assert found.n_rows == count_rows("b.xlsx", data) and found.notes == ()
    mixed = a_book(("Summary", "of"), ("the", "export"), more={"Labels": [NAMES, ("t1", "pass")]})
    found = read_labels("b.xlsx", mixed)
    assert [(a.trace_id, a.extra) for a in found.annotations] == [("t1", "{}")]
    assert found.notes == ("sheet 'Sheet' was not read: it has no columns trace_id and verdict",)


def test_a_merged_title_above_the_header_is_passed_over() -> None:
    book = openpyxl.Workbook()
    for row in (("Batch 7 – please fill in",), NAMES, ("t1", "fail", "rude")):
        book.active.append(row)
    book.active.merge_cells("A1:C1")
    found = read_labels("b.xlsx", saved(book))
    assert [(a.trace_id, a.source_line) for a in found.annotations] == [("t1", 3)]
    assert found.notes == ("row 1 above the header was passed over",)


def test_a_verdict_that_is_merged_over_rows_is_that_of_each() -> None:
    book = openpyxl.Workbook()
    for row in (NAMES, ("t1", "fail", "rude"), ("t2", None, "late"), ("t3", "pass", None)):
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    found = read_labels("b.xlsx", saved(book))
    assert [(a.trace_id, a.verdict) for a in found.annotations] == [("t1", "fail"), ("t2", "fail"), ("t3", "pass")]
    assert found.notes == ("the cell merged over rows 2 to 3 is read in each of them",)


def test_hidden_rows_are_read_and_reported() -> None:
    book = openpyxl.Workbook()
    for row in (NAMES, ("t1", "fail", "rude"), ("t2", "pass", None)):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    found = read_labels("b.xlsx", saved(book))
    assert len(found.annotations) == 2 and found.notes == ("hidden rows are read, too: 3",)


def test_a_formula_that_no_program_has_calculated_is_rejected_where_the_cell_matters() -> None:
    rows = [(*NAMES, "team"), ("t1", '=IF(C2="","pass","fail")', "rude", "=1+1"), ("t2", "pass", "", "=1+1")]
    found = read_labels("b.xlsx", a_book(*rows, ("=A2", "=B2", "=C2", None)))
    assert [a.trace_id for a in found.annotations] == ["t2"]
    why = "the cell is a formula without a stored value: open the file in a spreadsheet program and save it"
    assert [(r.line, r.reason) for r in found.rejects] == [
        (2, f"verdict: {why}"), (4, f"trace_id, verdict, comment: {why}"),
    ]  # fmt: skip


def test_a_formula_whose_value_is_stored_is_that_value() -> None:
    data = a_book(NAMES, ("t1", "=1", "rude"))
    stored = repacked(data, "xl/worksheets/sheet1.xml", b"<f>1</f><v></v>", b"<f>1</f><v>0</v>", b"<f>1</f><v />")
    assert [a.verdict for a in read_labels("b.xlsx", stored).annotations] == ["fail"]


def test_a_formula_whose_value_is_the_empty_text_has_been_calculated() -> None:
    data = a_book(NAMES, ("t1", "pass", '=""'))
    cell, stored = b'<c r="C2"><f>""</f><v', b'<c r="C2" t="str"><f>""</f><v'
    calculated = repacked(data, "xl/worksheets/sheet1.xml", cell, stored, cell)
    assert [a.verdict for a in read_labels("b.xlsx", calculated).annotations] == ["pass"]
    assert "formula without a stored value" in read_labels("b.xlsx", data).rejects[0].reason


def repacked(data: bytes, part: str, *texts: bytes) -> bytes:
    """The workbook with the first of the texts that is in a part, or the last, exchanged for the second."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == part:
                assert texts[0] in content or texts[2] in content
                content = content.replace(texts[0], texts[1]).replace(texts[2], texts[1])
            new.writestr(name, content)
    return out.getvalue()


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in parts.items():
            book.writestr(name.replace("__", "/") + ".xml", data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reported"),
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
def test_bytes_that_are_no_workbook_are_reported_with_what_to_do(data: Any, reported: str) -> None:
    assert reported in problem(data)
    assert reported in read_labels("b.xlsx", data).rejects[0].reason
    assert count_rows("b.xlsx", data) == 1


def test_a_bomb_is_measured_before_it_is_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_UNPACKED", 1_000_000)
    assert "larger than 1 MB" in problem(packed(xl__sheet=b" " * 5_000_000))
    monkeypatch.setattr(xlsx, "MAX_PARTS", 3)
    assert "larger than" in problem(packed(**{f"p{i}": b"" for i in range(5)}))


def test_rows_columns_and_characters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 3)
    assert "more than 3 rows" in problem(a_book(*[("t", "pass")] * 5))
    assert "200 columns" in problem(a_book(("x",) * 201))
    monkeypatch.setattr(xlsx, "MAX_CHARACTERS", 100)
    assert "million characters" in problem(a_book(("x" * 200,)))


def test_a_text_too_long_for_a_cell_is_refused_when_written() -> None:
    with pytest.raises(WorkbookError, match="too long for a cell"):
        write_sheet(NAMES, [("t1", "fail", "x" * 40_000)], {})


def test_a_sheet_of_more_rows_than_a_spreadsheet_holds_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xlsx, "SHEET_ROWS", 50)
    for tag, n, is_refused in (("row", 50, False), ("row", 51, True), ("x:row", 51, True), ("rowBreaks", 90, False)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as book:
            book.writestr("xl/worksheets/sheet1.xml", f"<sheetData>{f'<{tag}/>' * n}</sheetData>")
        with pytest.raises(WorkbookError) as error:
            read_sheets(out.getvalue())
        assert ("more than 50 rows" in str(error.value)) == is_refused
