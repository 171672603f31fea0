"""LangSmith: runs by `POST /api/v1/runs/query` (cursors), feedback by `GET /api/v1/feedback` (offsets)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.errors import PullError
from flywheel_pipeline.ports import ApiRequest, Fetch
from flywheel_pipeline.steps.capture.pull.paging import (
    Page,
    Row,
    Stream,
    Target,
    Window,
    by_token,
    held,
    iso,
    moment,
    objects,
    text,
)

API = "/api/v1"
LIGHT = ["id", "trace_id", "start_time"]
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def row_of(record: Mapping[str, Any]) -> Row:
    """Return what a run or a feedback is."""
    trace_id = text(record, "trace_id", "run_id", "id")
    if "key" in record:
        return Row("2 feedback", text(record, "id"), trace_id, moment(record.get("created_at")), record)
    return Row("1 run", text(record, "id"), trace_id, moment(record.get("start_time")), record)


def _project(fetch: Fetch, name: str) -> str:
    """Return the id of a project, called session by the API."""
    if _UUID.fullmatch(name):
        return name
    found = fetch(ApiRequest(f"{API}/sessions", {"name": name, "limit": 1}))
    if not (isinstance(found, list) and found and isinstance(found[0], dict)):
        raise PullError(f"LangSmith has no project {name!r} that this key may read")
    return text(found[0], "id")


def _runs(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    body = {
        "session": [_project(fetch, target.project)],
        "limit": target.size,
        "start_time": iso(window.since),
        "filter": f'lt(start_time, "{iso(window.until)}")',
        **({"is_root": True, "select": LIGHT} if target.light else {}),
    }

    def read(token: str) -> tuple[list[Row], str | None]:
        answer = fetch(ApiRequest(f"{API}/runs/query", body={**body, "cursor": token} if token else body))
        return [row_of(run) for run in objects(answer, "runs")], held(answer, "cursors", "next")

    yield from by_token(read, cursor)


def _feedback(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    """Yield the feedback created in the window: what is created now is outside, so that offsets do not move."""
    query = {
        "session": _project(fetch, target.project),
        "limit": target.size,
        "min_created_at": iso(window.since),
        "max_created_at": iso(window.until),
    }

    def read(token: str) -> tuple[list[Row], str | None]:
        offset = int(token or 0)
        found = objects({"feedback": fetch(ApiRequest(f"{API}/feedback", {**query, "offset": offset}))}, "feedback")
        return [row_of(item) for item in found], str(offset + len(found)) if found else None

    yield from by_token(read, cursor)


STREAMS: Mapping[str, Stream] = {"runs": _runs, "feedback": _feedback}
