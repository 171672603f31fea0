"""Paging through a list that is being written to, without gaps.

A page number is a place that moves: a row that arrives in front of it pushes another one onto a page that was read
already. So lists that know only page numbers are read by time instead: every request asks for the first page of what
lies beyond the last row, bounds included. Rows at the bound come twice, which does no harm, since rows are kept by
their ids; only within one millisecond are page numbers used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from flywheel_pipeline.errors import PullError
from flywheel_pipeline.ports import Fetch
from flywheel_pipeline.steps.capture.formats.times import UnreadableError, utc

TICK = timedelta(milliseconds=1)
"""The resolution of times in the APIs."""
SLACK = 10
"""So many rows, and one in a hundred, may be deleted between two pages."""


@dataclass(frozen=True)
class Window:
    """What is fetched: rows from `since` (UTC) until just before `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Target:
    """A project of the tool, rows per page, and whether only ids and times are wanted, to count traces."""

    project: str
    size: int
    light: bool = False


@dataclass(frozen=True)
class Row:
    """A record of the API: what it is, its own id, the trace that it belongs to, and when it began or was given."""

    kind: str
    id: str
    trace_id: str
    at: datetime | None
    record: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """What two versions of one record have in common."""
        return self.trace_id, self.kind, self.id


@dataclass(frozen=True)
class Page:
    """Rows, and where to go on after them; None where the window ends."""

    rows: list[Row]
    cursor: str | None


Stream = Callable[[Fetch, Target, Window, str], Iterator[Page]]
"""Yields the pages of a list within a window, from a cursor on; "" is the beginning."""


def moment(value: Any) -> datetime | None:
    """Return a time of an API as UTC, None where there is none."""
    try:
        return utc(value).replace(tzinfo=timezone.utc)
    except UnreadableError:
        return None


def text(record: Mapping[str, Any], *names: str) -> str:
    """Return the first of the values that is there, as text; "" where none is."""
    return next((str(record[name]) for name in names if record.get(name) not in (None, "")), "")


def iso(at: datetime) -> str:
    """Return a time as APIs take it: ISO 8601 with milliseconds."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def objects(answer: Any, key: str, may_lack: bool = False) -> list[dict[str, Any]]:
    """Return the list of objects under `key` of an answer; `may_lack` says that an empty list is left out.

    Raises:
        PullError: there is none.
    """
    found = answer.get(key) if isinstance(answer, dict) else None
    if found is None and may_lack and isinstance(answer, dict):
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise PullError(f"the answer of the API has no list of objects under {key!r}: is this the tool's address?")
    return found


def held(answer: Any, *keys: str) -> Any:
    """Return what stands under the keys, one within the other; None where one of them does not."""
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def by_token(read: Callable[[str], tuple[list[Row], str | None]], cursor: str) -> Iterator[Page]:
    """Yield pages of a list whose server says where to go on: `read(token)` returns rows and the next token."""
    token: str | None = cursor
    while token is not None:
        rows, following = read(token)
        following = str(following) if following else None
        if following == token:
            raise PullError("the API answers with the same cursor again and again")
        yield Page(rows, following)
        token = following


@dataclass(frozen=True)
class Edge:
    """Where reading by time stands: the bounds of what is left, and the page within them, from 1."""

    since: datetime
    until: datetime
    page: int = 1

    @classmethod
    def of(cls, window: Window, cursor: str) -> Edge:
        """Return the edge that a cursor stands for."""
        if not cursor:
            return cls(window.since, window.until)
        held = json.loads(cursor)
        return cls(datetime.fromisoformat(held["since"]), datetime.fromisoformat(held["until"]), held["page"])

    @property
    def cursor(self) -> str:
        """The edge as text."""
        return json.dumps({"since": self.since.isoformat(), "until": self.until.isoformat(), "page": self.page})

    def after(self, times: list[datetime], newest_first: bool) -> Edge | None:
        """Return the edge after a page of rows with these times; None after an empty page.

        Raises:
            PullError: the rows are not in the order that was asked for.
        """
        if not times:
            return None
        if newest_first:
            until = min(times) + TICK
            return replace(self, until=until, page=1) if until < self.until else replace(self, page=self.page + 1)
        if times[0] > times[-1]:
            raise PullError("the API does not sort by time as it was asked to: rows would be missed")
        return replace(self, since=max(times), page=1) if max(times) > self.since else replace(self, page=self.page + 1)


def by_time(
    read: Callable[[Edge], tuple[list[Row], int | None]], window: Window, cursor: str, newest_first: bool = False
) -> Iterator[Page]:
    """Yield pages of a list that is in the order of time, until nothing lies beyond the last row.

    `read` returns the rows of an edge and how many the server has within its bounds, if it says so.

    Raises:
        PullError: the server has fewer rows beyond the last one than it had in all: it sorts in another way.
    """
    edge: Edge | None = Edge.of(window, cursor)
    left, n_read = 0, 0
    while edge is not None:
        rows, total = read(edge)
        if total is not None:
            if total < left - max(SLACK, left // 100):
                raise PullError(
                    f"the API had {left:,} more rows, and {total:,} beyond the last: it does not sort by time"
                )
            n_read = len(rows) + (n_read if edge.page > 1 else 0)
            left = total - n_read
        times = [row.at for row in rows if row.at is not None]
        if rows and not times:
            raise PullError("the rows of the API have no times, by which they are paged")
        edge = edge.after(times, newest_first)
        yield Page(rows, None if edge is None else edge.cursor)
