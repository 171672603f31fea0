"""Answers of APIs: objects that hold nothing but a list of records, and how to go on to the next page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAGES = frozenset((
    "data", "traces", "items", "results", "result", "spans", "runs", "observations", "scores", "records", "rows",
    "calls", "logs", "entries", "edges", "hits", "feedback", "annotations", "sessions", "content",
))  # fmt: skip
"""Keys under which APIs answer with records."""
_WRAPPERS = ("node", "_source", "record", "row")
"""Keys of an item of such a list under which the record is found (GraphQL, Elasticsearch)."""
_PAGING = PAGES | frozenset((
    "meta", "metadata", "page", "pagination", "paging", "links", "total", "count", "size", "limit", "offset", "errors",
    "warnings", "has_more", "hasMore", "cursor", "cursors", "next", "next_cursor", "nextCursor", "next_page",
    "next_page_token", "nextPageToken", "pageInfo", "object", "structuredErrors", "took", "timed_out", "_shards",
))  # fmt: skip
"""Keys of an answer that may hold no records at all."""
_PLAIN = (str, int, float, list, type(None))
MAX_DEPTH = 4


def records_in_page(value: Mapping[str, Any], depth: int = 0) -> list[Any] | None:
    """Return the records that an answer of an API holds, in their order; None if it is no such answer.

    All lists of objects under the keys of `PAGES` are taken, also within objects under such keys
    (`{"data": {"traces": {"edges": [{"node": …}]}}}`); everything else in the answer is about paging.
    """
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
    return found if seen else None


def _holds_records(items: list[Any]) -> bool:
    return any(not isinstance(i, _PLAIN) for i in items)


def _unwrapped(item: Any) -> Any:
    if isinstance(item, dict):
        for key in _WRAPPERS:
            if isinstance(item.get(key), dict):
                return item[key]
    return item
