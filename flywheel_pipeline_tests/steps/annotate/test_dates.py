"""Dates of exports and spreadsheets; what is ambiguous is no date."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline.steps.annotate.dates import DAY_FIRST, MONTH_FIRST, order_of, read_date

AT = datetime(2026, 11, 28, 14, 3)


@pytest.mark.parametrize(
    "text",
    ["2026-11-28T14:03", "2026-11-28 14:03:00Z", "2026-11-28T15:03:00+0100", "20261128T14:03", "11/28/2026 14:03",
     "11/28/26 2:03 PM", "28.11.2026 14:03", "28/11/2026, 14:03", "28-11-2026 14:03", "2026/11/28 14:03",
     "28 Nov 2026 14:03",
     "Nov 28, 2026 14:03", "28-Nov-2026 14:03", "November 28th, 2026 14:03", "46354.5854166667", "1795874580",
     "1795874580000",
     "2026-11-28 14:03:00 UTC"],
)  # fmt: skip
def test_a_moment_is_understood_however_it_is_written(text: str) -> None:
    assert read_date(text) == AT


@pytest.mark.parametrize(
    "text",
    ["last week", "2025-06-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "3/4/2026", "13/13/2026",
     "12",     "", None, "2026-11-28 25:00", "1 2 3"],
)  # fmt: skip
def test_what_is_not_certain_is_no_date(text: str | None) -> None:
    assert read_date(text) is None


def test_the_order_of_day_and_month_is_that_of_the_column() -> None:
    assert order_of(["3/4/2026", "3/14/2026"]) == MONTH_FIRST
    assert order_of(["3/4/2026", "14/3/2026"]) == DAY_FIRST
    assert order_of(["3/4/2026"]) is order_of(["14/3/2026", "3/14/2026"]) is None
    assert read_date("3/4/2026", MONTH_FIRST) == datetime(2026, 3, 4)
    assert read_date("3/4/2026", DAY_FIRST) == datetime(2026, 4, 3)
    assert read_date("3.4.2026", MONTH_FIRST) == datetime(2026, 4, 3)


def test_a_date_never_costs_a_verdict_and_those_without_one_are_reported() -> None:
    text = "trace_id,verdict,date\nt1,pass,03/04/2026\nt2,pass,soon\nt3,pass,2026-01-02\n"
    found = read_labels("a.csv", text.encode())
    assert [a.labelled_at for a in found.annotations] == [None, None, datetime(2026, 1, 2)]
    assert "2 dates cannot be read with certainty, the first '03/04/2026'" in found.notes[0]


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)))
def test_what_python_writes_is_read_back(moment: datetime) -> None:
    assert read_date(moment.isoformat()) == moment.replace(tzinfo=None)


@given(st.text() | st.text("0123456789/.-: apmTZ+", max_size=24))
def test_no_text_stops_the_reader_of_dates(text: str) -> None:
    found = read_date(text, DAY_FIRST)
    assert found is None or found.tzinfo is None
