"""Answers of APIs: objects that hold nothing but records, and how to go on to the next page; tables by column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.steps.capture.parts import loads

PAGES = frozenset((
    "data", "traces", "items", "results", "result", "spans", "runs", "observations", "scores", "records", "rows",
    "calls", "logs", "entries", "edges", "hits", "feedback", "annotations", "sessions", "content", "events",
))  # fmt: skip
"""Keys under which APIs answer with records."""
_WRAPPERS = ("node", "_source", "record", "row")
"""Keys of an item of such a list under which the record is found (GraphQL, Elasticsearch)."""
_MESSAGES = ("message", "log", "jsonPayload", "msg", "_raw")
"""Keys under which collectors of logs keep the line that an app wrote."""
_PAGING = PAGES | frozenset((
    "meta", "metadata", "page", "pagination", "paging", "links", "total", "count", "size", "limit", "offset", "errors",
    "warnings", "has_more", "hasMore", "cursor", "cursors", "next", "next_cursor", "nextCursor", "next_page",
    "next_page_token", "nextPageToken", "pageInfo", "object", "structuredErrors", "took", "timed_out", "_shards",
))  # fmt: skip
"""Keys of an answer that may hold no records at all."""
_PLAIN = (str, int, float, list, type(None))
_ID = re.compile(r"[0-9a-fA-F-]{16,36}")
_COLUMNS = 3
"""Fewer columns are no table of traces: a time, a question and an answer."""
MAX_DEPTH = 4


def records_in_page(value: Mapping[str, Any], depth: int = 0) -> list[Any] | None:
    """Return the records that an answer of an API holds, in their order; None if it is no such answer.

    All lists of objects under the keys of `PAGES` are taken, also within objects under such keys
    (`{"data": {"traces": {"edges": [{"node": …}]}}}`); everything else in the answer is about paging. Tables by column,
    as pandas and Logfire write them, are turned into rows.
    """
    table = _rows_of_columns(value) if not depth else None
    if table is not None:
        return table
    found: list[Any] = []
    seen = False
    for key, held in value.items():
        if key not in PAGES:
            continue
        if isinstance(held, list) and (_holds_records(held) or (not held and value.keys() <= _PAGING)):
            seen = True
            found += [_unwrapped(i) for i in held]
        elif isinstance(held, dict) and depth < MAX_DEPTH and (inner := records_in_page(held, depth + 1)) is not None:
            seen = True
            found += inner
    if seen or depth:
        return found if seen else None
    return _alone(value) or _logged(value)


def _alone(value: Mapping[str, Any]) -> list[Any] | None:
    """Return the one record in an answer that holds nothing else, `{"result": {…}}`."""
    held = [v for k, v in value.items() if k in PAGES and isinstance(v, dict) and v]
    return held if len(held) == 1 and value.keys() <= _PAGING else None


def _logged(value: Mapping[str, Any]) -> list[Any] | None:
    """Return the record that a line of a log collector (CloudWatch, Docker, Cloud Logging) holds as its message."""
    for key in _MESSAGES:
        held = value.get(key)
        inner = loads(held) if isinstance(held, str) and held.lstrip()[:1] == "{" else None
        if isinstance(inner, dict):
            return [inner]
        if isinstance(held, dict) and key in ("log", "jsonPayload"):
            return [held]
    return None


def _rows_of_columns(value: Mapping[str, Any]) -> list[Any] | None:
    """Return the rows of a table that is stored by column; None if `value` is none.

    Known are `{column: {row: cell}}` and `{columns, data: [[cell]]}` (pandas, `orient` columns and split), `{"0": row}`
    (index), and `{columns: [{name, values}]}` (Logfire).
    """
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and columns:
        if isinstance(data, list) and all(isinstance(row, list) and len(row) == len(columns) for row in data):
            return [dict(zip(map(str, columns), row, strict=True)) for row in data]
        cells = [c["values"] for c in columns if isinstance(c, dict) and isinstance(c.get("values"), list)]
        if len(cells) == len(columns) and len({len(c) for c in cells}) == 1:
            names = [str(c.get("name")) for c in columns]
            return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    held = list(value.values())
    if not held or not all(isinstance(v, dict) and v for v in held):
        return None
    if all(str(key).isdecimal() for key in value):
        return held
    rows = held[0].keys()
    if len(held) >= _COLUMNS and all(v.keys() == rows for v in held) and not any(map(_is_nested, held)):
        return [{column: cells[row] for column, cells in value.items()} for row in rows]
    return None


def _is_nested(cells: Mapping[str, Any]) -> bool:
    """Return whether rows have names other than numbers and ids, which cells of one column do not."""
    return not all(str(key).isdecimal() or _ID.fullmatch(str(key)) for key in cells)


def _holds_records(items: list[Any]) -> bool:
    return any(not isinstance(i, _PLAIN) for i in items)


def _unwrapped(item: Any) -> Any:
    if isinstance(item, dict):
        for key in _WRAPPERS:
            if isinstance(item.get(key), dict):
                return item[key]
    return item
