"""Phoenix: spans by `GET /v1/projects/{project}/spans` (cursors), with the annotations of each.

Annotations can be asked for by span only, and name no trace. They are put on their span the way OpenInference puts
annotations on spans (`spec/annotations.md`), so that they stay with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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

SPANS_AT_ONCE = 100
"""How many spans one request for annotations names; their ids are in its address."""


def row_of(record: Mapping[str, Any]) -> Row:
    """Return what a span is."""
    context = record.get("context")
    ids = context if isinstance(context, dict) else record
    return Row("span", text(ids, "span_id"), text(ids, "trace_id"), moment(record.get("start_time")), record)


def _spans(fetch: Fetch, target: Target, window: Window, cursor: str) -> Iterator[Page]:
    project = f"/v1/projects/{target.project}"
    query = {
        "limit": target.size,
        "start_time": iso(window.since),
        "end_time": iso(window.until),
        **({"parent_id": "null"} if target.light else {}),
    }

    def read(token: str) -> tuple[list[Row], str | None]:
        answer = fetch(ApiRequest(f"{project}/spans", {**query, "cursor": token} if token else query))
        spans = objects(answer, "data")
        if not target.light:
            spans = _annotated(fetch, project, spans)
        return [row_of(span) for span in spans], held(answer, "next_cursor")

    yield from by_token(read, cursor)


def _annotated(fetch: Fetch, project: str, spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the spans with their annotations."""
    by_span: dict[str, list[dict[str, Any]]] = {}
    ids = [row_of(span).id for span in spans]
    for first in range(0, len(ids), SPANS_AT_ONCE):
        query = {"span_ids": ids[first : first + SPANS_AT_ONCE], "limit": 1000}

        def read(token: str, query: dict[str, Any] = query) -> tuple[list[Row], str | None]:
            path = f"{project}/span_annotations"
            answer = fetch(ApiRequest(path, {**query, "cursor": token} if token else query))
            for annotation in objects(answer, "data"):
                by_span.setdefault(text(annotation, "span_id"), []).append(annotation)
            return [], held(answer, "next_cursor")

        for _ in by_token(read, ""):
            pass
    return [_with(span, by_span[i]) if i in by_span else span for span, i in zip(spans, ids, strict=True)]


def _with(span: dict[str, Any], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    known = span.get("attributes")
    attributes = dict(known) if isinstance(known, dict) else {}
    ordered = sorted(annotations, key=lambda a: (text(a, "name"), text(a, "identifier"), text(a, "id")))
    for n, annotation in enumerate(ordered):
        result = annotation.get("result")
        stated = {**(result if isinstance(result, dict) else {}), **annotation}
        for key in ("name", "label", "score", "explanation", "annotator_kind", "identifier", "user_id"):
            if stated.get(key) not in (None, ""):
                attributes[f"annotations.{n}.annotation.{key}"] = stated[key]
    return {**span, "attributes": attributes}


STREAMS: Mapping[str, Stream] = {"spans": _spans}
