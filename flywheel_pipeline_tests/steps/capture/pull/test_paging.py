"""Reading a list by time or by token, also while rows arrive and go."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.errors import PullError
from flywheel_pipeline.steps.capture.pull.paging import Edge, Row, Window, by_time, by_token, iso, moment

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
WINDOW = Window(START, START + timedelta(seconds=1))
TIMES = st.lists(st.integers(0, 30), max_size=25)


def a_row(number: int, ms: int) -> Row:
    return Row("trace", f"t{number}", f"t{number}", START + timedelta(milliseconds=ms), {})


def a_page(rows: list[Row], edge: Edge, size: int, newest_first: bool) -> list[Row]:
    """What a server with page numbers answers, which sorts as it is asked to and rows of one time by their arrival."""
    found = [r for r in rows if r.at is not None and edge.since <= r.at < edge.until]
    found.sort(key=lambda r: r.at or START, reverse=newest_first)
    return found[(edge.page - 1) * size : edge.page * size]


@settings(max_examples=60)
@given(TIMES, TIMES, st.integers(1, 6), st.booleans(), st.integers(0, 3))
def test_no_row_is_missed_while_others_arrive_and_a_pull_may_stop_after_every_page(
    there: list[int], arriving: list[int], size: int, newest_first: bool, stop_every: int
) -> None:
    rows = [a_row(n, ms) for n, ms in enumerate(there)]
    first, late = list(rows), [a_row(100 + n, 31 + ms) for n, ms in enumerate(arriving)]
    seen: set[str] = set()

    def read(edge: Edge) -> tuple[list[Row], int]:
        page = a_page(rows, edge, size, newest_first)
        total = len(a_page(rows, Edge(edge.since, edge.until), 1000, newest_first))
        if late:  # they arrive elsewhere than in the milliseconds that are being read
            rows.append(late.pop())
        return page, total

    cursor: str | None = ""
    for _ in range(1000):
        n = 0
        for page in by_time(read, WINDOW, cursor or "", newest_first):
            seen |= {row.id for row in page.rows}
            cursor, n = page.cursor, n + 1
            if stop_every and n == stop_every:
                break
        if cursor is None:
            break
    assert cursor is None
    assert {row.id for row in first} <= seen


def test_rows_in_another_order_than_asked_for_are_reported() -> None:
    with pytest.raises(PullError, match="does not sort by time"):
        list(by_time(lambda edge: ([a_row(1, 9), a_row(2, 3)], None), WINDOW, ""))


def test_a_server_that_sorts_in_another_way_is_noticed_by_what_it_has_left() -> None:
    rows = [a_row(n, n) for n in range(500)]

    def read(edge: Edge) -> tuple[list[Row], int]:  # by the time of the last change, say, instead of the start
        found = [r for r in rows if r.at is not None and edge.since <= r.at < edge.until]
        return sorted(found, key=lambda r: r.id[::-1])[:50], len(found)

    with pytest.raises(PullError, match="does not sort by time"):
        list(by_time(read, WINDOW, "", newest_first=True))


def test_rows_without_a_time_are_reported() -> None:
    with pytest.raises(PullError, match="have no times"):
        list(by_time(lambda edge: ([Row("trace", "t", "t", None, {})], None), WINDOW, ""))


def test_a_cursor_that_comes_again_is_reported() -> None:
    with pytest.raises(PullError, match="same cursor"):
        list(by_token(lambda token: ([], "a"), "a"))
    pages = list(by_token(lambda token: ([a_row(1, 1)], "" if token else "next"), ""))
    assert [page.cursor for page in pages] == ["next", None]


def test_times_keep_their_milliseconds() -> None:
    at = START + timedelta(microseconds=123_456)
    assert iso(at) == "2026-01-01T00:00:00.123Z" and moment(iso(at)) == START + timedelta(milliseconds=123)
    assert moment("no time") is None and moment(None) is None
