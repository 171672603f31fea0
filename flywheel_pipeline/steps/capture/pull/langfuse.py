"""Langfuse: traces, observations and scores by its public API (server v2 and v3), observations and scores by v4.

Up to v3 the lists have page numbers: `GET /api/public/traces` (sorted as `orderBy` says), `/observations` and
`/v2/scores` (the newest first). v4, which Langfuse Cloud is since 2026-11-16, has no traces of their own:
`GET /api/public/v2/observations` and `/v3/scores` have cursors. Which of them a server has is found out by asking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from flywheel_pipeline.errors import NotOfferedError
from flywheel_pipeline.ports import ApiRequest, Fetch
from flywheel_pipeline.steps.capture.pull.paging import (
    Edge,
    Page,
    Row,
    Stream,
    Target,
    Window,
    by_time,
    by_token,
    held,
    iso,
    moment,
    objects,
    text,
)

API = "/api/public"
GROUPS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"


def row_of(record: Mapping[str, Any]) -> Row:
    """Return what a trace, an observation or a score is."""
    if "traceId" not in record:
        return Row("1 trace", text(record, "id"), text(record, "id"), moment(record.get("timestamp")), record)
    if "startTime" in record:
        at = moment(record.get("startTime"))
        return Row("2 observation", text(record, "id"), text(record, "traceId"), at, record)
    return Row("3 score", text(record, "id"), text(record, "traceId"), moment(record.get("timestamp")), record)


def _has_observations_v2(fetch: Fetch) -> bool:
    try:
        fetch(ApiRequest(f"{API}/v2/observations", {"limit": 1, "fields": "core"}))
    except NotOfferedError:
        return False
    return True


def _traces(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    """Yield the traces up to v3; of v4, where a trace is its observations, the root observations to count them."""
    if _has_observations_v2(fetch):
        if target.light:
            yield from _observations_v2(fetch, target, window, cursor)
        return

    def read(edge: Edge) -> tuple[list[Row], int | None]:
        query = {
            "page": edge.page,
            "limit": target.size,
            "orderBy": "timestamp.asc",
            "fromTimestamp": iso(edge.since),
            "toTimestamp": iso(edge.until),
            **({"fields": "core"} if target.light else {}),
        }
        return _counted(fetch(ApiRequest(f"{API}/traces", query)))

    yield from by_time(read, window, cursor)


def _observations(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    if _has_observations_v2(fetch):
        yield from _observations_v2(fetch, target, window, cursor)
        return

    def read(edge: Edge) -> tuple[list[Row], int | None]:
        times = {"fromStartTime": iso(edge.since), "toStartTime": iso(edge.until)}
        query = {"page": edge.page, "limit": target.size, **times}
        return _counted(fetch(ApiRequest(f"{API}/observations", query)))

    yield from by_time(read, window, cursor, newest_first=True)


def _observations_v2(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    query = {
        "limit": target.size,
        "fields": "core" if target.light else GROUPS,
        "fromStartTime": iso(window.since),
        "toStartTime": iso(window.until),
        **({"isRootObservation": "true"} if target.light else {}),
    }
    yield from by_token(partial(_next, fetch, f"{API}/v2/observations", query), cursor)


def _scores(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    if _has_observations_v2(fetch):
        times = {"fromTimestamp": iso(window.since), "toTimestamp": iso(window.until)}
        query = {"limit": target.size, "fields": "details,subject,annotation", **times}
        yield from by_token(partial(_next, fetch, f"{API}/v3/scores", query), cursor)
        return

    def read(edge: Edge) -> tuple[list[Row], int | None]:
        times = {"fromTimestamp": iso(edge.since), "toTimestamp": iso(edge.until)}
        query = {"page": edge.page, "limit": target.size, **times}
        try:
            return _counted(fetch(ApiRequest(f"{API}/v2/scores", query)))
        except NotOfferedError:  # the first versions of v3
            return _counted(fetch(ApiRequest(f"{API}/scores", query)))

    yield from by_time(read, window, cursor, newest_first=True)


def _next(fetch: Fetch, path: str, query: Mapping[str, Any], cursor: str) -> tuple[list[Row], str | None]:
    answer = fetch(ApiRequest(path, {**query, "cursor": cursor} if cursor else query))
    return _rows(answer), held(answer, "meta", "cursor")


def _counted(answer: Any) -> tuple[list[Row], int | None]:
    total = held(answer, "meta", "totalItems")
    return _rows(answer), total if isinstance(total, int) else None


def _rows(answer: Any) -> list[Row]:
    return [row_of(_flat(record)) for record in objects(answer, "data")]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return a score of API v3 with its groups joined, and the trace that it is about as a field.

    A trace is returned without the ids of its observations and scores, which are records of their own.
    """
    subject = record.get("subject")
    if not isinstance(subject, dict):
        return {k: v for k, v in record.items() if "traceId" in record or k not in ("observations", "scores")}
    made = {k: v for k, v in record.items() if k not in ("subject", "details", "annotation")}
    for group in (record.get("details"), record.get("annotation")):
        made |= group if isinstance(group, dict) else {}
    kind, own = subject.get("kind"), subject.get("id")
    if kind == "session":
        return {**made, "traceId": None, "sessionId": own}
    of_trace = own if kind == "trace" else subject.get("traceId")
    return {**made, "traceId": of_trace, **({"observationId": own} if kind == "observation" else {})}


STREAMS: Mapping[str, Stream] = {"traces": _traces, "observations": _observations, "scores": _scores}
