"""Agenta: spans by `POST /preview/tracing/spans/query` and annotations by `POST /preview/annotations/query`.

Both take a window of time (`oldest`, `newest`, `order`, `limit`) and are read by time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.ports import ApiRequest, Fetch
from flywheel_pipeline.steps.capture.pull.paging import (
    Edge,
    Page,
    Row,
    Stream,
    Target,
    Window,
    by_time,
    iso,
    moment,
    objects,
    text,
)


def row_of(record: Mapping[str, Any]) -> Row:
    """Return what a span or an annotation is."""
    trace_id, own = text(record, "trace_id"), text(record, "span_id", "id")
    if "links" in record and "span_name" not in record:
        return Row("2 annotation", own, trace_id, moment(record.get("created_at")), record)
    return Row("1 span", own, trace_id, moment(record.get("start_time") or record.get("created_at")), record)


def _spans(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    body = {"focus": "span", "format": "agenta"}
    yield from _queried(fetch, "/preview/tracing/spans/query", ("spans", body), target, window, cursor)


def _annotations(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    yield from _queried(fetch, "/preview/annotations/query", ("annotations", {}), target, window, cursor)


def _queried(
    fetch: Fetch, path: str, asked: tuple[str, dict[str, str]], target: Target, window: Window, cursor: str
) -> Iterator[Page]:
    key, body = asked

    def read(edge: Edge) -> tuple[list[Row], None]:
        # There are no page numbers: within one millisecond, ask for the same from its beginning, and more of it.
        size = target.size * edge.page
        bounds = {"oldest": iso(edge.since), "newest": iso(edge.until), "order": "ascending", "limit": size}
        answer = fetch(ApiRequest(path, body={**body, "windowing": bounds}))
        found = objects(answer, key, may_lack=True)
        return [row_of(record) for record in found[target.size * (edge.page - 1) :]], None

    yield from by_time(read, window, cursor)


STREAMS: Mapping[str, Stream] = {"spans": _spans, "annotations": _annotations}
