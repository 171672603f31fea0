"""Numbers as text; one that may be two numbers, or is of another currency or unit, is refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.formats.amounts import (
    UnknownUnitError,
    cost_in,
    count_in,
    milliseconds_in,
    number_in,
)
from flywheel_pipeline.steps.capture.formats.times import UnreadableError
from flywheel_pipeline_tests.steps.capture.formats.test_exports import read

READ: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (number_in, "1,234", 1234), (number_in, "12,345,678.5", 12345678.5), (number_in, "1.234,5", 1234.5), (number_in, "1 234", 1234),
    (number_in, "1\u202f234,5", 1234.5), (number_in, "1'234.5", 1234.5), (number_in, "0,001", 0.001), (number_in, "1,23", 1.23),
    (number_in, "1e-3", 0.001), (number_in, ".5", 0.5), (number_in, Decimal("1.5"), 1.5), (number_in, 7, 7), (number_in, "1.234.567", 1234567),
    (count_in, "1,234", 1234), (count_in, "1.234", 1234), (count_in, "12.0", 12), (count_in, 12.0, 12), (count_in, "0", 0),
    (cost_in, "$0.0012", 0.0012), (cost_in, "0.0012 USD", 0.0012), (cost_in, "US$ 1", 1), (cost_in, "usd 2", 2), (cost_in, "0,0012", 0.0012),
    (cost_in, "$1,234.56", 1234.56), (cost_in, "1.234,56 $", 1234.56), (cost_in, "$12,345,678", 12345678), (cost_in, 0.5, 0.5),
    (milliseconds_in, "350", 350), (milliseconds_in, "350 ms", 350), (milliseconds_in, "1.2s", 1200), (milliseconds_in, "2 min", 120000),
    (milliseconds_in, "00:00:01.5", 1500), (milliseconds_in, "1,200 ms", 1200), (milliseconds_in, "5 us", 0.005),
    *((f, text, None) for f in (number_in, count_in, cost_in, milliseconds_in) for text in (None, "", " ", "N/A", "nan", "-", "null", float("nan"))),
]  # fmt: skip
REFUSED: list[tuple[Callable[[Any], Any], Any]] = [
    (number_in, "abc"), (number_in, "-1"), (number_in, -1), (number_in, "12,34,567"), (number_in, "1e999"), (number_in, []), (number_in, True),
    (number_in, "1,234,56"), (number_in, 10**400), (number_in, "1 23"), (count_in, "12.5"), (count_in, "1.000"), (count_in, 1.5), (count_in, "1e30"),
    (cost_in, "€0.5"), (cost_in, "0.5 EUR"), (cost_in, "0.12 cents"), (cost_in, "1,234"), (cost_in, "1,000"), (cost_in, "-$1"), (cost_in, "£1"),
    (milliseconds_in, "5 apples"), (milliseconds_in, "soon"), (milliseconds_in, "-5 ms"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "value", "expected"), READ)
def test_a_number_is_read_as_it_is_written(reader: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert reader(value) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("reader", "value"), REFUSED)
def test_what_is_no_such_number_or_may_be_two_is_refused(reader: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(UnreadableError):
        reader(value)


def test_a_duration_without_a_unit_may_mean_several() -> None:
    with pytest.raises(UnknownUnitError):
        milliseconds_in("1.2", unit=None)
    assert milliseconds_in("1.2 s", unit=None) == milliseconds_in("1.2", unit=1000) == 1200


@given(st.integers(0, 10**15))
def test_whole_numbers_are_read_with_any_thousands_mark(number: int) -> None:
    grouped = f"{number:,}"
    assert number_in(grouped) == count_in(grouped) == number
    for mark in (" ", "'", "\u00a0", "\u202f"):
        assert number_in(grouped.replace(",", mark)) == number


@given(st.text(max_size=20), st.sampled_from([number_in, count_in, cost_in, milliseconds_in]))
def test_no_text_makes_it_raise_anything_else(text: str, reader: Callable[[Any], Any]) -> None:
    try:
        found = reader(text)
    except UnreadableError:
        return
    assert found is None or found >= 0


ROW = {
    "id": "r",
    "question": "Q",
    "answer": "A",
    "time": "2025-06-02T12:00:00Z",
    "prompt_tokens": "1,234",
    "cost": "$0.5",
    "latency_s": "1.5",
}


def test_a_table_reads_amounts_as_text() -> None:
    (trace,) = read(ROW).traces
    assert (trace.input_tokens, trace.cost_usd, trace.latency_ms) == (1234, 0.5, 1500)


@pytest.mark.parametrize(("column", "cell"), [("cost", "€0.5"), ("prompt_tokens", "many"), ("latency_s", "a while")])
def test_a_cell_that_holds_no_number_is_reported_and_the_trace_kept_without_it(column: str, cell: str) -> None:
    captured = read({**ROW, column: cell})
    (trace,), (reject,) = captured.traces, captured.rejects
    assert (trace.input, trace.output) == ("Q", "A")
    assert column in reject.reason and cell in reject.reason and cell in trace.tags
    assert captured.n_rows_in == 2


def test_a_duration_in_a_column_without_a_unit_is_kept_as_it_is() -> None:
    row = {k: v for k, v in ROW.items() if k != "latency_s"}
    captured = read({**row, "latency": "1.5"}, {**row, "latency": "1.5 s", "id": "b"})
    assert [(t.trace_id, t.latency_ms, '"latency":"1.5"' in t.tags) for t in captured.traces] == [
        ("b", 1500.0, False),
        ("r", None, True),
    ]
    assert captured.rejects == []
