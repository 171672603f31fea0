"""MLflow 3: traces by `POST /api/3.0/mlflow/traces/search`, then each with its spans.

The search answers without spans, and its page tokens are offsets, so that it is read by time. A trace is read whole by
`GET /api/3.0/mlflow/traces/get`; where its spans are an artifact (servers before 3.5), by `get-trace-artifact`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
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
    held,
    moment,
    objects,
    text,
)

API = "/api/3.0/mlflow/traces"
ARTIFACT = "/ajax-api/2.0/mlflow/get-trace-artifact"


def row_of(record: Mapping[str, Any]) -> Row:
    """Return what a trace is."""
    found = record.get("trace_info") or record.get("info")
    info = found if isinstance(found, dict) else record
    own = text(info, "trace_id", "request_id")
    return Row("trace", own, own, moment(info.get("request_time") or info.get("timestamp_ms")), record)


def _traces(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": target.project}}

    def read(edge: Edge) -> tuple[list[Row], None]:
        times = f"attributes.timestamp_ms >= {_ms(edge.since)} AND attributes.timestamp_ms < {_ms(edge.until)}"
        size = target.size * edge.page  # within one millisecond: the same from its beginning, and more of it
        body = {"locations": [where], "filter": times, "order_by": ["timestamp_ms ASC"], "max_results": size}
        answer = fetch(ApiRequest(f"{API}/search", body=body))
        infos = objects(answer, "traces", may_lack=True)
        fresh = infos[target.size * (edge.page - 1) :]
        return [row_of(info if target.light else _whole(fetch, info)) for info in fresh], None

    yield from by_time(read, window, cursor)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _whole(fetch: Fetch, info: dict[str, Any]) -> dict[str, Any]:
    """Return a trace with its spans; where the server has none of it, what the search says."""
    own = row_of(info).id
    try:
        answer = fetch(ApiRequest(f"{API}/get", {"trace_id": own}))
        if spans := held(answer, "trace", "spans"):
            return {"trace_info": {**info, **(held(answer, "trace", "trace_info") or {})}, "spans": spans}
    except NotOfferedError:
        pass
    try:
        data = fetch(ApiRequest(ARTIFACT, {"request_id": own}))
    except NotOfferedError:
        return {"info": info, "data": {}}
    return {"info": info, "data": data if isinstance(data, dict) else {}}


STREAMS: Mapping[str, Stream] = {"traces": _traces}
