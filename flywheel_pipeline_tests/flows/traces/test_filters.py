"""Filters of the list of traces: what a URL may ask for, and that nothing in it is ever SQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.flows.traces.filters import NAMES, FilterError, all_conditions, conditions, read_filters


def test_a_url_is_read_into_filters() -> None:
    found = read_filters(
        [("feedback", "negative"), ("feedback", "(none)"), ("since", "2026-01-31"), ("turns", "3"),
         ("tag", "tier = pro"), ("words", " refund  late "), ("within", "question"), ("app", "")]
    )  # fmt: skip
    assert found.chosen == {"feedback": ("negative", "(none)")} and found.bounds == {"turns": 3.0}
    assert (found.since, found.until) == (date(2026, 1, 31), None)
    assert found.tags == (("tier", "pro"),) and found.words == ("refund", "late") and found.within == ("question",)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("colour", "red")], "there is no filter 'colour'"),
        ([("turns", "many")], "turns must be a number from 0"),
        ([("cost", "nan")], "cost must be a number from 0"),
        ([("latency", "-1")], "latency must be a number from 0"),
        ([("since", "yesterday")], "since must be a day such as 2026-01-31"),
        ([("tag", "tier")], "tag must be written as name=value"),
        ([("within", "title")], "within must be one of question, answer, comment"),
        ([("session", "a"), ("session", "b")], "session has 2 values; it may have 1"),
        ([("model", "m" * 501)], "model is longer than 500 characters"),
        ([("words", " ".join("abcdefghi"))], "at most 8 words"),
    ],
)
def test_what_is_no_filter_is_refused(pairs: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(FilterError, match=message.replace("(", r"\(")):
        read_filters(pairs)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=20)), max_size=6))
def test_no_value_is_ever_part_of_the_sql(pairs: list[tuple[str, str]]) -> None:
    marked = [(name, f"zq{value}" if name not in ("within", "tag") else value) for name, value in pairs]
    try:
        filters = read_filters(marked)
    except FilterError:
        return
    filters = replace(filters, among=[filters.like]) if filters.like else filters
    for sql, params in (conditions(filters), all_conditions(filters)):
        assert "zq" not in sql
        assert sql.count("$") >= len(params) and all(f"${name}" in sql for name in params)
